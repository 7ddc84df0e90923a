//! Rejections by Telegram, and how the reply still arrives.

use proptest::prelude::*;
use reef_assistant::{AlbumPart, TurnOutcome};
use reef_protocols::telegram::{BadRequestReason, TelegramError, Update};
use serde_json::{Value, json};

use crate::fake::{FakeHost, ScriptedResponse, answer, message_update, reject, respond, text_update};

const ANSWERED: TurnOutcome = TurnOutcome::Answered { model_error: None };

fn migrate(to: i64) -> ScriptedResponse {
    let description = "Bad Request: group chat was upgraded to a supergroup chat";
    let parameters = json!({"migrate_to_chat_id": to});
    respond(
        400,
        json!({"ok": false, "error_code": 400, "description": description, "parameters": parameters}),
    )
}

fn in_topic(text: &str) -> Update {
    message_update(1, json!({"text": text, "message_thread_id": 42, "is_topic_message": true}))
}

#[tokio::test(start_paused = true)]
async fn missing_thread_is_dropped() {
    let host = FakeHost::new().with_telegram_responses([reject("message thread not found")]);
    assert_eq!(host.turn(&in_topic("hi")).await, Ok(ANSWERED));
    let threads: Vec<_> =
        host.calls("sendMessage").iter().map(|call| call.body.get("message_thread_id").cloned()).collect();
    assert_eq!(threads, [Some(json!(42)), None]);
    assert_eq!(host.calls("model").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn missing_thread_without_thread_is_final() {
    let host = FakeHost::new()
        .with_model_responses([answer("**ok**")])
        .with_telegram_responses((0..9).map(|_| reject("message thread not found")));
    let refusal = TelegramError::BadRequest(BadRequestReason::ThreadNotFound);
    assert_eq!(host.turn(&text_update(1, "hi")).await, Ok(TurnOutcome::Undeliverable(refusal)));
    // The two attempts are with formatting and without.
    assert_eq!(host.calls("sendMessage").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn later_parts_avoid_missing_thread() {
    let long = "word ".repeat(2_000);
    let host = FakeHost::new()
        .with_model_responses([answer(&long)])
        .with_telegram_responses([reject("message thread not found")]);
    assert_eq!(host.turn(&in_topic("hi")).await, Ok(ANSWERED));
    let with_thread =
        host.calls("sendMessage").iter().filter(|call| call.body["message_thread_id"] == 42).count();
    assert_eq!(with_thread, 1);
}

#[tokio::test(start_paused = true)]
async fn thread_outside_forum_is_not_topic() {
    let host = FakeHost::new();
    let group = json!({"id": -100, "type": "supergroup"});
    let me = json!({"id": 123_456, "is_bot": true, "first_name": "Ada"});
    let mine = json!({"message_id": 1, "date": 1, "chat": group, "from": me, "text": "x"});
    let update = message_update(
        1,
        json!({"text": "go on", "chat": group, "message_thread_id": 42, "reply_to_message": mine}),
    );
    assert_eq!(host.turn(&update).await, Ok(ANSWERED));
    assert!(host.calls("sendMessage")[0].body.get("message_thread_id").is_none());
}

#[tokio::test(start_paused = true)]
async fn migrated_group_is_answered_in_supergroup() {
    let group = |id: i64, text: &str| {
        message_update(
            id,
            json!({"text": text, "chat": {"id": -5, "type": "group"},
            "entities": [{"type": "mention", "offset": 0, "length": 8}]}),
        )
    };
    let host = FakeHost::new();
    host.turn(&group(1, "@ada_bot one")).await.unwrap();
    let host = host.with_telegram_responses([migrate(-1_005)]);
    assert_eq!(host.turn(&group(2, "@ada_bot two")).await, Ok(ANSWERED));
    let sent = &host.calls("sendMessage")[2].body;
    assert_eq!(sent["chat_id"], -1_005);
    assert!(
        sent.get("reply_parameters").is_none(),
        "message ids of the group do not exist in the supergroup"
    );
    assert_eq!(host.migrations(), [(-5, -1_005)]);
    assert_eq!(host.conversation(-1_005).len(), 4);
    assert!(host.conversation(-5).is_empty());
}

#[tokio::test(start_paused = true)]
async fn endless_migrations_are_stopped() {
    let host = FakeHost::new().with_telegram_responses((1..9).map(|n| migrate(-1_000 - n)));
    let outcome = host.turn(&text_update(1, "hi")).await.unwrap();
    assert!(matches!(outcome, TurnOutcome::Undeliverable(TelegramError::Migrated { .. })), "{outcome:?}");
    assert_eq!(host.calls("sendMessage").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn migration_to_same_or_private_chat_is_not_followed() {
    for to in [77, 88, 0] {
        let host = FakeHost::new().with_telegram_responses([migrate(to)]);
        let outcome = host.turn(&text_update(1, "hi")).await.unwrap();
        assert!(matches!(outcome, TurnOutcome::Undeliverable(TelegramError::Migrated { .. })), "{outcome:?}");
        assert_eq!((host.calls("sendMessage").len(), host.migrations().len()), (1, 0), "{to}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_long_part_is_split() {
    let text = (0..300).map(|n| format!("sentence {n}.")).collect::<Vec<_>>().join("\n\n");
    let host = FakeHost::new()
        .with_model_responses([answer(&text)])
        .with_telegram_responses([reject("message is too long"), reject("MESSAGE_TOO_LONG")]);
    assert_eq!(host.turn(&text_update(1, "long")).await, Ok(ANSWERED));
    let delivered = host.sent().split_off(2);
    assert!(delivered.len() > 2, "{}", delivered.len());
    assert_eq!(delivered.join("\n\n"), text);
    assert_eq!(host.calls("model").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn too_long_smallest_part_is_final() {
    let host = FakeHost::new()
        .with_model_responses([answer(&"word ".repeat(900))])
        .with_telegram_responses((0..99).map(|_| reject("message is too long")));
    let outcome = host.turn(&text_update(1, "long")).await.unwrap();
    assert!(matches!(
        outcome,
        TurnOutcome::Undeliverable(TelegramError::BadRequest(BadRequestReason::TooLong))
    ));
    assert!(host.calls("sendMessage").len() < 10);
}

#[tokio::test(start_paused = true)]
async fn unwritable_chat_counts_as_blocked() {
    for description in
        ["chat not found", "not enough rights to send text messages to the chat", "CHAT_WRITE_FORBIDDEN"]
    {
        let host = FakeHost::new().with_telegram_responses([reject(description)]);
        let blocked = TurnOutcome::Undeliverable(TelegramError::Blocked);
        assert_eq!(host.turn(&text_update(1, "hi")).await, Ok(blocked), "{description}");
    }
}

#[tokio::test(start_paused = true)]
async fn album_is_one_question() {
    let picture = |update_id, file_id: &str, caption: Option<&str>| {
        let photo = json!([{"file_id": file_id, "file_unique_id": file_id, "file_size": 3}]);
        message_update(update_id, json!({"photo": photo, "media_group_id": "77", "caption": caption}))
    };
    let first = picture(2, "one.jpg", None);
    let second = picture(3, "two.jpg", Some("Which is better?"));
    let part = |update: &Update| AlbumPart { update_id: update.update_id, message: update.message.clone() };
    let answered_before = AlbumPart { update_id: 1, message: None };
    let host = FakeHost::new()
        .with_album("77", [answered_before, part(&first), part(&second)])
        .with_file("one.jpg", b"1\xff\xd8")
        .with_file("two.jpg", b"2\xff\xd8");
    assert_eq!(host.turn(&first).await, Ok(ANSWERED));
    assert_eq!(host.sent().len(), 1);
    assert_eq!(host.covered_updates(2), [3]);
    assert_eq!(host.conversation(7)[0].text, "[photo] [photo] Which is better?");
    let asked = host.calls("model")[0].body["messages"][0]["content"].clone();
    let kinds: Vec<_> = asked.as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "image").count(), 2, "{asked}");
}

fn any_rejection() -> impl Strategy<Value = Value> {
    let descriptions = prop::sample::select(vec![
        "message thread not found",
        "TOPIC_DELETED",
        "message to be replied not found",
        "message is too long",
        "can't parse entities: x",
        "group chat was upgraded to a supergroup chat",
        "something new",
    ]);
    (descriptions, prop::option::of(-2_000_i64..-1_000)).prop_map(|(description, to)| {
        let mut body = json!({"ok": false, "error_code": 400, "description": description});
        if let (Some(to), true) = (to, description.starts_with("group chat")) {
            body["parameters"] = json!({"migrate_to_chat_id": to});
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever Telegram rejects and wherever the process is killed, the turn ends, Telegram has accepted the answer or
    /// its beginning, and the model was asked once.
    #[test]
    fn turn_ends_and_loses_nothing_after_any_rejections(
        script in prop::collection::vec(prop::option::weighted(0.6, any_rejection()), 0..12),
        length in 1_usize..1_500,
        kill_at in prop::option::of(8_usize..22),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let text = (0..length).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
            let words: Vec<_> = text.split(' ').collect();
            let accepted = |refusal: &Option<Value>| match refusal {
                Some(body) => respond(400, body.clone()),
                None => respond(200, json!({"ok": true, "result": {"message_id": 1}})),
            };
            let host = FakeHost::new()
                .with_model_responses([answer(&text)])
                .with_telegram_responses(script.iter().map(accepted));
            let update = in_topic("hi");
            let is_accepted = |index: usize| script.get(index).is_none_or(Option::is_none);
            let ended = match kill_at {
                Some(point) => host.killed_turn(&update, point).await,
                None => false,
            };
            let sent_before = host.sent().len();
            let accepted_before = (0..sent_before).filter(|index| is_accepted(*index)).count();
            // A part that Telegram accepted right before the kill is sent twice, perhaps in another form.
            let is_last_twice = !ended && accepted_before > host.recorded_parts(1);
            let outcome = if ended { None } else { Some(host.turn(&update).await.unwrap()) };
            assert_eq!(host.calls("model").len(), 1);
            let sent = host.sent();
            assert!(sent.len() < 60, "{} messages", sent.len());
            let delivered: Vec<_> = sent
                .iter()
                .enumerate()
                .filter(|(index, _)| is_accepted(*index) && !(is_last_twice && index + 1 == sent_before))
                .map(|(_, text)| text.as_str())
                .collect();
            let delivered = delivered.join(" ");
            let delivered: Vec<_> = delivered.split_whitespace().collect();
            assert!(words.starts_with(&delivered), "in order, nothing twice: {delivered:?}");
            if outcome == Some(ANSWERED) {
                assert_eq!(delivered.len(), words.len());
            }
        });
    }
}
