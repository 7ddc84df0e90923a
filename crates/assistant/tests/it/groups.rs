//! In a group, the assistant answers only messages that are addressed to it.

use reef_assistant::TurnOutcome;
use serde_json::{Value, json};

use crate::fake::{FakeHost, message_update};

fn in_group(fields: Value) -> Value {
    let mut message =
        json!({"chat": {"id": -100, "type": "supergroup"}, "message_thread_id": 5, "is_topic_message": true});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    message
}

fn command(text: &str) -> Value {
    json!({"text": text, "entities": [{"type": "bot_command", "offset": 0, "length": text.len()}]})
}

#[tokio::test(start_paused = true)]
async fn addressed_message_is_answered() {
    let mention =
        json!({"text": "hey @Ada_bot!", "entities": [{"type": "mention", "offset": 4, "length": 8}]});
    let me = json!({"id": 123_456, "is_bot": true, "first_name": "Ada"});
    let by_name = json!({"text": "hey Ada", "entities": [{"type": "text_mention", "offset": 4, "length": 3, "user": me}]});
    let mine = json!({"message_id": 1, "date": 1, "chat": {"id": -100, "type": "supergroup"}, "from": me, "text": "x"});
    let reply = json!({"text": "go on", "reply_to_message": mine});
    for fields in [mention, by_name, reply, command("/help"), command("/what@ada_bot")] {
        let host = FakeHost::new();
        let outcome = host.turn(&message_update(1, in_group(fields.clone()))).await.unwrap();
        assert_eq!(outcome, TurnOutcome::Answered { model_error: None }, "{fields}");
        let sent = &host.calls("sendMessage")[0].body;
        assert_eq!(sent["reply_parameters"], json!({"message_id": 10, "allow_sending_without_reply": true}));
        assert_eq!(sent["message_thread_id"], 5);
    }
}

#[tokio::test(start_paused = true)]
async fn other_message_is_ignored() {
    let other = json!({"id": 9, "is_bot": true, "first_name": "Eve"});
    let reply = json!({"message_id": 1, "date": 1, "chat": {"id": -100, "type": "supergroup"}, "from": other, "text": "x"});
    for fields in [
        json!({"text": "hello all"}),
        json!({"text": "hey @eve_bot", "entities": [{"type": "mention", "offset": 4, "length": 8}]}),
        json!({"text": "go on", "reply_to_message": reply}),
        command("/help@eve_bot"),
        command("/weather"),
        json!({"photo": []}),
        json!({"new_chat_members": []}),
    ] {
        let host = FakeHost::new();
        let outcome = host.turn(&message_update(1, in_group(fields.clone()))).await.unwrap();
        assert_eq!(outcome, TurnOutcome::Ignored, "{fields}");
        assert!(host.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn question_in_group_names_author() {
    let host = FakeHost::new();
    let mention = json!({"text": "@ada_bot hi", "entities": [{"type": "mention", "offset": 0, "length": 8}]});
    host.turn(&message_update(1, in_group(mention))).await.unwrap();
    let asked = &host.calls("model")[0].body;
    assert_eq!(asked["messages"][0]["content"], "Bob: @ada_bot hi");
    assert!(asked["system"].as_str().unwrap().contains("Several people"));
}
