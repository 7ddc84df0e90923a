//! The requests to the Bot API follow its documentation.

use reef_protocols::telegram::{ALLOWED_UPDATES, Bot, BotUser, PolledUpdate, WebhookInfo, read_response};
use reef_protocols::{HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn ok(result: &Value) -> HttpResponse {
    let body = json!({"ok": true, "result": result}).to_string().into_bytes();
    HttpResponse { status: 200, retry_after_s: None, headers: Vec::new(), body }
}

#[test]
fn requests_follow_documentation() {
    let bot = Bot::new("https://api.telegram.org", "1:x");
    let webhook = bot.set_webhook("https://reef.test/w", "s3cret");
    assert_eq!(webhook.method, Method::Post);
    assert_eq!(webhook.url, "https://api.telegram.org/bot1:x/setWebhook");
    assert_eq!(webhook.headers, [("content-type", "application/json".to_owned())]);
    let expected = json!({"url": "https://reef.test/w", "secret_token": "s3cret",
        "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"], "drop_pending_updates": false});
    assert_eq!(body(&webhook), expected);

    assert_eq!(body(&bot.delete_webhook(true)), json!({"drop_pending_updates": true}));
    let poll = bot.get_updates(Some(5), 50);
    assert_eq!(
        body(&poll),
        json!({"timeout": 50, "limit": 100, "allowed_updates": ALLOWED_UPDATES, "offset": 5})
    );
    assert!(poll.timeout_ms > 50_000, "it outlasts the long poll");
    assert!(body(&bot.get_updates(None, 0)).get("offset").is_none());
    let menu = [("help", "See what I can do"), ("reset", "Start a new conversation")];
    assert_eq!(body(&bot.set_my_commands(&menu))["commands"][1]["command"], "reset");
    assert!(bot.get_me().url.ends_with("/getMe") && bot.get_webhook_info().url.ends_with("/getWebhookInfo"));
    assert!(!format!("{bot:?}").contains("1:x"));
}

#[test]
fn responses_are_parsed() {
    let me =
        json!({"id": 1, "is_bot": true, "first_name": "Ada", "username": "ada_bot", "can_join_groups": true});
    assert_eq!(read_response::<BotUser>(&ok(&me)).unwrap().username, "ada_bot");
    let info = json!({"url": "", "has_custom_certificate": false, "pending_update_count": 2});
    assert_eq!(read_response::<WebhookInfo>(&ok(&info)).unwrap().pending_update_count, 2);
    let updates = json!([{"update_id": 1, "message": {"odd": 1}}, {"update_id": 2, "new_kind": {}}]);
    let updates = read_response::<Vec<PolledUpdate>>(&ok(&updates)).unwrap();
    let ids: Vec<_> = updates.iter().map(|polled| polled.update.as_ref().unwrap().update_id).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(updates[0].body, r#"{"update_id":1,"message":{"odd":1}}"#);
    // A value that is not an update does not hide the others.
    let updates = read_response::<Vec<PolledUpdate>>(&ok(&json!([5, {"update_id": 3}]))).unwrap();
    assert!(updates[0].update.is_err() && updates[1].update.is_ok());
}
