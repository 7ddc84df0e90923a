//! Turns in a private chat, as a person sees them.

use reef_assistant::{TurnError, TurnOutcome, run_turn};
use reef_protocols::HttpError;
use reef_protocols::model::Turn;
use reef_protocols::telegram::{TelegramError, parse_update};
use serde_json::json;

use crate::fake::{FakeHost, answer, fail, message_update, respond, settings, text_update};

const ANSWERED: Result<TurnOutcome, TurnError> = Ok(TurnOutcome::Answered { model_error: None });

#[tokio::test(start_paused = true)]
async fn question_is_answered_and_remembered() {
    let host = FakeHost::new().with_model_responses([answer("Hello **Bob**, 1 < 2."), answer("Bob.")]);
    assert_eq!(host.turn(&text_update(1, "I am Bob.")).await, ANSWERED);
    assert_eq!(host.turn(&text_update(2, "Who am I?")).await, ANSWERED);

    let sent = host.calls("sendMessage");
    assert_eq!(sent[0].body["text"], "Hello Bob, 1 < 2.");
    assert_eq!(sent[0].body["entities"], json!([{"type": "bold", "offset": 6, "length": 3}]));
    assert!(sent[0].body.get("parse_mode").is_none());
    assert_eq!(sent[0].body["chat_id"], 7);
    assert!(sent[0].body.get("reply_parameters").is_none());

    let asked = &host.calls("model")[1].body;
    let expected = json!([
        {"role": "user", "content": "I am Bob."},
        {"role": "assistant", "content": "Hello **Bob**, 1 < 2."},
        {"role": "user", "content": "Who am I?"},
    ]);
    assert_eq!(asked["messages"], expected);
    let system = asked["system"].as_str().unwrap();
    assert!(system.contains("You are Ada") && system.contains("Monday, 23 November 2026"), "{system}");
}

