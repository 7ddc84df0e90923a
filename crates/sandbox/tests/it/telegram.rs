//! Telegram's bots, messages, webhooks and polls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Receiver, World, expect, send, until};

pub const SECRET: &str = "AAbbCCddEEffGGhhIIjjKKllMMnn";

pub fn call(bot: i64, kind: &str, method: &str) -> String {
    format!("/sandbox/telegram/bot{bot}:{kind}{SECRET}/{method}")
}

async fn set_webhook(world: &World, bot: i64, receiver: &Receiver) {
    let body = json!({"url": format!("{}/hook", receiver.url), "secret_token": "s3cret", "allowed_updates": ["message"]});
    let answer = expect(200, world.post(&call(bot, "ok", "setWebhook")).json(&body)).await;
    assert_eq!(answer, json!({"ok": true, "result": true, "description": "Webhook was set"}));
}

pub async fn say(world: &World, bot: i64, chat: i64, text: &str) {
    let path = format!("/sandbox/telegram/bots/{bot}/messages");
    expect(200, world.post(&path).json(&json!({"chatId": chat, "text": text}))).await;
}

async fn conversation(world: &World, bot: i64, chat: i64) -> Vec<(String, String)> {
    let path = format!("/sandbox/telegram/bots/{bot}/messages?chatId={chat}");
    let answer = expect(200, world.get(&path)).await;
    let text = |message: &Value, field: &str| message[field].as_str().unwrap().to_owned();
    answer["data"].as_array().unwrap().iter().map(|m| (text(m, "from"), text(m, "text"))).collect()
}

#[tokio::test]
async fn message_reaches_the_webhook_with_its_secret_and_is_answered() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    expect(
        404,
        world.post("/sandbox/telegram/bots/123456/messages").json(&json!({"chatId": 1, "text": "x"})),
    )
    .await;
    let me = expect(200, world.get(&call(123_456, "ok", "GETME"))).await;
    assert!(
        me["result"]["id"] == 123_456 && me["result"]["username"].as_str().unwrap().ends_with("bot"),
        "{me}"
    );
    set_webhook(&world, 123_456, &receiver).await;
    let started = Instant::now();
    say(&world, 123_456, 7, "/start now").await;
    let hit = receiver.wait_for(1).await[0].clone();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    assert_eq!(hit.headers["x-telegram-bot-api-secret-token"], "s3cret");
    let message = &hit.json()["message"];
    assert_eq!((&message["chat"]["id"], &message["text"]), (&json!(7), &json!("/start now")));
    assert_eq!(message["entities"], json!([{"type": "bot_command", "offset": 0, "length": 6}]));

    let typing = json!({"chat_id": 7, "action": "typing"});
    expect(200, world.post(&call(123_456, "ok", "sendChatAction")).json(&typing)).await;
    let shown = expect(200, world.get("/sandbox/telegram/bots/123456/messages?chatId=7")).await;
    assert_eq!(shown["typing"], true);
    let answer = json!({"chat_id": 7, "text": "<b>Hi</b> &lt;you&gt;", "parse_mode": "HTML"});
    let sent = expect(200, world.post(&call(123_456, "ok", "sendMessage")).json(&answer)).await;
    assert_eq!(sent["result"]["entities"], json!([{"type": "bold", "offset": 0, "length": 2}]));
    let expected =
        [("user", "/start now"), ("bot", "Hi <you>")].map(|(from, text)| (from.to_owned(), text.to_owned()));
    assert_eq!(conversation(&world, 123_456, 7).await, expected);
    assert!(conversation(&world, 123_456, 8).await.is_empty());
    let info = expect(200, world.get(&call(123_456, "ok", "getWebhookInfo"))).await;
    assert_eq!(
        (&info["result"]["pending_update_count"], &info["result"]["allowed_updates"]),
        (&json!(0), &json!(["message"]))
    );
}

#[tokio::test]
async fn updates_of_a_chat_arrive_in_order_and_delay_no_other_chat() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    set_webhook_after_first_use(&world, &receiver).await;
    say(&world, 222_222, 1, "wait, I am slow").await;
    receiver.wait_for(1).await;
    say(&world, 222_222, 1, "second").await;
    say(&world, 222_222, 2, "other chat").await;
    let hits = receiver.wait_for(3).await;
    let texts: Vec<Value> = hits.iter().map(|hit| hit.json()["message"]["text"].clone()).collect();
    assert_eq!(texts, ["wait, I am slow", "other chat", "second"]);
    let ids: Vec<i64> = hits.iter().map(|hit| hit.json()["update_id"].as_i64().unwrap()).collect();
    assert_eq!((ids[2] - ids[0], ids[1] - ids[0]), (1, 2));
}

