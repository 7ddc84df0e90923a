//! Who is answered: what a turn does with the decision of its host, the owner's buttons, groups, and files.

use reef_assistant::{AccessRequest, Place, TurnOutcome, Verdict};
use reef_domain::settings::{Access, GroupMode, Settings as Behavior};
use reef_protocols::telegram::parse_update;
use serde_json::{Value, json};

use crate::fake::{FakeHost, answer, message_update, text_update};

const ANSWERED: TurnOutcome = TurnOutcome::Answered { model_error: None };

fn update(body: Value) -> reef_protocols::telegram::Update {
    parse_update(body.to_string().as_bytes()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn refused_person_gets_one_sentence_and_the_owner_is_asked() {
    let request = AccessRequest { person_id: "p1".to_owned(), owner_chat_id: 42 };
    let verdict = Verdict::Refused { request: Some(request), can_be_approved: true };
    let host = FakeHost::new().with_admission(Behavior::default(), verdict);
    assert_eq!(host.turn(&text_update(1, "hi")).await, Ok(ANSWERED));
    assert!(host.calls("model").is_empty());
    let sent = host.calls("sendMessage");
    assert_eq!(sent.len(), 2);
    assert_eq!(
        (&sent[0].body["chat_id"], &sent[0].body["text"]),
        (&json!(42), &json!("Bob would like to talk to me."))
    );
    let buttons = &sent[0].body["reply_markup"]["inline_keyboard"][0];
    assert_eq!(
        (&buttons[0]["callback_data"], &buttons[1]["callback_data"]),
        (&json!("approve:p1"), &json!("block:p1"))
    );
    assert_eq!(sent[1].body["chat_id"], 7);

    let silent = FakeHost::new().with_admission(Behavior::default(), Verdict::Silent);
    assert_eq!(silent.turn(&text_update(1, "hi")).await, Ok(TurnOutcome::Ignored));
    assert!(silent.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn button_of_a_request_is_carried_out() {
    let host = FakeHost::new();
    let press = json!({"update_id": 5, "callback_query": {"id": "q", "data": "approve:p1",
        "from": {"id": 42, "is_bot": false, "first_name": "Ada"},
        "message": {"message_id": 3, "date": 1, "chat": {"id": 42, "type": "private"}}}});
    host.turn(&update(press)).await.unwrap();
    assert_eq!(host.decisions(), [(42, "p1".to_owned(), true)]);
    assert_eq!(host.calls("answerCallbackQuery")[0].body["callback_query_id"], "q");
    assert_eq!(host.calls("editMessageText")[0].body["message_id"], 3);
    assert_eq!(host.calls("sendMessage")[0].body["chat_id"], 99);
    let other = json!({"update_id": 6, "callback_query": {"id": "q", "data": "odd",
        "from": {"id": 42, "is_bot": false, "first_name": "Ada"}}});
    assert_eq!(host.turn(&update(other)).await, Ok(TurnOutcome::Ignored));
}

#[tokio::test(start_paused = true)]
async fn membership_in_groups_is_recorded() {
    let host = FakeHost::new();
    for (update_id, kind, status) in [(1, "group", "member"), (2, "group", "left"), (3, "private", "kicked")]
    {
        let chat = json!({"id": -5, "type": kind, "title": "Team"});
        let changed = json!({"update_id": update_id, "my_chat_member": {"chat": chat, "date": 1,
            "from": {"id": 8, "is_bot": false, "first_name": "Eve"},
            "old_chat_member": {"status": "left"}, "new_chat_member": {"status": status}}});
        host.turn(&update(changed)).await.unwrap();
    }
    assert_eq!(host.memberships(), [(-5, Some(8)), (-5, None)]);
}

#[tokio::test(start_paused = true)]
async fn groups_are_answered_as_the_settings_say() {
    let message = json!({"chat": {"id": -5, "type": "supergroup"}, "text": "good morning"});
    for (groups, expected) in [
        (GroupMode::Off, TurnOutcome::Ignored),
        (GroupMode::Mention, TurnOutcome::Ignored),
        (GroupMode::All, ANSWERED),
    ] {
        let behavior = Behavior { access: Access { groups, ..Access::default() }, ..Behavior::default() };
        let host = FakeHost::new().with_admission(behavior, Verdict::Allowed);
        assert_eq!(host.turn(&message_update(1, message.clone())).await, Ok(expected), "{groups}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_shape_the_prompt_and_the_greeting() {
    let behavior = Behavior {
        instructions: Some("Answer as a pirate.".to_owned()),
        greeting: Some("Ahoy!".to_owned()),
        language: Some("de".to_owned()),
        time_zone: "Europe/Berlin".to_owned(),
        ..Behavior::default()
    };
    let host = FakeHost::new().with_admission(behavior, Verdict::Allowed);
    host.turn(&text_update(1, "hi")).await.unwrap();
    let system = host.calls("model")[0].body["system"].to_string();
    for part in ["Answer as a pirate.", "BCP 47 tag de", "01:00 (Europe/Berlin)"] {
        assert!(system.contains(part), "{system}");
    }
    host.turn(&text_update(2, "/start")).await.unwrap();
    assert_eq!(host.sent().last().unwrap(), "Ahoy!");
}

#[tokio::test(start_paused = true)]
async fn owner_code_is_passed_on() {
    let host = FakeHost::new().with_admission(Behavior::default(), Verdict::NewOwner);
    host.turn(&text_update(1, "/start owner_12ab")).await.unwrap();
    assert!(host.sent()[0].contains("You're the owner of Ada now."));
    let visit = &host.visits()[0];
    assert_eq!((visit.owner_code.as_deref(), &visit.place), (Some("owner_12ab"), &Place::Private));
    assert_eq!(visit.visitor.as_ref().unwrap().name, "Bob");
}

#[tokio::test(start_paused = true)]
async fn topics_are_conversations_of_their_own() {
    let host = FakeHost::new();
    let in_topic = |thread: i64| json!({"text": "hi", "message_thread_id": thread, "is_topic_message": true});
    host.turn(&message_update(1, in_topic(4))).await.unwrap();
    host.turn(&message_update(2, in_topic(5))).await.unwrap();
    assert_eq!((host.topic(7, 4).len(), host.topic(7, 5).len(), host.conversation(7).len()), (2, 2, 0));
    assert_eq!(host.calls("model")[1].body["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn files_reach_the_model_or_are_declined_in_words() {
    let host = FakeHost::new()
        .with_file("pic.jpg", b"\xff\xd8x")
        .with_file("notes.txt", b"milk, eggs")
        .with_file("empty.pdf", b"");
    let photo =
        |size: u64| json!({"photo": [{"file_id": "pic.jpg", "file_size": size}], "caption": "what is it?"});
    host.turn(&message_update(1, photo(3))).await.unwrap();
    let content = host.calls("model")[0].body["messages"][0]["content"].clone();
    assert_eq!(content[0]["type"], "image", "{content}");
    let notes =
        json!({"document": {"file_id": "notes.txt", "file_name": "notes.txt", "mime_type": "text/plain"}});
    host.turn(&message_update(2, notes)).await.unwrap();
    assert!(host.calls("model")[1].body["messages"].to_string().contains("milk, eggs"));
    let declined = [
        (
            json!({"document": {"file_id": "x", "file_size": 26_214_400, "mime_type": "application/pdf"}}),
            "too large",
        ),
        (json!({"document": {"file_id": "empty.pdf", "mime_type": "application/pdf"}}), "empty"),
        (json!({"document": {"file_id": "x", "mime_type": "application/zip"}}), "can't open this file"),
        (json!({"voice": {"file_id": "x", "duration": 3, "mime_type": "audio/ogg"}}), "can't listen"),
        (json!({"voice": {"file_id": "x", "duration": 7_200}}), "too long"),
    ];
    for (update_id, (fields, expected)) in (3..).zip(declined) {
        host.turn(&message_update(update_id, fields)).await.unwrap();
        let said = host.sent().pop().unwrap();
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(host.calls("model").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn answer_is_shown_while_it_is_written() {
    let events = [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Once upon "}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a time there was a long story that went on."}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let stream: String = events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect();
    let host = FakeHost::new().with_model_responses([answer("").with_body(stream.as_bytes())]);
    assert_eq!(host.turn(&text_update(1, "tell me a story")).await, Ok(ANSWERED));
    let drafts = host.calls("sendMessageDraft");
    assert!(!drafts.is_empty());
    let first = drafts[0].body["text"].as_str().unwrap();
    assert!(first.starts_with("Once upon") && drafts[0].body["draft_id"] != 0, "{first}");
    assert_eq!(host.sent(), ["Once upon a time there was a long story that went on."]);
    assert_eq!(host.calls("model")[0].body["stream"], true);
}

#[tokio::test(start_paused = true)]
async fn facts_are_remembered_listed_forgotten_and_part_of_requests() {
    let host = FakeHost::new();
    host.turn(&text_update(1, "/remember I am a vegetarian")).await.unwrap();
    host.turn(&text_update(2, "/remember My cat is called Turing")).await.unwrap();
    host.turn(&text_update(3, "/memory")).await.unwrap();
    let list = host.sent().pop().unwrap();
    assert!(list.contains("1. I am a vegetarian") && list.contains("2. My cat"), "{list}");
    host.turn(&text_update(4, "what is for dinner?")).await.unwrap();
    let system = host.calls("model")[0].body["system"].to_string();
    assert!(system.contains("I am a vegetarian"), "{system}");
    host.turn(&text_update(5, "/reset")).await.unwrap();
    host.turn(&text_update(6, "/memory delete 1")).await.unwrap();
    host.turn(&text_update(7, "/memory delete 9")).await.unwrap();
    assert!(host.sent().pop().unwrap().contains("nothing with this number"));
    host.turn(&text_update(8, "/memory")).await.unwrap();
    let list = host.sent().pop().unwrap();
    assert!(!list.contains("vegetarian") && list.contains("1. My cat"), "{list}");
    host.turn(&text_update(9, "/forget_me")).await.unwrap();
    assert!(host.sent().pop().unwrap().contains("/forget_me yes"));
    host.turn(&text_update(10, "/forget_me yes")).await.unwrap();
    host.turn(&text_update(11, "/memory")).await.unwrap();
    assert!(host.sent().pop().unwrap().contains("don't remember anything"));
    assert!(host.conversation(7).is_empty());
}
