//! The methods of the Bot API that change messages, and their errors.

use serde_json::{Value, json};

use crate::{
    harness::{World, expect},
    telegram::{call, say},
};

const BOT: i64 = 543_543;

async fn start() -> World {
    let world = World::start().await;
    expect(200, world.get(&call(BOT, "ok", "getMe"))).await;
    say(&world, BOT, 1, "hello").await;
    world
}

async fn api(world: &World, status: u16, method: &str, body: Value) -> Value {
    expect(status, world.post(&call(BOT, "ok", method)).json(&body)).await
}

async fn refused(world: &World, method: &str, body: Value) -> String {
    let answer = api(world, 400, method, body).await;
    answer["description"].as_str().unwrap().trim_start_matches("Bad Request: ").to_owned()
}

async fn messages(world: &World, chat: i64) -> Vec<Value> {
    let list = expect(200, world.get(&format!("/sandbox/telegram/bots/{BOT}/messages?chatId={chat}"))).await;
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn edit_replaces_text_and_keyboard() {
    let world = start().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]});
    let sent = json!({"chat_id": 1, "text": "one", "reply_markup": keyboard});
    let id = api(&world, 200, "sendMessage", sent).await["result"]["message_id"].clone();
    let edit = |text: &str, markup: &Value| json!({"chat_id": 1, "message_id": id, "text": text, "reply_markup": markup});
    let same = refused(&world, "editMessageText", edit("one", &keyboard)).await;
    assert!(same.starts_with("message is not modified"), "{same}");
    let edited = api(&world, 200, "editMessageText", edit("two", &Value::Null)).await["result"].clone();
    assert_eq!((&edited["text"], edited.get("reply_markup")), (&json!("two"), None));
    assert!(edited["edit_date"].is_i64());
    let markup = json!({"chat_id": 1, "message_id": id, "reply_markup": keyboard});
    let edited = api(&world, 200, "editMessageReplyMarkup", markup.clone()).await["result"].clone();
    assert_eq!((&edited["text"], &edited["reply_markup"]), (&json!("two"), &keyboard));
    assert!(refused(&world, "editMessageReplyMarkup", markup).await.starts_with("message is not modified"));
    let shown = messages(&world, 1).await;
    assert_eq!((&shown[1]["text"], &shown[1]["edited"]), (&json!("two"), &json!(true)));

    for (body, description) in [
        (json!({"chat_id": 1, "message_id": 999, "text": "x"}), "message to edit not found"),
        (json!({"chat_id": 1, "message_id": 1, "text": "x"}), "message can't be edited"),
        (json!({"chat_id": 1, "text": "x"}), "message identifier is not specified"),
        (json!({"chat_id": 2, "message_id": 1, "text": "x"}), "chat not found"),
        (json!({"chat_id": 1, "message_id": id, "text": " "}), "message text is empty"),
        (json!({"chat_id": 1, "message_id": id, "text": "x".repeat(4097)}), "message is too long"),
    ] {
        assert_eq!(refused(&world, "editMessageText", body).await, description);
    }
}

#[tokio::test]
async fn bot_deletes_its_own_messages_and_in_private_chats_any() {
    let world = start().await;
    say(&world, BOT, -9, "in a group").await;
    let id =
        api(&world, 200, "sendMessage", json!({"chat_id": -9, "text": "mine"})).await["result"]["message_id"]
            .clone();
    api(&world, 200, "deleteMessage", json!({"chat_id": -9, "message_id": id})).await;
    assert_eq!(messages(&world, -9).await.len(), 1);
    let gone = refused(&world, "deleteMessage", json!({"chat_id": -9, "message_id": id})).await;
    assert_eq!(gone, "message to delete not found");
    let other = messages(&world, -9).await[0]["messageId"].clone();
    let not_own = refused(&world, "deleteMessage", json!({"chat_id": -9, "message_id": other})).await;
    assert_eq!(not_own, "message can't be deleted");
    api(&world, 200, "deleteMessage", json!({"chat_id": 1, "message_id": 1})).await;
    assert!(messages(&world, 1).await.is_empty());
}

