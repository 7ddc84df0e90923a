use reef_domain::Timestamp;
use reef_ports::{BotIdentity, Picture, Telegram, TelegramError, WebhookState};
use secrecy::SecretString;
use serde_json::json;

use super::stub::{Stub, answer, answer_bytes, unused_url};
use crate::{Http, TelegramApi};

fn telegram(url: &str) -> TelegramApi {
    TelegramApi::new(Http::new().unwrap(), url.to_owned())
}

fn token() -> SecretString {
    "123456:AAsecret".into()
}

#[tokio::test]
async fn deployment_calls_follow_bot_api() {
    let me = json!({"id": 123_456, "is_bot": true, "first_name": "Reefy", "username": "reefy_bot"});
    let stub = Stub::start([
        answer(200, json!({"ok": true, "result": me})),
        answer(200, json!({"ok": true, "result": true})),
        answer(200, json!({"ok": true, "result": true})),
    ])
    .await;
    let telegram = telegram(&stub.url);
    let bot = BotIdentity { id: 123_456, username: "reefy_bot".into(), name: "Reefy".into() };
    assert_eq!(telegram.get_me(&token()).await.unwrap(), bot);
    telegram.set_webhook(&token(), "https://reef.test/workers/w/telegram", "s3cret").await.unwrap();
    telegram.delete_webhook(&token()).await.unwrap();
    let sent = stub.drain_requests();
    let paths: Vec<_> = sent.iter().map(super::stub::RecordedRequest::line).collect();
    assert_eq!(
        paths,
        ["getMe", "setWebhook", "deleteWebhook"].map(|method| format!("POST /bot123456:AAsecret/{method}"))
    );
    assert_eq!(sent[1].json()["url"], "https://reef.test/workers/w/telegram");
    assert_eq!(sent[1].json()["secret_token"], "s3cret");
    assert_eq!(sent[2].json()["drop_pending_updates"], false);
}

#[tokio::test]
async fn webhook_says_where_updates_go_and_how_that_goes() {
    let stub = Stub::start([
        answer(200, json!({"ok": true, "result": {"url": "", "has_custom_certificate": false, "pending_update_count": 0}})),
        answer(200, json!({"ok": true, "result": {
            "url": "https://reef.test/w", "has_custom_certificate": false, "pending_update_count": 3,
            "last_error_date": 1_771_034_601, "last_error_message": "Wrong response from the webhook: 502 Bad Gateway",
        }})),
    ])
    .await;
    let telegram = telegram(&stub.url);
    let none = WebhookState { url: None, waiting: 0, failed_at: None };
    assert_eq!(telegram.get_webhook(&token()).await.unwrap(), none);
    let failing = WebhookState {
        url: Some("https://reef.test/w".to_owned()),
        waiting: 3,
        failed_at: Some(Timestamp::from_unix_ms(1_771_034_601_000)),
    };
    assert_eq!(telegram.get_webhook(&token()).await.unwrap(), failing);
    assert_eq!(stub.drain_requests()[0].line(), "POST /bot123456:AAsecret/getWebhookInfo");
}

#[tokio::test]
async fn errors_are_classified() {
    let body = |code: u16| json!({"ok": false, "error_code": code, "description": "x", "parameters": {"retry_after": 9}});
    for (status, expected) in [
        (401, "TokenRejected"),
        (404, "TokenRejected"),
        (409, "Conflict"),
        (429, "RateLimited { seconds: 9 }"),
        (400, "Unavailable"),
        (502, "Unavailable"),
    ] {
        let stub = Stub::start([answer(status, body(status))]).await;
        let error = telegram(&stub.url).get_me(&token()).await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.starts_with(expected), "{status}: {shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    let url = unused_url().await;
    let error = telegram(&url).get_me(&token()).await.unwrap_err();
    assert!(
        matches!(&error, TelegramError::Unavailable(text) if text == "the connection failed"),
        "{error:?}"
    );
}

#[tokio::test]
async fn token_that_changes_path_is_not_sent() {
    let stub = Stub::start([]).await;
    for token in ["1:a/../../x", "1:a?b", "1:a#b", "1:a%2F", "1:ключ", ""] {
        let error = telegram(&stub.url).get_me(&token.into()).await.unwrap_err();
        assert!(matches!(error, TelegramError::TokenRejected), "{token}");
    }
    assert!(stub.drain_requests().is_empty());
}

#[tokio::test]
async fn smallest_picture_is_fetched_and_verified() {
    let png = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 20]].concat();
    let photos = json!({"total_count": 1, "photos": [[
        {"file_id": "big", "width": 640}, {"file_id": "small", "width": 160},
    ]]});
    let file = |path: &str| answer(200, json!({"ok": true, "result": {"file_path": path}}));
    let photos = || answer(200, json!({"ok": true, "result": photos}));
    let stub = Stub::start([photos(), file("photos/file_0.jpg"), answer_bytes(200, png.clone())]).await;
    let picture = telegram(&stub.url).picture(&token(), 123_456).await.unwrap();
    assert_eq!(picture, Some(Picture { media_type: "image/png", bytes: png }));
    let sent = stub.drain_requests();
    assert_eq!((&sent[0].json()["user_id"], &sent[1].json()["file_id"]), (&json!(123_456), &json!("small")));
    assert_eq!(sent[2].line(), "GET /file/bot123456:AAsecret/photos/file_0.jpg");

    let none = json!({"ok": true, "result": {"total_count": 0, "photos": []}});
    for answers in [
        vec![answer(200, none)],
        vec![photos(), file("../../secrets")],
        vec![photos(), file("a.svg"), answer_bytes(200, b"<svg onload='alert(1)'/>".to_vec())],
        vec![photos(), file("a.jpg"), answer_bytes(404, b"\xff\xd8\xff".to_vec())],
    ] {
        let stub = Stub::start(answers).await;
        assert_eq!(telegram(&stub.url).picture(&token(), 1).await.unwrap(), None);
    }
    let huge = Stub::start([photos(), file("a.jpg"), answer_bytes(200, vec![0xff; 70_000])]).await;
    let error = telegram(&huge.url).picture(&token(), 1).await.unwrap_err();
    assert!(!format!("{error:?}").contains("AAsecret"), "{error:?}");
}
