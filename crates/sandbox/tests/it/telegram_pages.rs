//! The page of a chat.

use serde_json::json;

use crate::{
    harness::{World, expect, multipart, send},
    telegram::{call, say},
};

const BOT: i64 = 654_654;
const CHAT: &str = "/sandbox/telegram/bots/654654";

async fn start() -> World {
    let world = World::start().await;
    expect(200, world.get(&call(BOT, "ok", "getMe"))).await;
    world
}

async fn page(world: &World, query: &str) -> String {
    let answer = send(world.get(&format!("{CHAT}{query}"))).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn buttons_links_and_drafts_are_shown() {
    let world = start().await;
    assert!(page(&world, "?chatId=2").await.contains("No messages yet"));
    say(&world, BOT, 2, "hi").await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Approve", "callback_data": "ok:1"},
        {"text": "Site", "url": "https://site.test/"}, {"text": "Evil", "url": "tel:1"}]]});
    let text = "<b>Look</b> at https://reef.test/?a=1&amp;b=2.";
    let message = json!({"chat_id": 2, "text": text, "parse_mode": "HTML", "reply_markup": keyboard});
    expect(200, world.post(&call(BOT, "ok", "sendMessage")).json(&message)).await;
    let draft = json!({"chat_id": 2, "draft_id": 1, "text": "half an ans"});
    expect(200, world.post(&call(BOT, "ok", "sendMessageDraft")).json(&draft)).await;
    let shown = page(&world, "?chatId=2").await;
    for expected in [
        "<b>Look</b>",
        "href=\"https://reef.test/?a=1&amp;b=2\"",
        "name=\"data\" value=\"ok:1\"",
        "href=\"https://site.test/\"",
        "half an ans",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("tel:1"), "{shown}");
    let part = page(&world, "?chatId=2&part=true").await;
    assert!(part.contains("half an ans") && !part.contains("<html"), "{part}");

    // The button is a form, and its answer is shown.
    let form = [("chatId", "2"), ("messageId", "2"), ("data", "ok:1")];
    let pressed = send(world.post(&format!("{CHAT}/callback-queries")).form(&form)).await;
    assert_eq!(
        (pressed.status().as_u16(), &pressed.headers()["location"]),
        (303, &format!("{CHAT}?chatId=2#text").parse().unwrap())
    );
    let updates = expect(200, world.get(&call(BOT, "ok", "getUpdates"))).await;
    let id = updates["result"][1]["callback_query"]["id"].clone();
    let answer = json!({"callback_query_id": id, "text": "Approved <now>"});
    expect(200, world.post(&call(BOT, "ok", "answerCallbackQuery")).json(&answer)).await;
    assert!(page(&world, "?chatId=2").await.contains("Approved &lt;now&gt;"));
}

#[tokio::test]
async fn file_is_sent_and_shown_without_running_as_a_page() {
    let world = start().await;
    let post = |kind: &str, name: &str, mime: &str, content: &[u8]| {
        multipart(
            world.post(&format!("{CHAT}/messages")),
            &[
                ("page", None, b"true"),
                ("chatId", None, b"2"),
                ("kind", None, kind.as_bytes()),
                ("caption", None, b""),
                ("file", Some((name, mime)), content),
            ],
        )
    };
    let sent = send(post("photo", "p.png", "image/png", b"\x89PNG")).await;
    assert_eq!(
        (sent.status().as_u16(), &sent.headers()["location"]),
        (303, &format!("{CHAT}?chatId=2#text").parse().unwrap())
    );
    send(post("document", "x.html", "text/html", b"<script>alert(1)</script>")).await;
    let shown = page(&world, "?chatId=2").await;
    assert!(shown.contains(&format!("<img src=\"{CHAT}/files/1?chatId=2\"")), "{shown}");
    assert!(shown.contains("x.html (25 bytes)"), "{shown}");
    for (message, kind) in [(1, "image/png"), (2, "application/octet-stream")] {
        let file = send(world.get(&format!("{CHAT}/files/{message}?chatId=2"))).await;
        assert_eq!(
            (&file.headers()["content-type"], &file.headers()["x-content-type-options"]),
            (&kind.parse().unwrap(), &"nosniff".parse().unwrap())
        );
    }
    expect(404, world.get(&format!("{CHAT}/files/9?chatId=2"))).await;
    let empty = send(multipart(
        world.post(&format!("{CHAT}/messages")),
        &[("page", None, b"true"), ("chatId", None, b"2"), ("file", Some(("", "a/b")), b"")],
    ))
    .await;
    assert_eq!(empty.status(), 400);
    let refusal = empty.text().await.unwrap();
    assert!(refusal.contains("role=\"alert\"") && refusal.contains(&format!("{CHAT}?chatId=2")), "{refusal}");
}