async fn set_webhook_after_first_use(world: &World, receiver: &Receiver) {
    expect(200, world.get(&call(222_222, "ok", "getMe"))).await;
    set_webhook(world, 222_222, receiver).await;
}

#[tokio::test]
async fn failed_update_is_retried_after_a_restart_and_its_response_may_call_a_method() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    set_webhook(&world, 333_333, &receiver).await;
    receiver.respond_with(502, "");
    say(&world, 333_333, 5, "hello").await;
    receiver.wait_for(1).await;
    until(|| async {
        let info = expect(200, world.get(&call(333_333, "ok", "getWebhookInfo"))).await;
        info["result"]["last_error_message"].as_str().map(str::to_owned)
    })
    .await;
    receiver.respond_with(200, r#"{"method": "sendMessage", "chat_id": 5, "text": "by return"}"#);
    let world = world.restart().await;
    let hits = receiver.wait_for(2).await;
    assert_eq!(hits[0].body, hits[1].body);
    let answered = until(|| async {
        let said = conversation(&world, 333_333, 5).await;
        (said.len() == 2).then_some(said)
    })
    .await;
    assert_eq!(answered[1], ("bot".to_owned(), "by return".to_owned()));
}

#[tokio::test]
async fn polls_wait_confirm_updates_and_terminate_older_polls() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let poll = call(444_444, "ok", "getUpdates");
    assert_eq!(expect(200, world.post(&poll)).await["result"], json!([]));
    let first = tokio::spawn(expect(409, world.post(&poll).json(&json!({"timeout": 10}))));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = tokio::spawn(expect(200, world.post(&poll).json(&json!({"timeout": 10}))));
    let pushed_out = first.await.unwrap();
    assert!(
        pushed_out["description"].as_str().unwrap().contains("terminated by other getUpdates"),
        "{pushed_out}"
    );
    say(&world, 444_444, 1, "one").await;
    let update = second.await.unwrap()["result"][0].clone();
    assert_eq!(update["message"]["text"], "one");
    say(&world, 444_444, 1, "two").await;
    let offset = update["update_id"].as_i64().unwrap() + 1;
    let rest = expect(200, world.get(&format!("{poll}?offset={offset}"))).await;
    assert_eq!(rest["result"].as_array().unwrap().len(), 1);
    set_webhook(&world, 444_444, &receiver).await;
    assert_eq!(receiver.wait_for(1).await[0].json()["message"]["text"], "two");
    expect(409, world.post(&poll)).await;
    let dropped = json!({"drop_pending_updates": true});
    expect(200, world.post(&call(444_444, "ok", "deleteWebhook")).json(&dropped)).await;
    assert_eq!(expect(200, world.post(&poll)).await["result"], json!([]));
}

#[tokio::test]
async fn magic_tokens_fail_as_documented() {
    let world = World::start().await;
    let hook = json!({"url": "https://example.com/hook"});
    let revoked = expect(401, world.get(&call(555_555, "revoked", "getMe"))).await;
    assert_eq!(revoked, json!({"ok": false, "error_code": 401, "description": "Unauthorized"}));
    expect(404, world.get("/sandbox/telegram/bots/555555/messages")).await;
    expect(200, world.get(&call(555_555, "conflict", "getMe"))).await;
    expect(409, world.post(&call(555_555, "conflict", "setWebhook")).json(&hook)).await;
    expect(200, world.post(&call(555_555, "stubborn", "setWebhook")).json(&hook)).await;
    expect(500, world.post(&call(555_555, "stubborn", "deleteWebhook"))).await;
    let stuck =
        world.post(&call(555_555, "stuck", "setWebhook")).json(&hook).timeout(Duration::from_millis(500));
    assert!(stuck.send().await.unwrap_err().is_timeout());
    expect(200, world.get(&call(555_555, "stuck", "getMe"))).await;
    expect(401, world.get("/sandbox/telegram/bot555555:short/getMe")).await;
    expect(404, world.get("/sandbox/telegram/bot555555/getMe")).await;
    expect(404, world.get(&call(555_555, "ok", "getRich"))).await;
}