#[tokio::test]
async fn reaction_is_stored_and_validated() {
    let world = start().await;
    let react =
        |emoji: &str| json!({"chat_id": 1, "message_id": 1, "reaction": [{"type": "emoji", "emoji": emoji}]});
    api(&world, 200, "setMessageReaction", react("👀")).await;
    assert_eq!(messages(&world, 1).await[0]["reaction"]["emoji"], "👀");
    assert_eq!(refused(&world, "setMessageReaction", react("x")).await, "REACTION_INVALID");
    let missing = refused(&world, "setMessageReaction", json!({"chat_id": 1, "message_id": 9})).await;
    assert_eq!(missing, "message to react not found");
    api(&world, 200, "setMessageReaction", json!({"chat_id": 1, "message_id": 1})).await;
    assert_eq!(messages(&world, 1).await[0]["reaction"], Value::Null);
}

#[tokio::test]
async fn entities_and_markup_are_validated_as_telegram_does() {
    let world = start().await;
    let send = |name: &str, value: Value| json!({"chat_id": 1, "text": "a 😀 b", name: value});
    let bold = json!([{"type": "bold", "offset": 2, "length": 2}]);
    let sent = api(&world, 200, "sendMessage", send("entities", bold.clone())).await;
    assert_eq!(sent["result"]["entities"], bold);
    api(&world, 200, "sendMessage", send("entities", json!(bold.to_string()))).await;
    for (entities, description) in [
        (
            json!([{"type": "bold", "offset": 2, "length": 9}]),
            "entity beginning at UTF-16 offset 2 ends after the end of the text at UTF-16 offset 11",
        ),
        (
            json!([{"type": "loud", "offset": 0, "length": 1}]),
            "can't parse MessageEntity: Unsupported type specified",
        ),
        (
            json!([{"type": "text_link", "offset": 0, "length": 1, "url": "javascript:alert(1)"}]),
            "Wrong message entity: Wrong port number specified in the URL",
        ),
        (json!("nonsense"), "can't parse entities JSON object"),
    ] {
        assert_eq!(refused(&world, "sendMessage", send("entities", entities.clone())).await, description);
        let edit = json!({"chat_id": 1, "message_id": 2, "text": "a 😀 b", "entities": entities});
        assert_eq!(refused(&world, "editMessageText", edit.clone()).await, description);
        let draft = json!({"chat_id": 1, "draft_id": 2, "text": "a 😀 b", "entities": edit["entities"]});
        assert_eq!(refused(&world, "sendMessageDraft", draft).await, description);
    }
    let nested = json!([
        {"type": "bold", "offset": 0, "length": 6}, {"type": "code", "offset": 2, "length": 2, "junk": 1},
    ]);
    let sent = api(&world, 200, "sendMessage", send("entities", nested)).await;
    let expected = json!([
        {"type": "bold", "offset": 0, "length": 2}, {"type": "code", "offset": 2, "length": 2},
        {"type": "bold", "offset": 4, "length": 2},
    ]);
    assert_eq!(sent["result"]["entities"], expected, "code is in no emphasis");
    for (markup, description) in [
        (json!([]), "object expected as reply markup"),
        (json!("nonsense"), "can't parse reply keyboard markup JSON object"),
        (
            json!({"inline_keyboard": [[{"text": "x", "callback_data": "d".repeat(65)}]]}),
            "BUTTON_DATA_INVALID",
        ),
        (
            json!({"inline_keyboard": [[{"text": "x"}]]}),
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            json!({"inline_keyboard": [[{"callback_data": "x"}]]}),
            "can't parse inline keyboard button: Field \"text\" must be of type String",
        ),
    ] {
        assert_eq!(refused(&world, "sendMessage", send("reply_markup", markup)).await, description);
    }
    let force = json!({"force_reply": true, "input_field_placeholder": "Name"});
    let sent = api(&world, 200, "sendMessage", send("reply_markup", force.clone())).await;
    assert_eq!(sent["result"].get("reply_markup"), None);
    assert_eq!(messages(&world, 1).await.last().unwrap()["replyMarkup"], force);
    let preview = json!({"is_disabled": true});
    let sent = api(&world, 200, "sendMessage", send("link_preview_options", preview.clone())).await;
    assert_eq!(sent["result"]["link_preview_options"], preview);
    refused(&world, "sendMessage", send("link_preview_options", json!([]))).await;
}

