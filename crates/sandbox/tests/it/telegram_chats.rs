//! What people do in chats with bots: write in groups and topics, reply, edit, press buttons, and add the bot.

use serde_json::{Value, json};

use crate::{
    harness::{World, expect},
    telegram::call,
};

const BOT: i64 = 321_321;

fn path(what: &str) -> String {
    format!("/sandbox/telegram/bots/{BOT}/{what}")
}

async fn start() -> World {
    let world = World::start().await;
    expect(200, world.get(&call(BOT, "ok", "getMe"))).await;
    world
}

async fn write(world: &World, message: Value) -> i64 {
    let answer = expect(200, world.post(&path("messages")).json(&message)).await;
    answer["data"]["messageId"].as_i64().unwrap()
}

async fn api(world: &World, method: &str, body: Value) -> Value {
    expect(200, world.post(&call(BOT, "ok", method)).json(&body)).await["result"].clone()
}

/// Returns the pending updates and confirms them.
async fn updates(world: &World) -> Vec<Value> {
    let found = api(world, "getUpdates", json!({})).await;
    let found = found.as_array().unwrap().clone();
    if let Some(last) = found.last() {
        let offset = last["update_id"].as_i64().unwrap() + 1;
        api(world, "getUpdates", json!({"offset": offset})).await;
    }
    found
}

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let list = expect(200, world.get(&path(&format!("messages?{query}")))).await;
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn message_in_a_forum_topic_has_its_thread_and_writer() {
    let world = start().await;
    let message = json!({"chatId": -100, "text": "hi", "userId": 7, "chatType": "supergroup", "threadId": 5,
        "date": 1_790_000_000});
    let id = write(&world, message).await;
    let update = updates(&world).await[0]["message"].clone();
    assert_eq!(update["message_id"], id);
    assert_eq!((&update["from"]["id"], &update["date"]), (&json!(7), &json!(1_790_000_000)));
    assert_eq!((&update["message_thread_id"], &update["is_topic_message"]), (&json!(5), &json!(true)));
    assert_eq!((&update["chat"]["type"], &update["chat"]["is_forum"]), (&json!("supergroup"), &json!(true)));

    // The bot replies in the topic, and an unknown topic is refused.
    let send = |thread: i64| json!({"chat_id": -100, "text": "answer", "message_thread_id": thread});
    let sent = api(&world, "sendMessage", send(5)).await;
    assert_eq!((&sent["message_thread_id"], &sent["is_topic_message"]), (&json!(5), &json!(true)));
    for thread in [1, 6] {
        let refused = expect(400, world.post(&call(BOT, "ok", "sendMessage")).json(&send(thread))).await;
        assert_eq!(refused["description"], "Bad Request: message thread not found");
    }
    write(&world, json!({"chatId": -100, "text": "elsewhere", "userId": 8, "threadId": 9})).await;
    let in_topic = listed(&world, "chatId=-100&threadId=5").await;
    let texts: Vec<&Value> = in_topic.iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["hi", "answer"]);
    assert_eq!((&in_topic[0]["userId"], &in_topic[0]["from"]), (&json!(7), &json!("user")));
    assert_eq!((&in_topic[1]["threadId"], &in_topic[1]["from"]), (&json!(5), &json!("bot")));
    assert_eq!(listed(&world, "chatId=-100&threadId=").await.len(), 3);
}

#[tokio::test]
async fn private_chat_has_topics_and_checks_them() {
    let world = start().await;
    write(&world, json!({"chatId": 4, "text": "hi", "threadId": 3})).await;
    let update = updates(&world).await[0]["message"].clone();
    assert_eq!((&update["message_thread_id"], &update["is_topic_message"]), (&json!(3), &json!(true)));
    assert_eq!((&update["chat"]["type"], &update["from"]["id"]), (&json!("private"), &json!(4)));
    api(&world, "sendMessage", json!({"chat_id": 4, "text": "a", "message_thread_id": 3})).await;
    let unknown = json!({"chat_id": 4, "text": "a", "message_thread_id": 8});
    expect(400, world.post(&call(BOT, "ok", "sendMessage")).json(&unknown)).await;
}

