//! Answers that are shown while they are written, in simulated time.

use std::sync::Arc;
use std::time::Duration;

use reef_assistant::{TurnError, TurnOutcome};
use reef_protocols::telegram::Update;
use serde_json::{Value, json};

use crate::fake::{Call, FakeHost, message_update, reject, respond, streamed, text_update};

const ANSWERED: Result<TurnOutcome, TurnError> = Ok(TurnOutcome::Answered { model_error: None });
const GROUP: i64 = -100;

/// A question in a group.
pub fn group_update(update_id: i64, chat: i64) -> Update {
    let entities = json!([{"type": "mention", "offset": 0, "length": 8}]);
    let chat = json!({"id": chat, "type": "supergroup"});
    message_update(update_id, json!({"text": "@ada_bot hi", "entities": entities, "chat": chat}))
}

fn flood(seconds: u64) -> crate::fake::ScriptedResponse {
    let body =
        json!({"ok": false, "error_code": 429, "description": "x", "parameters": {"retry_after": seconds}});
    respond(429, body)
}

fn words(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("w{number} ")).collect()
}

fn stream_of(pieces: &[String]) -> crate::fake::ScriptedResponse {
    streamed(&pieces.iter().map(String::as_str).collect::<Vec<_>>())
}

fn texts(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.body["text"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn first_word_is_shown_at_once_and_later_ones_are_paced() {
    let host = FakeHost::new().with_model_responses([stream_of(&words(40))]).with_piece_delay_ms(50);
    assert_eq!(host.turn(&text_update(1, "hi")).await, ANSWERED);
    let drafts = host.calls("sendMessageDraft");
    assert_eq!(drafts[0].body["text"], "w0");
    // The first word is complete with the ninth of the lines that arrive every 50 ms.
    assert_eq!(drafts[0].at.as_millis(), 8 * 50, "no later than the word");
    for pair in drafts.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(600), "{pair:?}");
    }
    assert!(drafts.len() > 5, "{}", drafts.len());
}

#[tokio::test(start_paused = true)]
async fn drafts_are_rendered() {
    let pieces = [
        "A **bo",
        "ld** word, ",
        "[a li",
        "nk](https://e.",
        "org) and\n\n```ru",
        "st\nlet x",
        " = 1;\n``",
        "`\n",
    ];
    let host = FakeHost::new().with_model_responses([streamed(&pieces)]).with_piece_delay_ms(700);
    assert_eq!(host.turn(&text_update(1, "hi")).await, ANSWERED);
    let drafts = host.calls("sendMessageDraft");
    let expected = [
        "A bo",
        "A bold word,",
        "A bold word, [a li",
        "A bold word, a link",
        "A bold word, a link and",
        "A bold word, a link and\n\nlet x",
        "A bold word, a link and\n\nlet x = 1;",
    ];
    assert_eq!(texts(&drafts), expected);
    assert_eq!(drafts[0].body["entities"], json!([{"type": "bold", "offset": 2, "length": 2}]));
    let last = &host.calls("sendMessage")[0].body;
    assert_eq!((&last["text"], &last["entities"]), (&drafts[6].body["text"], &drafts[6].body["entities"]));
}

#[tokio::test(start_paused = true)]
async fn draft_of_a_long_answer_is_its_end() {
    let host = FakeHost::new().with_model_responses([stream_of(&words(2_000))]).with_piece_delay_ms(5);
    assert_eq!(host.turn(&text_update(1, "hi")).await, ANSWERED);
    let drafts = host.calls("sendMessageDraft");
    let last = texts(&drafts).pop().unwrap();
    assert!(last.encode_utf16().count() <= 4_096 && !last.starts_with("w0 "), "{last}");
    assert_eq!(host.sent().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn group_sees_one_message_that_is_edited() {
    let host = FakeHost::new().with_model_responses([stream_of(&words(100))]).with_piece_delay_ms(50);
    assert_eq!(host.turn(&group_update(1, GROUP)).await, ANSWERED);
    assert!(host.calls("sendMessageDraft").is_empty());
    let sent = host.calls("sendMessage");
    assert_eq!((sent.len(), &sent[0].body["text"]), (1, &json!("w0")));
    assert_eq!(sent[0].at.as_millis(), 8 * 50);
    assert_eq!(sent[0].body["reply_parameters"]["message_id"], 10);
    let edits = host.calls("editMessageText");
    let mut times = vec![sent[0].at];
    times.extend(edits[..edits.len() - 1].iter().map(|call| call.at));
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(4), "{times:?}");
    }
    assert!(edits.len() > 3);
    let whole = words(100).concat();
    assert_eq!(host.chat().iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), [whole.trim()]);
}

#[tokio::test(start_paused = true)]
async fn long_answer_in_a_group_is_edited_and_continued() {
    let host = FakeHost::new().with_model_responses([stream_of(&words(2_000))]).with_piece_delay_ms(5);
    assert_eq!(host.turn(&group_update(1, GROUP)).await, ANSWERED);
    let chat = host.chat();
    assert_eq!(chat.len(), 3);
    let joined: Vec<_> = chat.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(joined.join(" "), words(2_000).concat().trim());
    assert!(host.calls("sendMessage")[1].body.get("reply_parameters").is_none());
}