#[tokio::test]
async fn people_write_edit_and_reply_in_groups_and_topics() {
    let world = start().await;
    let query = "?chatId=-4&userId=9&threadId=6&chatType=supergroup";
    let shown = page(&world, query).await;
    for field in [("userId", "9"), ("threadId", "6"), ("chatType", "supergroup")] {
        let field = format!("name=\"{}\" value=\"{}\"", field.0, field.1);
        assert!(shown.contains(&field), "{field}: {shown}");
    }
    let form =
        [("chatId", "-4"), ("userId", "9"), ("threadId", "6"), ("chatType", "supergroup"), ("text", "hello")];
    let sent = send(world.post(&format!("{CHAT}/messages")).form(&form)).await;
    assert_eq!(sent.headers()["location"], format!("{CHAT}?chatId=-4&userId=9&threadId=6#text"));
    let shown = page(&world, "?chatId=-4&userId=9&threadId=6").await;
    assert!(shown.contains("Person 9") && shown.contains("&amp;edit=1#text"), "{shown}");
    let shown = page(&world, "?chatId=-4&userId=9&threadId=6&edit=1").await;
    assert!(
        shown.contains("name=\"editOfMessageId\" value=\"1\"") && shown.contains("value=\"hello\""),
        "{shown}"
    );
    let shown = page(&world, "?chatId=-4&userId=9&threadId=6&reply=1").await;
    assert!(shown.contains("name=\"replyToMessageId\" value=\"1\""), "{shown}");
    let form = [("chatId", "-4"), ("userId", "9"), ("editOfMessageId", "1"), ("text", "hello again")];
    send(world.post(&format!("{CHAT}/messages")).form(&form)).await;
    let shown = page(&world, "?chatId=-4&userId=&threadId=").await;
    assert!(shown.contains("hello again") && shown.contains("edited"), "{shown}");
    let form = [("page", "true"), ("chatId", "-5"), ("chatType", "group"), ("addedBy", "9")];
    let added = send(world.post(&format!("{CHAT}/chats")).form(&form)).await;
    assert_eq!(added.headers()["location"], format!("{CHAT}?chatId=-5&userId=9#text"));
    assert!(page(&world, "?chatId=-5").await.contains("Person 9 added"));
}

#[tokio::test]
async fn entities_of_messages_edits_and_drafts_are_shown_and_escaped() {
    let world = start().await;
    say(&world, BOT, 2, "hi").await;
    let text = "<b> x y\nlet z;";
    let entities = json!([
        {"type": "bold", "offset": 0, "length": 3},
        {"type": "text_link", "offset": 4, "length": 1, "url": "https://e.org/?\"><script>alert(1)</script>"},
        {"type": "code", "offset": 6, "length": 1},
        {"type": "pre", "offset": 8, "length": 6, "language": "rust\"><script>"},
    ]);
    let shown_in = async |method: &str, more: serde_json::Value| {
        let mut body = json!({"chat_id": 2, "text": text, "entities": entities});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        expect(200, world.post(&call(BOT, "ok", method)).json(&body)).await;
        let shown = page(&world, "?chatId=2").await;
        for expected in [
            "<b>&lt;b&gt;</b>",
            "href=\"https://e.org/?&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\"",
            "<code>y</code>",
            "data-language=\"rust&quot;&gt;&lt;script&gt;\">let z;</code>",
        ] {
            assert!(shown.contains(expected), "{method}: {expected}: {shown}");
        }
        assert!(!shown.contains("<script>alert") && !shown.contains("\"><script>"), "{method}");
    };
    shown_in("sendMessageDraft", json!({"draft_id": 1})).await;
    let plain = json!({"chat_id": 2, "text": "plain"});
    let sent = expect(200, world.post(&call(BOT, "ok", "sendMessage")).json(&plain)).await;
    assert!(!page(&world, "?chatId=2").await.contains("let z;"), "the draft is gone");
    shown_in("editMessageText", json!({"message_id": sent["result"]["message_id"]})).await;
    shown_in("sendMessage", json!({})).await;
}
