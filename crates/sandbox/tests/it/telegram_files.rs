//! Files in messages to bots.

use serde_json::{Value, json};

use crate::{
    harness::{Part, World, expect, multipart, send},
    telegram::{SECRET, call},
};

const BOT: i64 = 432_432;
const PATH: &str = "/sandbox/telegram/bots/432432/messages";

async fn start() -> World {
    let world = World::start().await;
    expect(200, world.get(&call(BOT, "ok", "getMe"))).await;
    world
}

async fn upload(world: &World, parts: &[Part<'_>]) -> Value {
    expect(200, multipart(world.post(PATH), parts)).await["data"].clone()
}

async fn last_message(world: &World) -> Value {
    let updates = expect(200, world.get(&call(BOT, "ok", "getUpdates?offset=-1"))).await;
    updates["result"][0]["message"].clone()
}

async fn get_file(world: &World, status: u16, file_id: &Value) -> Value {
    expect(status, world.post(&call(BOT, "ok", "getFile")).json(&json!({"file_id": file_id}))).await
}

fn download_url(path: &Value) -> String {
    format!("/sandbox/telegram/file/bot{BOT}:ok{SECRET}/{}", path.as_str().unwrap())
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes
}

#[tokio::test]
async fn photo_arrives_in_sizes_and_can_be_downloaded_after_a_restart() {
    let world = start().await;
    let picture = png(1600, 800);
    let sent = upload(
        &world,
        &[
            ("chatId", None, b"3"),
            ("kind", None, b"photo"),
            ("caption", None, "what is /this 😀".as_bytes()),
            ("mediaGroupId", None, b"album1"),
            ("file", Some(("p.png", "image/png")), &picture),
        ],
    )
    .await;
    let message = last_message(&world).await;
    assert_eq!(
        (&sent["messageId"], &message["caption"]),
        (&message["message_id"], &json!("what is /this 😀"))
    );
    assert_eq!(message["media_group_id"], "album1");
    assert_eq!(message["caption_entities"], json!([{"type": "bot_command", "offset": 8, "length": 5}]));
    let sizes = message["photo"].as_array().unwrap();
    let widths: Vec<&Value> = sizes.iter().map(|size| &size["width"]).collect();
    assert_eq!(widths, [90, 320, 1600]);
    assert_eq!((&sizes[2]["height"], &sizes[2]["file_size"]), (&json!(800), &json!(picture.len())));
    let file = get_file(&world, 200, &sizes[2]["file_id"]).await["result"].clone();
    assert_eq!(file["file_unique_id"], sizes[2]["file_unique_id"]);
    let world = world.restart().await;
    for size in sizes {
        let file = get_file(&world, 200, &size["file_id"]).await["result"].clone();
        let got = send(world.get(&download_url(&file["file_path"]))).await;
        assert_eq!(got.bytes().await.unwrap(), picture);
    }
    let list = expect(200, world.get(&format!("{PATH}?chatId=3"))).await;
    let listed = &list["data"][0];
    assert_eq!((&listed["text"], &listed["mediaGroupId"]), (&json!("what is /this 😀"), &json!("album1")));
    assert_eq!((&listed["file"]["kind"], &listed["file"]["size"]), (&json!("photo"), &json!(picture.len())));
}

#[tokio::test]
async fn each_kind_of_file_has_the_fields_that_telegram_sends() {
    let world = start().await;
    for (kind, name, mime, fields) in [
        (
            "document",
            "a b.pdf",
            "application/pdf",
            json!({"file_name": "a b.pdf", "mime_type": "application/pdf"}),
        ),
        ("voice", "v.ogg", "audio/ogg", json!({"duration": 1, "mime_type": "audio/ogg"})),
        (
            "audio",
            "s.mp3",
            "audio/mpeg",
            json!({"duration": 1, "mime_type": "audio/mpeg", "file_name": "s.mp3"}),
        ),
        ("video_note", "n.mp4", "video/mp4", json!({"duration": 1, "length": 240})),
        ("video", "m.mp4", "video/mp4", json!({"duration": 1, "mime_type": "video/mp4"})),
        ("sticker", "s.webp", "image/webp", json!({"type": "regular", "emoji": "🙂"})),
    ] {
        upload(
            &world,
            &[
                ("chatId", None, b"3"),
                ("kind", None, kind.as_bytes()),
                ("file", Some((name, mime)), b"bytes"),
            ],
        )
        .await;
        let message = last_message(&world).await;
        let object = &message[kind];
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&object[field], value, "{kind}: {message}");
        }
        assert_eq!((&object["file_size"], message.get("text")), (&json!(5), None));
        let file = get_file(&world, 200, &object["file_id"]).await["result"].clone();
        let got = send(world.get(&download_url(&file["file_path"]))).await;
        assert_eq!(got.bytes().await.unwrap(), &b"bytes"[..]);
    }
    let timed: [Part<'_>; 4] = [
        ("chatId", None, b"3"),
        ("kind", None, b"voice"),
        ("duration", None, b"3600"),
        ("file", Some(("v.ogg", "audio/ogg")), b"x"),
    ];
    upload(&world, &timed).await;
    assert_eq!(last_message(&world).await["voice"]["duration"], 3600);
}