#[tokio::test]
async fn reply_carries_the_message_and_a_plain_supergroup_has_no_topics() {
    let world = start().await;
    let first = json!({"chatId": -7, "text": "the first one", "chatType": "supergroup", "userId": 1});
    let first = write(&world, first).await;
    let reply =
        json!({"chatId": -7, "text": "yes", "userId": 2, "replyToMessageId": first, "quote": "first"});
    let reply = write(&world, reply).await;
    write(&world, json!({"chatId": -7, "text": "no", "userId": 2, "replyToMessageId": reply})).await;
    let found = updates(&world).await;
    let update = &found[1]["message"];
    let replied = &update["reply_to_message"];
    assert_eq!((&replied["text"], &replied["from"]["id"]), (&json!("the first one"), &json!(1)));
    assert_eq!(update["quote"], json!({"text": "first", "position": 4, "is_manual": true}));
    // Telegram numbers a thread of replies by its first message, but that is no topic.
    for update in &found[1..] {
        let message = &update["message"];
        assert_eq!((&message["message_thread_id"], message.get("is_topic_message")), (&json!(first), None));
    }
    assert_eq!(found[2]["message"]["reply_to_message"].get("reply_to_message"), None);
    let ignored = json!({"chat_id": -7, "text": "a", "message_thread_id": 99});
    assert_eq!(api(&world, "sendMessage", ignored).await.get("message_thread_id"), None);
    let replies: Vec<Value> =
        listed(&world, "chatId=-7").await.iter().map(|message| message["replyToMessageId"].clone()).collect();
    assert_eq!(replies, [json!(null), json!(first), json!(reply), json!(null)]);
}

#[tokio::test]
async fn edit_changes_the_message_and_is_an_update() {
    let world = start().await;
    let id = write(&world, json!({"chatId": -5, "text": "helo", "userId": 3})).await;
    let edit = json!({"chatId": -5, "text": "hello @ada_bot", "userId": 3, "editOfMessageId": id});
    assert_eq!(write(&world, edit).await, id);
    let found = updates(&world).await;
    let update = &found[1]["edited_message"];
    assert_eq!((&update["message_id"], &update["text"]), (&json!(id), &json!("hello @ada_bot")));
    assert!(update["edit_date"].as_i64().unwrap() >= update["date"].as_i64().unwrap());
    assert_eq!(update["entities"][0]["type"], "mention");
    let list = listed(&world, "chatId=-5").await;
    assert_eq!(list.len(), 1);
    assert_eq!((&list[0]["text"], &list[0]["edited"]), (&json!("hello @ada_bot"), &json!(true)));
    let sent = api(&world, "sendMessage", json!({"chat_id": -5, "text": "mine"})).await["message_id"].clone();
    for (bad, user) in [(json!(999), 3), (json!(id), 4), (sent, 3)] {
        let edit = json!({"chatId": -5, "text": "x", "userId": user, "editOfMessageId": bad});
        expect(400, world.post(&path("messages")).json(&edit)).await;
    }
}

#[tokio::test]
async fn pressed_button_is_a_callback_query_that_the_bot_answers() {
    let world = start().await;
    write(&world, json!({"chatId": 6, "text": "hi"})).await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}, {"text": "Site", "url": "https://a.b/"}]]});
    let sent =
        api(&world, "sendMessage", json!({"chat_id": 6, "text": "Sure?", "reply_markup": keyboard})).await;
    assert_eq!(sent["reply_markup"], keyboard);
    assert_eq!(listed(&world, "chatId=6").await[1]["replyMarkup"], keyboard);
    updates(&world).await;
    let press = |data: &str, message: &Value, user: i64| {
        let body = json!({"chatId": 6, "messageId": message, "data": data, "userId": user});
        world.post(&path("callback-queries")).json(&body)
    };
    let pressed = expect(200, press("yes", &sent["message_id"], 6)).await;
    let query = updates(&world).await[0]["callback_query"].clone();
    assert_eq!(query["id"], pressed["data"]["callbackQueryId"]);
    assert_eq!((&query["data"], &query["from"]["id"]), (&json!("yes"), &json!(6)));
    assert_eq!((&query["message"]["text"], &query["message"]["chat"]["id"]), (&json!("Sure?"), &json!(6)));
    assert_eq!(query["message"]["reply_markup"], keyboard);
    expect(400, press("no", &sent["message_id"], 6)).await;
    expect(400, press("yes", &json!(1), 6)).await;
    expect(400, press("yes", &json!(99), 6)).await;
    expect(400, world.post(&path("callback-queries")).json(&json!({"chatId": 6, "data": "yes"}))).await;
    api(&world, "answerCallbackQuery", json!({"callback_query_id": query["id"], "text": "Done"})).await;
    let unknown = json!({"callback_query_id": "1"});
    expect(400, world.post(&call(BOT, "ok", "answerCallbackQuery")).json(&unknown)).await;
}