#[tokio::test(start_paused = true)]
async fn apology_replaces_the_beginning_of_an_answer() {
    let broken = streamed(&["It begins "]).with_body(
        b"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"It begins\"}}\n\n\
          data: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x\"}}\n\n",
    );
    let host = FakeHost::new().with_model_responses([broken]).with_piece_delay_ms(50);
    host.turn(&group_update(1, GROUP)).await.unwrap();
    let chat = host.chat();
    assert_eq!(chat.len(), 1);
    assert!(!chat[0].text.contains("It begins"), "{chat:?}");
    assert_eq!(host.calls("sendMessage")[0].body["text"], "It begins");
}

#[tokio::test(start_paused = true)]
async fn deleted_preview_is_sent_again_as_a_whole() {
    for edit in
        [reject("message to edit not found"), reject("message can't be edited"), reject("something new")]
    {
        let host = FakeHost::new().with_model_responses([stream_of(&words(20))]).with_edit_responses([edit]);
        assert_eq!(host.turn(&group_update(1, GROUP)).await, ANSWERED);
        let whole = words(20).concat();
        let chat = host.chat();
        assert_eq!((chat.len(), chat[0].text.as_str()), (1, whole.trim()));
    }
}

#[tokio::test(start_paused = true)]
async fn flood_wait_of_a_preview_is_waited_out() {
    let host = FakeHost::new()
        .with_model_responses([stream_of(&words(400))])
        .with_piece_delay_ms(50)
        .with_edit_responses([flood(20)]);
    assert_eq!(host.turn(&group_update(1, GROUP)).await, ANSWERED);
    let edits = host.calls("editMessageText");
    assert!(edits[1].at - edits[0].at >= Duration::from_secs(20), "{:?}", edits[1].at - edits[0].at);
    assert_eq!(host.chat().len(), 1);

    let host = FakeHost::new()
        .with_model_responses([stream_of(&words(400))])
        .with_piece_delay_ms(50)
        .with_telegram_responses([flood(20)]);
    assert_eq!(host.turn(&group_update(1, GROUP)).await, ANSWERED);
    let sent = host.calls("sendMessage");
    assert!(sent[1].at - sent[0].at >= Duration::from_secs(20));
    assert_eq!(host.chat().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn unrecorded_preview_is_deleted() {
    let host = FakeHost::new().with_model_responses([stream_of(&words(20))]).with_failing_previews();
    host.turn(&group_update(1, GROUP)).await.unwrap_err();
    assert!(host.chat().is_empty());
    assert_eq!(host.calls("deleteMessage").len(), 1);
}

/// The most calls of these methods within a second, the last moment excluded.
fn most_per(span: Duration, times: &[Duration]) -> usize {
    let within = |start: &Duration| times.iter().filter(|at| **at >= *start && **at < *start + span).count();
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn hundred_chats_stay_within_the_limits_of_a_bot() {
    let answers = (0..100).map(|_| stream_of(&words(300)));
    let host = Arc::new(FakeHost::new().with_model_responses(answers).with_piece_delay_ms(50));
    let mut turns = Vec::new();
    for chat in 0..100_i64 {
        let host = Arc::clone(&host);
        turns.push(tokio::spawn(async move {
            // Half of the chats are groups. People do not write in the same moment, so the answers do not end in the same moment.
            tokio::time::sleep(Duration::from_millis(u64::try_from(chat).unwrap() * 100)).await;
            let private = json!({"text": "hi", "chat": {"id": chat + 1, "type": "private"}});
            let update =
                if chat % 2 == 0 { message_update(chat, private) } else { group_update(chat, -chat) };
            host.turn(&update).await.unwrap();
        }));
    }
    for turn in turns {
        turn.await.unwrap();
    }
    let is_message =
        |call: &&Call| ["sendMessage", "editMessageText", "sendMessageDraft"].contains(&call.method.as_str());
    let calls = host.all_calls();
    let times: Vec<_> = calls.iter().filter(is_message).map(|call| call.at).collect();
    assert!(times.len() > 600, "they are shown: {}", times.len());
    let most = most_per(Duration::from_secs(1), &times);
    assert!(most <= 30, "{most} in a second");
    let shown =
        |chat: &Value| calls.iter().filter(is_message).filter(|call| call.body["chat_id"] == *chat).count();
    for chat in 0..100_i64 {
        let id = if chat % 2 == 0 { chat + 1 } else { -chat };
        assert!(shown(&json!(id)) >= 3, "chat {id} is shown at least twice before its reply");
    }
}

#[tokio::test(start_paused = true)]
async fn group_with_many_questions_stays_within_its_limit() {
    let host =
        FakeHost::new().with_model_responses((0..12).map(|_| stream_of(&words(60)))).with_piece_delay_ms(50);
    for update_id in 1..=12 {
        assert_eq!(host.turn(&group_update(update_id, GROUP)).await, ANSWERED);
    }
    let is_message = |call: &&Call| ["sendMessage", "editMessageText"].contains(&call.method.as_str());
    let times: Vec<_> = host.all_calls().iter().filter(is_message).map(|call| call.at).collect();
    let most = most_per(Duration::from_secs(60), &times);
    assert!(most <= 20, "{most} in a minute");
    assert_eq!(host.chat().len(), 12);
}