#[tokio::test(start_paused = true)]
async fn typing_indicator_is_renewed_every_four_seconds() {
    let host = FakeHost::new().with_model_responses([answer("done").after_s(9)]);
    assert_eq!(host.turn(&text_update(1, "think")).await, ANSWERED);
    let signs = host.calls("sendChatAction");
    let at: Vec<_> = signs.iter().map(|call| call.at.as_secs()).collect();
    assert_eq!(at, [0, 4, 8]);
    assert_eq!(signs[0].body, json!({"chat_id": 7, "action": "typing"}));
    assert_eq!(host.calls("sendMessage")[0].at.as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn slow_typing_indicator_does_not_delay_answer() {
    for model_takes_s in [0, 1, 3, 8] {
        let slow = answer("done").after_s(model_takes_s);
        let host = FakeHost::new().with_typing_delay_s(7).with_model_responses([slow]);
        assert_eq!(host.turn(&text_update(1, "think")).await, ANSWERED);
        assert_eq!(host.calls("model")[0].at.as_secs(), 0);
        assert_eq!(host.calls("sendMessage")[0].at.as_secs(), model_takes_s);
    }
}

#[tokio::test(start_paused = true)]
async fn command_does_not_ask_model() {
    let host = FakeHost::new();
    for (id, text) in
        ["/start", "/help", "/HELP@Ada_Bot please", "/start payload", "/unknown"].iter().enumerate()
    {
        assert_eq!(host.turn(&text_update(id as i64, text)).await, ANSWERED, "{text}");
    }
    let sent = host.sent();
    assert!(sent[0].contains("I'm Ada"), "{sent:?}");
    assert!(sent[1].contains("/reset") && sent[1] == sent[2]);
    assert_eq!(sent[3], sent[0]);
    assert!(sent[4].contains("/help"));
    assert!(host.calls("model").is_empty() && host.calls("sendChatAction").is_empty());
    assert!(host.calls("sendMessage").iter().all(|call| call.body.get("entities").is_none()));
}

#[tokio::test(start_paused = true)]
async fn reset_deletes_only_its_conversation() {
    let host = FakeHost::new();
    let elsewhere = message_update(1, json!({"text": "hi", "chat": {"id": 8, "type": "private"}}));
    for update in [
        &elsewhere,
        &text_update(2, "my name is Bob"),
        &text_update(3, "/reset"),
        &text_update(4, "who am I?"),
    ] {
        assert_eq!(host.turn(update).await, ANSWERED);
    }
    let messages = &host.calls("model")[2].body["messages"];
    assert_eq!(*messages, json!([{"role": "user", "content": "who am I?"}]));
    assert_eq!(host.conversation(8).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn long_answer_is_sent_in_order() {
    let text = (0..900).map(|n| format!("sentence {n}.")).collect::<Vec<_>>().join("\n\n");
    let host = FakeHost::new().with_model_responses([answer(&text)]);
    assert_eq!(host.turn(&text_update(1, "long")).await, ANSWERED);
    let sent = host.sent();
    assert!(sent.len() > 1 && sent.iter().all(|part| part.encode_utf16().count() <= 4096));
    assert_eq!(sent.join("\n\n"), text);
}

#[tokio::test(start_paused = true)]
async fn truncated_answer_has_note() {
    let cut = json!({"content": [{"type": "text", "text": "Once upon"}], "stop_reason": "max_tokens"});
    let host = FakeHost::new().with_model_responses([respond(200, cut)]);
    assert_eq!(host.turn(&text_update(1, "tell me a story")).await, ANSWERED);
    assert!(host.sent()[0].contains("This answer is incomplete"));
    assert_eq!(
        host.conversation(7)[1],
        Turn::assistant("Once upon"),
        "the note is not part of the conversation"
    );
}

/// Earlier versions have saved the Markdown of each part instead of its text and entities.
#[tokio::test(start_paused = true)]
async fn parts_of_earlier_versions_are_one_message_each() {
    // The rules would be longer than a message, so they are sent as they are.
    let rules = "***\n".repeat(1_000);
    let parts = json!([
        {"text": "**a** <b>", "style": "markdown"}, {"text": "    x\n```\nb", "style": "markdown_in_code"},
        {"text": rules, "style": "markdown"}, {"text": "**c**", "style": "plain"},
    ]);
    let reply = json!({"chat_id": 7, "thread_id": null, "reply_to": null, "parts": parts, "sent": 0});
    let host = FakeHost::new().with_saved_reply(1, reply);
    assert_eq!(host.turn(&text_update(1, "hi")).await, ANSWERED);
    assert_eq!(host.sent(), ["a <b>", "    x\nb", rules.as_str(), "**c**"]);
    let kinds: Vec<_> =
        host.calls("sendMessage").iter().map(|call| call.body["entities"][0]["type"].clone()).collect();
    assert_eq!(kinds, [json!("bold"), json!("pre"), json!(null), json!(null)]);
}

#[tokio::test(start_paused = true)]
async fn rejected_formatting_is_resent_as_plain_text() {
    let refused = respond(
        400,
        json!({"ok": false, "error_code": 400, "description": "Bad Request: can't parse entities: x"}),
    );
    let host = FakeHost::new().with_model_responses([answer("**a** <b>")]).with_telegram_responses([refused]);
    assert_eq!(host.turn(&text_update(1, "hi")).await, ANSWERED);
    assert_eq!(host.sent(), ["a <b>", "a <b>"]);
    assert!(host.calls("sendMessage")[0].body.get("entities").is_some());
    assert!(host.calls("sendMessage")[1].body.get("entities").is_none());
}

#[tokio::test(start_paused = true)]
async fn attachment_is_answered_and_service_message_ignored() {
    let host = FakeHost::new();
    for (update_id, kind) in (1..).zip(["voice", "sticker", "document", "dice"]) {
        assert_eq!(host.turn(&message_update(update_id, json!({kind: {}}))).await, ANSWERED);
    }
    let ignored = Ok(TurnOutcome::Ignored);
    assert_eq!(host.turn(&message_update(9, json!({"pinned_message": {}}))).await, ignored);
    let bot = json!({"text": "hi", "from": {"id": 9, "is_bot": true, "first_name": "Eve"}});
    assert_eq!(host.turn(&message_update(10, bot)).await, ignored);
    let channel = json!({"text": "hi", "chat": {"id": -1, "type": "channel"}});
    assert_eq!(host.turn(&message_update(11, channel)).await, ignored);
    assert_eq!(host.turn(&parse_update(br#"{"update_id":12}"#).unwrap()).await, ignored);
    assert_eq!(host.calls("model").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn flood_wait_ends_turn_and_next_run_continues() {
    let flood = |seconds: u64| {
        let parameters = json!({"retry_after": seconds});
        respond(
            429,
            json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": parameters}),
        )
    };
    for seconds in [1, 20, 600, 90_000] {
        let host = FakeHost::new().with_telegram_responses([flood(seconds)]);
        let error = host.turn(&text_update(1, "hi")).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(error.retry_after_s(), Some(seconds));
        assert_eq!(host.calls("sendMessage")[0].at.as_secs(), 0, "a waiting turn would delay other chats");
        assert_eq!(host.turn(&text_update(1, "hi")).await, ANSWERED, "the host runs the turn again");
        assert_eq!(host.calls("model").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn telegram_failure_ends_turn_and_next_run_continues() {
    let host =
        FakeHost::new().with_telegram_responses([fail(HttpError::Timeout), respond(502, json!("proxy"))]);
    assert_eq!(host.turn(&text_update(1, "/help")).await, Err(TurnError::Http(HttpError::Timeout)));
    assert_eq!(
        host.turn(&text_update(1, "/help")).await,
        Err(TurnError::Telegram(TelegramError::Server(502)))
    );
    assert_eq!(host.calls("sendMessage").len(), 2);
    assert_eq!(host.turn(&text_update(1, "/help")).await, ANSWERED);
}

#[tokio::test(start_paused = true)]
async fn blocked_bot_is_undeliverable_and_revoked_token_is_error() {
    let refusal = |code: u16| respond(code, json!({"ok": false, "error_code": code, "description": "no"}));
    let host = FakeHost::new().with_telegram_responses([refusal(403)]);
    let blocked = Ok(TurnOutcome::Undeliverable(TelegramError::Blocked));
    assert_eq!(host.turn(&text_update(1, "hi")).await, blocked);
    assert_eq!(host.calls("sendMessage").len(), 1);

    let host = FakeHost::new().with_telegram_responses([refusal(401)]);
    let error = host.turn(&text_update(1, "hi")).await.unwrap_err();
    assert_eq!(error, TurnError::Telegram(TelegramError::Unauthorized));
    assert!(!error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn turn_future_is_send_on_native_targets() {
    let turn = tokio::spawn(async {
        let host = FakeHost::new();
        run_turn(&host, &settings(), &text_update(1, "hi")).await
    });
    assert_eq!(turn.await.unwrap(), ANSWERED);
}