#[tokio::test]
async fn bot_added_to_a_group_gets_its_membership_and_may_write() {
    let world = start().await;
    let added = json!({"chatId": -44, "chatType": "supergroup", "addedBy": 12});
    expect(200, world.post(&path("chats")).json(&added)).await;
    let found = updates(&world).await;
    let change = &found[0]["my_chat_member"];
    assert_eq!((&change["from"]["id"], &change["chat"]["type"]), (&json!(12), &json!("supergroup")));
    assert_eq!(
        (&change["old_chat_member"]["status"], &change["new_chat_member"]["status"]),
        (&json!("left"), &json!("member"))
    );
    assert_eq!(change["new_chat_member"]["user"]["id"], BOT);
    assert_eq!(found[1]["message"]["new_chat_members"][0]["id"], BOT);
    assert!(listed(&world, "chatId=-44").await.is_empty());
    api(&world, "sendMessage", json!({"chat_id": -44, "text": "Hello, everybody"})).await;
    for bad in [
        json!({"chatId": 5, "chatType": "private", "addedBy": 12}),
        json!({"chatId": -5, "chatType": "channel", "addedBy": 12}),
        json!({"chatId": -5, "chatType": "group", "addedBy": -12}),
        json!({"chatId": -5, "chatType": "group"}),
    ] {
        expect(400, world.post(&path("chats")).json(&bad)).await;
    }
}

#[tokio::test]
async fn updates_obey_the_kinds_that_the_bot_allows() {
    let world = start().await;
    api(&world, "getUpdates", json!({"allowed_updates": ["message"]})).await;
    let id = write(&world, json!({"chatId": 1, "text": "a"})).await;
    write(&world, json!({"chatId": 1, "text": "b", "editOfMessageId": id})).await;
    expect(200, world.post(&path("chats")).json(&json!({"chatId": -1, "addedBy": 1}))).await;
    let kinds: Vec<bool> =
        updates(&world).await.iter().map(|update| update.get("message").is_some()).collect();
    assert_eq!(kinds, [true, true]);
    api(&world, "getUpdates", json!({"allowed_updates": ["edited_message"]})).await;
    write(&world, json!({"chatId": 1, "text": "c", "editOfMessageId": id})).await;
    write(&world, json!({"chatId": 1, "text": "d"})).await;
    let found = updates(&world).await;
    assert_eq!((found.len(), &found[0]["edited_message"]["text"]), (1, &json!("c")));
}

#[tokio::test]
async fn malformed_messages_are_rejected() {
    let world = start().await;
    write(&world, json!({"chatId": 1, "text": "a"})).await;
    for bad in [
        json!({"chatId": 0, "text": "x"}),
        json!({"chatId": "1", "text": "x"}),
        json!({"chatId": 1, "text": ""}),
        json!({"chatId": 1, "text": 5}),
        json!({"chatId": 1, "text": "x", "chatType": "channel"}),
        json!({"chatId": -1, "text": "x", "chatType": "private"}),
        json!({"chatId": -1, "text": "x", "chatType": "group", "threadId": 2}),
        json!({"chatId": 1, "text": "x", "userId": 0}),
        json!({"chatId": 1, "text": "x", "threadId": -2}),
        json!({"chatId": 1, "text": "x", "replyToMessageId": 77}),
        json!({"chatId": 1, "text": "x", "replyToMessageId": 1, "quote": "nowhere"}),
        json!({"chatId": 1, "text": "x", "date": "yesterday"}),
        json!({"chatId": 1, "text": "x", "date": -4}),
        json!({"chatId": 1, "text": "x", "surprise": 1}),
        json!([]),
    ] {
        expect(400, world.post(&path("messages")).json(&bad)).await;
    }
    assert_eq!(listed(&world, "chatId=1").await.len(), 1);
    write(&world, json!({"chatId": 1, "text": "x", "date": "2026-01-31T12:00:00Z"})).await;
    assert_eq!(listed(&world, "chatId=1").await[1]["at"], "2026-01-31T12:00:00.000Z");
}