#[tokio::test]
async fn malformed_calls_are_rejected_as_telegram_does() {
    let world = World::start().await;
    expect(200, world.get(&call(666_666, "ok", "getMe"))).await;
    say(&world, 666_666, 1, "hello").await;
    for (body, description) in [
        (json!({"chat_id": 1}), "Bad Request: message text is empty"),
        (json!({"chat_id": 1, "text": " \n "}), "Bad Request: message text is empty"),
        (json!({"chat_id": 1, "text": "😀".repeat(2049)}), "Bad Request: message is too long"),
        (json!({"chat_id": 2, "text": "x"}), "Bad Request: chat not found"),
        (json!({"text": "x"}), "Bad Request: chat_id is empty"),
        (json!({"chat_id": 1, "text": "x", "parse_mode": "BBCode"}), "Bad Request: unsupported parse_mode"),
        (
            json!({"chat_id": 1, "text": "<b>x", "parse_mode": "HTML"}),
            "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            json!({"chat_id": 1, "text": "a.b", "parse_mode": "MarkdownV2"}),
            "Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
        ),
    ] {
        let answer = expect(400, world.post(&call(666_666, "ok", "sendMessage")).json(&body)).await;
        assert_eq!(answer["description"], description, "{body}");
    }
    let longest =
        json!({"chat_id": "1", "text": format!("<i>{}</i>", "é".repeat(4096)), "parse_mode": "HTML"});
    expect(200, world.post(&call(666_666, "ok", "sendMessage")).json(&longest)).await;
    expect(
        200,
        world.post(&call(666_666, "ok", "sendMessage")).form(&[("chat_id", "1"), ("text", "by form")]),
    )
    .await;
    for (url, fine) in [
        ("http://example.com/x", false),
        ("https://example.com:444/x", false),
        ("https://127.0.0.1/x", false),
        ("nonsense", false),
        ("https://example.com:8443/x", true),
        ("http://127.0.0.1:9/x", true),
    ] {
        let status = if fine { 200 } else { 400 };
        expect(status, world.post(&call(666_666, "ok", "setWebhook")).json(&json!({"url": url}))).await;
    }
    let bad_secret = json!({"url": "https://example.com/x", "secret_token": "with space"});
    expect(400, world.post(&call(666_666, "ok", "setWebhook")).json(&bad_secret)).await;
    expect(
        400,
        world.post(&call(666_666, "ok", "sendChatAction")).json(&json!({"chat_id": 1, "action": "dance"})),
    )
    .await;
    let commands = json!({"commands": [{"command": "Start", "description": "x"}]});
    expect(400, world.post(&call(666_666, "ok", "setMyCommands")).json(&commands)).await;
    let commands = json!({"commands": [{"command": "start", "description": "x"}]});
    expect(200, world.post(&call(666_666, "ok", "setMyCommands")).json(&commands)).await;
}

#[tokio::test]
async fn chat_page_works_without_javascript_and_escapes_messages() {
    let world = World::start().await;
    expect(200, world.get(&call(777_777, "ok", "getMe"))).await;
    let form = [("chatId", "3"), ("text", "<script>alert(1)</script>")];
    let answer = world.post("/sandbox/telegram/bots/777777/messages").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let page =
        world.get(answer.headers()["location"].to_str().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains("<html lang=\"en\">") && page.contains("label for=\"text\""), "{page}");
    let list = world.get("/sandbox/telegram/").send().await.unwrap().text().await.unwrap();
    assert!(list.contains("/sandbox/telegram/bots/777777"), "{list}");
}

