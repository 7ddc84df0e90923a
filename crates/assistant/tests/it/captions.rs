//! Captions count as text, and text is a command only where Telegram marks it as one.

use reef_assistant::TurnOutcome;
use serde_json::{Value, json};

use crate::fake::{FakeHost, message_update};

const ANSWERED: TurnOutcome = TurnOutcome::Answered { model_error: None };

fn command(offset: usize, length: usize) -> Value {
    json!([{"type": "bot_command", "offset": offset, "length": length}])
}

/// Runs a turn and returns the question that the model received, if there was one.
async fn question(fields: &Value) -> Option<String> {
    let host = FakeHost::new();
    host.turn(&message_update(1, fields.clone())).await.unwrap();
    Some(host.calls("model").first()?.body["messages"][0]["content"].as_str().unwrap().to_owned())
}

/// Runs a turn that must not ask the model, and returns the reply.
async fn reply(fields: &Value) -> Option<String> {
    let host = FakeHost::new();
    host.turn(&message_update(1, fields.clone())).await.unwrap();
    assert!(host.calls("model").is_empty(), "{fields}");
    host.sent().first().cloned()
}

#[tokio::test(start_paused = true)]
async fn caption_is_question() {
    for (field, label) in [
        ("video", "[video]"),
        ("animation", "[animation]"),
        ("document", "[file]"),
        ("audio", "[audio]"),
        ("voice", "[voice message]"),
        ("paid_media", "[paid media]"),
    ] {
        let fields = json!({field: {}, "caption": " what is this? "});
        assert_eq!(question(&fields).await.unwrap(), format!("{label} what is this?"));
    }
    // Telegram sends an animation as a document as well.
    let both = json!({"document": {}, "animation": {}, "caption": "x"});
    assert_eq!(question(&both).await.unwrap(), "[animation] x");
    let host = FakeHost::new();
    host.turn(&message_update(1, json!({"photo": [{}], "caption": "x"}))).await.unwrap();
    let system = host.calls("model")[0].body["system"].as_str().unwrap().to_owned();
    assert!(system.contains("[photo]") && system.contains("cannot see"), "{system}");
}

#[tokio::test(start_paused = true)]
async fn blank_caption_is_ignored() {
    for caption in ["", "  \n "] {
        let asked = question(&json!({"photo": [{}], "caption": caption})).await.unwrap();
        assert_eq!(asked, "[photo]");
    }
}

#[tokio::test(start_paused = true)]
async fn command_in_caption_runs() {
    let fields = json!({"photo": [{}], "caption": "/help me", "caption_entities": command(0, 5)});
    assert!(reply(&fields).await.unwrap().contains("/reset"));
    let host = FakeHost::new();
    host.turn(&message_update(1, json!({"text": "remember this"}))).await.unwrap();
    assert_eq!(host.conversation(7).len(), 2);
    let reset = json!({"document": {}, "caption": "/reset", "caption_entities": command(0, 6)});
    host.turn(&message_update(2, reset)).await.unwrap();
    assert!(host.conversation(7).is_empty());
}

#[tokio::test(start_paused = true)]
async fn mention_in_group_caption_counts() {
    let group = json!({"id": -100, "type": "supergroup"});
    let meant = json!({"chat": group, "photo": [{}], "caption": "look @Ada_bot",
        "caption_entities": [{"type": "mention", "offset": 5, "length": 8}]});
    assert_eq!(question(&meant).await.unwrap(), "Bob: [photo] look @Ada_bot");
    let me = json!({"id": 123_456, "is_bot": true, "first_name": "Ada"});
    let by_name = json!({"chat": group, "photo": [{}], "caption": "look Ada",
        "caption_entities": [{"type": "text_mention", "offset": 5, "length": 3, "user": me}]});
    assert_eq!(question(&by_name).await.unwrap(), "Bob: [photo] look Ada");
    let mine = json!({"message_id": 1, "date": 1, "chat": group, "from": me, "text": "x"});
    let answered = json!({"chat": group, "photo": [{}], "caption": "and this?", "reply_to_message": mine});
    assert_eq!(question(&answered).await.unwrap(), "Bob: [in reply to Ada: x]\n[photo] and this?");
    let command_to_us =
        json!({"chat": group, "photo": [{}], "caption": "/help@ada_bot", "caption_entities": command(0, 13)});
    assert!(reply(&command_to_us).await.unwrap().contains("/reset"));

    for aside in [
        json!({"chat": group, "photo": [{}], "caption": "look at this"}),
        json!({"chat": group, "photo": [{}], "caption": "hey @eve_bot",
            "caption_entities": [{"type": "mention", "offset": 4, "length": 8}]}),
        json!({"chat": group, "photo": [{}], "caption": "/help@eve_bot", "caption_entities": command(0, 13)}),
    ] {
        let host = FakeHost::new();
        assert_eq!(
            host.turn(&message_update(1, aside.clone())).await.unwrap(),
            TurnOutcome::Ignored,
            "{aside}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn unmarked_slash_is_question() {
    let path = "/etc/passwd: what is this file for?";
    for fields in [
        json!({"text": path}),
        json!({"text": path, "entities": []}),
        json!({"text": "/start", "entities": [{"type": "code", "offset": 0, "length": 6}]}),
        // The command is marked, but is not at the beginning.
        json!({"text": "/x is what /help does", "entities": command(11, 5)}),
        json!({"text": "😀 /help", "entities": command(3, 5)}),
        // The marked text is not a command.
        json!({"text": "hello", "entities": command(0, 5)}),
        json!({"text": "/help", "entities": command(0, 1)}),
        json!({"photo": [{}], "caption": path}),
    ] {
        assert!(question(&fields).await.is_some(), "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn marked_command_runs_whatever_follows() {
    for (text, length) in
        [("/help", 5), ("/help, please", 5), ("/HELP@Ada_Bot now", 13), ("/help\nplease", 5)]
    {
        let said = reply(&json!({"text": text, "entities": command(0, length)})).await.unwrap();
        assert!(said.contains("/reset"), "{text}: {said}");
    }
    let unknown = reply(&json!({"text": "/weather", "entities": command(0, 8)})).await.unwrap();
    assert!(unknown.contains("/help"), "{unknown}");
    let others = json!({"text": "/start@other_bot", "entities": command(0, 16),
        "chat": {"id": -100, "type": "supergroup"}});
    assert_eq!(reply(&others).await, None);
}

#[tokio::test(start_paused = true)]
async fn unmarked_slash_in_group_needs_mention() {
    let group = json!({"id": -100, "type": "supergroup"});
    let host = FakeHost::new();
    let aside = json!({"chat": group, "text": "/etc/passwd is a file"});
    assert_eq!(host.turn(&message_update(1, aside)).await.unwrap(), TurnOutcome::Ignored);
    let meant = json!({"chat": group, "text": "/etc/passwd? @ada_bot",
        "entities": [{"type": "mention", "offset": 13, "length": 8}]});
    assert_eq!(host.turn(&message_update(2, meant)).await.unwrap(), ANSWERED);
    assert_eq!(host.calls("model").len(), 1);
}