#[tokio::test]
async fn chats_and_members_are_described() {
    let world = start().await;
    let message = json!({"chatId": -3, "text": "x", "userId": 8, "chatType": "supergroup"});
    expect(200, world.post(&format!("/sandbox/telegram/bots/{BOT}/messages")).json(&message)).await;
    let chat = api(&world, 200, "getChat", json!({"chat_id": -3})).await["result"].clone();
    assert_eq!((&chat["id"], &chat["type"]), (&json!(-3), &json!("supergroup")));
    assert_eq!(refused(&world, "getChat", json!({"chat_id": -4})).await, "chat not found");
    let member = |user: i64| json!({"chat_id": -3, "user_id": user});
    for (user, status) in [(8, "member"), (1, "left"), (BOT, "member")] {
        let found = api(&world, 200, "getChatMember", member(user)).await;
        assert_eq!(
            (&found["result"]["status"], &found["result"]["user"]["id"]),
            (&json!(status), &json!(user))
        );
    }
    assert_eq!(refused(&world, "getChatMember", member(99)).await, "user not found");
}

#[tokio::test]
async fn commands_have_scopes_and_languages() {
    let world = start().await;
    let commands = |name: &str| json!([{"command": name, "description": "x"}]);
    let chat = json!({"type": "chat", "chat_id": 1});
    api(&world, 200, "setMyCommands", json!({"commands": commands("all")})).await;
    api(&world, 200, "setMyCommands", json!({"commands": commands("one"), "scope": chat})).await;
    api(&world, 200, "setMyCommands", json!({"commands": commands("eins"), "language_code": "de"})).await;
    let get = async |body: Value| api(&world, 200, "getMyCommands", body).await["result"].clone();
    assert_eq!(get(json!({})).await, commands("all"));
    assert_eq!(get(json!({"scope": chat})).await, commands("one"));
    assert_eq!(get(json!({"language_code": "de"})).await, commands("eins"));
    assert_eq!(get(json!({"scope": {"type": "all_group_chats"}})).await, json!([]));
    api(&world, 200, "deleteMyCommands", json!({"scope": chat})).await;
    api(&world, 200, "deleteMyCommands", json!({})).await;
    assert_eq!(get(json!({"scope": chat})).await, json!([]));
    assert_eq!(get(json!({})).await, json!([]));
    refused(&world, "deleteMyCommands", json!({"scope": {"type": "planet"}})).await;
    refused(&world, "getMyCommands", json!({"language_code": "German"})).await;
}

#[tokio::test]
async fn group_has_20_messages_a_minute_with_edits() {
    let world = start().await;
    say(&world, BOT, -2, "hello").await;
    let send = json!({"chat_id": -2, "text": "x"});
    let id = api(&world, 200, "sendMessage", send.clone()).await["result"]["message_id"].clone();
    let mut count = 1;
    let refusal = loop {
        let edit = json!({"chat_id": -2, "message_id": id, "text": format!("edit {count}")});
        let answer = world.post(&call(BOT, "ok", "editMessageText")).json(&edit).send().await.unwrap();
        if answer.status() == 429 {
            break answer;
        }
        count += 1;
        assert!(count < 100, "no limit");
    };
    assert!(count >= 20, "{count}");
    assert!(refusal.headers().contains_key("retry-after"));
    let body: Value = refusal.json().await.unwrap();
    assert!(body["parameters"]["retry_after"].as_i64().unwrap() >= 1, "{body}");
    // Other chats have their own limit.
    api(&world, 200, "sendMessage", json!({"chat_id": 1, "text": "x"})).await;
}