#[tokio::test]
async fn drain_ends_polls_and_stuck_calls() {
    let world = World::start().await;
    let poll = tokio::spawn(expect(
        200,
        world.post(&call(888_888, "ok", "getUpdates")).json(&json!({"timeout": 15})),
    ));
    let hook = json!({"url": "https://example.com/hook"});
    let stuck = tokio::spawn(expect(500, world.post(&call(888_888, "stuck", "setWebhook")).json(&hook)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!poll.is_finished() && !stuck.is_finished());
    let started = Instant::now();
    world.drain();
    poll.await.unwrap();
    stuck.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn bot_has_a_profile_picture() {
    let world = World::start().await;
    let asked = |method: &str, body: Value| world.post(&call(123_457, "ok", method)).json(&body);
    let photos = expect(200, asked("getUserProfilePhotos", json!({"user_id": 123_457, "limit": 1}))).await;
    let id = photos["result"]["photos"][0][0]["file_id"].clone();
    let file = expect(200, asked("getFile", json!({"file_id": id}))).await;
    let path = file["result"]["file_path"].as_str().unwrap().to_owned();
    let at = |token: &str| world.get(&format!("/sandbox/telegram/file/bot{token}/{path}"));
    let picture = at(&format!("123457:ok{SECRET}")).send().await.unwrap();
    assert_eq!(picture.status(), 200);
    assert!(picture.bytes().await.unwrap().starts_with(b"\x89PNG"));
    expect(401, at(&format!("123457:revoked{SECRET}"))).await;
    expect(400, asked("getUserProfilePhotos", json!({"user_id": 1}))).await;
    let calls = expect(200, world.get("/sandbox/requests?vendor=telegram")).await;
    assert!(!calls.to_string().contains(SECRET), "{calls}");
}

#[tokio::test]
async fn embedded_chat_page_stays_embedded_after_a_message() {
    let world = World::start().await;
    expect(200, world.post(&call(123_458, "ok", "getMe"))).await;
    let chat = "/sandbox/telegram/bots/123458";
    let page = send(world.get(&format!("{chat}?inner=true&chatId=7"))).await.text().await.unwrap();
    assert!(page.contains("Chat with @reef_123458_bot") && !page.contains("<nav"), "{page}");
    let said = [("chatId", "7"), ("inner", "true"), ("text", "hello")];
    let answer = send(world.post(&format!("{chat}/messages")).form(&said)).await;
    let back = answer.headers()["location"].to_str().unwrap();
    assert_eq!((answer.status().as_u16(), back), (303, &*format!("{chat}?inner=true&chatId=7#text")));
    let page = send(world.get(back)).await.text().await.unwrap();
    assert!(page.contains(r#"<li class="user">hello</li>"#), "{page}");
}

#[tokio::test]
async fn captioned_photo_arrives_with_detected_entities() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    set_webhook(&world, 999_999, &receiver).await;
    let path = "/sandbox/telegram/bots/999999/messages";
    let said = json!({"chatId": -5, "caption": "/help@ada_bot what is this, @ada_bot?"});
    expect(200, world.post(path).json(&said)).await;
    let message = receiver.wait_for(1).await[0].json()["message"].clone();
    assert_eq!((&message["caption"], &message["text"]), (&said["caption"], &Value::Null));
    assert_eq!(message["photo"].as_array().unwrap().len(), 3);
    let marked = json!([
        {"type": "bot_command", "offset": 0, "length": 13},
        {"type": "mention", "offset": 28, "length": 8},
    ]);
    assert_eq!(message["caption_entities"], marked);
    say(&world, 999_999, -5, "/etc/passwd: what is this file for?").await;
    assert_eq!(receiver.wait_for(2).await[1].json()["message"]["entities"], Value::Null);
    for bad in [
        json!({"chatId": 1}),
        json!({"chatId": 1, "text": "x", "caption": "y"}),
        json!({"chatId": 1, "caption": "x".repeat(1_025)}),
    ] {
        expect(400, world.post(path).json(&bad)).await;
    }
}

#[tokio::test]
async fn reply_to_missing_message_is_rejected_unless_allowed() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    set_webhook(&world, 555_555, &receiver).await;
    say(&world, 555_555, -9, "hello").await;
    let reply = |reply_parameters: Value| {
        let body = json!({"chat_id": -9, "text": "hi", "reply_parameters": reply_parameters});
        world.post(&call(555_555, "ok", "sendMessage")).json(&body)
    };
    let sent = expect(200, reply(json!({"message_id": 1}))).await;
    assert_eq!(sent["result"]["reply_to_message"]["message_id"], 1);
    let refused = expect(400, reply(json!({"message_id": 99}))).await;
    assert_eq!(refused["description"], "Bad Request: message to be replied not found");
    expect(400, reply(json!({"message_id": "one"}))).await;
    expect(200, reply(json!({"message_id": 99, "allow_sending_without_reply": true}))).await;
    let shown = expect(200, world.get("/sandbox/telegram/bots/555555/messages?chatId=-9")).await;
    let replies: Vec<&Value> =
        shown["data"].as_array().unwrap().iter().map(|message| &message["replyToMessageId"]).collect();
    assert_eq!(replies, [&Value::Null, &json!(1), &Value::Null]);
}