#[tokio::test]
async fn draft_is_listed_on_request_until_its_message_is_sent() {
    let world = start().await;
    write(&world, json!({"chatId": 2, "text": "hi"})).await;
    write(&world, json!({"chatId": -2, "text": "hi"})).await;
    let draft = |text: &str| json!({"chat_id": 2, "draft_id": 9, "text": text, "parse_mode": "HTML"});
    api(&world, "sendMessageDraft", draft("On")).await;
    api(&world, "sendMessageDraft", draft("Once <b>upon</b>")).await;
    assert_eq!(listed(&world, "chatId=2").await.len(), 1);
    let with_drafts = listed(&world, "chatId=2&drafts=true").await;
    assert_eq!(with_drafts.len(), 2);
    assert_eq!((&with_drafts[1]["draft"], &with_drafts[1]["text"]), (&json!(true), &json!("Once upon")));
    assert_eq!(
        (&with_drafts[1]["from"], &with_drafts[1]["entities"][0]["type"]),
        (&json!("bot"), &json!("bold"))
    );
    api(&world, "sendMessage", json!({"chat_id": 2, "text": "Once upon a time"})).await;
    let texts: Vec<Value> =
        listed(&world, "chatId=2&drafts=true").await.iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, ["hi", "Once upon a time"]);
    for (bad, description) in [
        (json!({"chat_id": 2, "draft_id": 0, "text": "x"}), "Bad Request: RANDOM_ID_INVALID"),
        (json!({"chat_id": -2, "draft_id": 1, "text": "x"}), "Bad Request: TEXTDRAFT_PEER_INVALID"),
        (json!({"chat_id": 3, "draft_id": 1, "text": "x"}), "Bad Request: chat not found"),
        (json!({"chat_id": 2, "draft_id": 1, "text": "x".repeat(4097)}), "Bad Request: message is too long"),
    ] {
        let refused = expect(400, world.post(&call(BOT, "ok", "sendMessageDraft")).json(&bad)).await;
        assert_eq!(refused["description"], description);
    }
}

#[tokio::test]
async fn group_becomes_a_supergroup() {
    let world = start().await;
    write(&world, json!({"chatId": -8, "text": "hi", "userId": 2})).await;
    let migration =
        |from: i64, to: i64| world.post(&path("migrations")).json(&json!({"chatId": from, "toChatId": to}));
    expect(400, migration(-9, -108)).await;
    expect(400, migration(-8, 108)).await;
    expect(400, migration(-8, -8)).await;
    expect(200, migration(-8, -108)).await;
    let found = updates(&world).await;
    let (old, new) = (&found[1]["message"], &found[2]["message"]);
    assert_eq!((&old["migrate_to_chat_id"], &old["chat"]["type"]), (&json!(-108), &json!("group")));
    assert_eq!((&new["migrate_from_chat_id"], &new["chat"]["type"]), (&json!(-8), &json!("supergroup")));
    let send =
        |chat: i64| world.post(&call(BOT, "ok", "sendMessage")).json(&json!({"chat_id": chat, "text": "x"}));
    let refused = expect(400, send(-8)).await;
    assert_eq!(refused["parameters"], json!({"migrate_to_chat_id": -108}));
    expect(200, send(-108)).await;
    expect(400, world.post(&path("messages")).json(&json!({"chatId": -8, "text": "late"}))).await;
    expect(400, migration(-8, -109)).await;
    let member = json!({"chat_id": -108, "user_id": 2});
    assert_eq!(api(&world, "getChatMember", member).await["status"], "member");
}