#[tokio::test]
async fn bots_cannot_download_more_than_20_mb() {
    let world = start().await;
    let send_document = async |bytes: usize| {
        let content = vec![b'x'; bytes];
        let parts: [Part<'_>; 2] =
            [("chatId", None, b"3"), ("file", Some(("big.bin", "application/octet-stream")), &content)];
        upload(&world, &parts).await;
        last_message(&world).await["document"].clone()
    };
    let limit = 20 * 1024 * 1024;
    let empty = send_document(0).await;
    assert_eq!(empty["file_size"], 0);
    get_file(&world, 200, &empty["file_id"]).await;
    let fits = send_document(limit).await;
    let file = get_file(&world, 200, &fits["file_id"]).await["result"].clone();
    let got = send(world.get(&download_url(&file["file_path"]))).await;
    assert_eq!(got.bytes().await.unwrap().len(), limit);
    let large = send_document(limit + 1).await;
    assert_eq!(large["file_size"], limit + 1);
    let refused = get_file(&world, 400, &large["file_id"]).await;
    assert_eq!(refused["description"], "Bad Request: file is too big");
}

#[tokio::test]
async fn malformed_uploads_are_rejected() {
    let world = start().await;
    let file: Part<'_> = ("file", Some(("a.txt", "text/plain")), b"x");
    let chat: Part<'_> = ("chatId", None, b"3");
    for parts in [
        vec![file],
        vec![chat],
        vec![chat, ("kind", None, b"hologram"), file],
        vec![("chatId", None, b"three"), file],
        vec![chat, ("userId", None, b"-4"), file],
        vec![chat, ("surprise", None, b"x"), file],
        vec![chat, ("text", None, b"a"), ("caption", None, b"b"), file],
    ] {
        expect(400, multipart(world.post(PATH), &parts)).await;
    }
    let broken = world.post(PATH).header("content-type", "multipart/form-data; boundary=x").body("nonsense");
    expect(400, broken).await;
    let large = vec![0; 51 * 1024 * 1024];
    let refused = send(multipart(world.post(PATH), &[chat, ("file", Some(("l", "a/b")), &large)])).await;
    assert_eq!(refused.status(), 413);
    get_file(&world, 400, &json!("BQACAgQAAxnothing")).await;
    let missing = world.get(&download_url(&json!("photos/file_99.jpg")));
    expect(404, missing).await;
}

#[tokio::test]
async fn files_of_another_bot_are_not_found() {
    let world = start().await;
    upload(&world, &[("chatId", None, b"3"), ("file", Some(("a.txt", "text/plain")), b"x")]).await;
    let id = last_message(&world).await["document"]["file_id"].clone();
    let path = get_file(&world, 200, &id).await["result"]["file_path"].clone();
    expect(400, world.post(&call(777_123, "ok", "getFile")).json(&json!({"file_id": id}))).await;
    let elsewhere = format!("/sandbox/telegram/file/bot777123:ok{SECRET}/{}", path.as_str().unwrap());
    expect(404, world.get(&elsewhere)).await;
}

#[tokio::test]
async fn bot_sends_files_by_upload_and_by_id() {
    let world = start().await;
    upload(&world, &[("chatId", None, b"3"), ("file", Some(("a.txt", "text/plain")), b"from a person")])
        .await;
    let received = last_message(&world).await["document"]["file_id"].clone();
    let method = |name: &str| world.post(&call(BOT, "ok", name));
    let parts: [Part<'_>; 4] = [
        ("chat_id", None, b"3"),
        ("caption", None, b"<b>Here</b>"),
        ("parse_mode", None, b"HTML"),
        ("photo", Some(("p.png", "image/png")), &png(64, 32)),
    ];
    let sent = expect(200, multipart(method("sendPhoto"), &parts)).await["result"].clone();
    assert_eq!((&sent["photo"][2]["width"], &sent["caption"]), (&json!(64), &json!("Here")));
    assert_eq!(sent["caption_entities"][0]["type"], "bold");
    let attached: [Part<'_>; 3] = [
        ("chat_id", None, b"3"),
        ("document", None, b"attach://x1"),
        ("x1", Some(("r.csv", "text/csv")), b"a,b"),
    ];
    let sent = expect(200, multipart(method("sendDocument"), &attached)).await["result"].clone();
    assert_eq!(sent["document"]["file_name"], "r.csv");
    let by_id = json!({"chat_id": 3, "document": received});
    let sent = expect(200, method("sendDocument").json(&by_id)).await["result"].clone();
    let file = get_file(&world, 200, &sent["document"]["file_id"]).await["result"].clone();
    let got = send(world.get(&download_url(&file["file_path"]))).await;
    assert_eq!(got.bytes().await.unwrap(), &b"from a person"[..]);
    let list = expect(200, world.get(&format!("{PATH}?chatId=3"))).await;
    let kinds: Vec<&Value> =
        list["data"].as_array().unwrap().iter().map(|message| &message["file"]["kind"]).collect();
    assert_eq!(kinds, ["document", "photo", "document", "document"]);
    for (body, description) in [
        (json!({"chat_id": 3}), "there is no photo in the request"),
        (json!({"chat_id": 3, "photo": "nonsense"}), "wrong file identifier/HTTP URL specified"),
        (json!({"chat_id": 3, "photo": "https://a.test/p.png"}), "failed to get HTTP URL content"),
        (json!({"chat_id": 3, "photo": "x", "caption": "x".repeat(1025)}), "message caption is too long"),
    ] {
        let refused = expect(400, method("sendPhoto").json(&body)).await;
        assert_eq!(refused["description"], format!("Bad Request: {description}"));
    }
}
