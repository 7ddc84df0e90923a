//! Who may talk to an assistant: the owner, requests and their approval, blocked people, and groups.

use reef_service::people::OwnerOrigin;
use reef_service::{Caller, Error};
use serde_json::{Value, json};

use crate::bot::active_bot;
use crate::customer::Customer;
use crate::support::{App, Database, eventually};

pub async fn role(me: &Customer<'_>, id: &str, user: i64) -> Option<String> {
    let people = me.get(&format!("/{id}/people")).await;
    let found = people.as_array().unwrap().iter().find(|person| person["telegramUserId"] == user)?;
    Some(found["role"].as_str().unwrap().to_owned())
}

async fn last_seen(me: &Customer<'_>, id: &str, user: i64) -> Value {
    let people = me.get(&format!("/{id}/people")).await;
    let found = people.as_array().unwrap().iter().find(|person| person["telegramUserId"] == user);
    found.unwrap()["lastSeenAt"].clone()
}

pub async fn person_id(me: &Customer<'_>, id: &str, user: i64) -> String {
    let people = me.get(&format!("/{id}/people")).await;
    let found = people.as_array().unwrap().iter().find(|person| person["telegramUserId"] == user);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// How often Reef has asked a model.
async fn count_model_calls(app: &App) -> usize {
    let url = app.url("/sandbox/requests");
    let list: Value = app.http.get(url).send().await.unwrap().json().await.unwrap();
    let is_model = |request: &&Value| {
        let vendor = request["vendor"].as_str().unwrap();
        ["anthropic", "openai", "google", "openrouter"].contains(&vendor) && request["method"] == "POST"
    };
    list["data"].as_array().unwrap().iter().filter(is_model).count()
}

#[tokio::test]
async fn first_writer_is_owner_and_strangers_are_asked_about() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "byok").await;
        bot.say(1, "hello").await;
        bot.wait_for_message(1, 1).await;
        assert_eq!(role(&me, &id, 1).await.as_deref(), Some("owner"));

        let asked = count_model_calls(&app).await;
        bot.say(2, "let me in").await;
        let refusal = bot.wait_for_message(2, 1).await;
        assert!(refusal["text"].as_str().unwrap().contains("my owner has approved"), "{refusal}");
        let request = bot.wait_for_message(1, 2).await;
        assert!(request["text"].as_str().unwrap().contains("would like to talk to me"), "{request}");
        let seen = last_seen(&me, &id, 2).await;
        bot.say(2, "please").await;
        eventually("the second visit", async || (last_seen(&me, &id, 2).await != seen).then_some(())).await;
        assert_eq!(role(&me, &id, 2).await.as_deref(), Some("requested"));

        let stranger = person_id(&me, &id, 2).await;
        let approved = me.ok("POST", &format!("/{id}/people/{stranger}/approve"), Value::Null).await;
        assert_eq!(approved["role"], "approved");
        bot.say(2, "thank you").await;
        // The message before was passed over: one sentence a day.
        bot.wait_for_message(2, 2).await;
        assert_eq!(bot.messages(2).await.len(), 2);
        assert_eq!(count_model_calls(&app).await, asked + 1, "only the approved message reached the model");

        let owner = person_id(&me, &id, 1).await;
        me.fails(409, "INVALID_STATE", "POST", &format!("/{id}/people/{owner}/block"), Value::Null).await;
        let blocked = me.ok("POST", &format!("/{id}/people/{stranger}/block"), Value::Null).await;
        assert_eq!(blocked["role"], "blocked");
        me.ok("DELETE", &format!("/{id}/people/{stranger}"), Value::Null).await;
        assert_eq!(role(&me, &id, 2).await, None);
        me.fails(404, "NOT_FOUND", "DELETE", &format!("/{id}/people/{stranger}"), Value::Null).await;
    }
}

#[tokio::test]
async fn owner_link_moves_ownership_once() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "byok").await;
        bot.say(1, "hello").await;
        bot.wait_for_message(1, 1).await;
        let link = me.ok("POST", &format!("/{id}/owner-link"), Value::Null).await;
        let url = link["url"].as_str().unwrap();
        let code = url.split_once("?start=").unwrap().1;
        assert!(url.starts_with("https://t.me/") && code.len() <= 64, "{url}");
        let start = format!("/start {code}");
        tokio::join!(bot.say(2, &start), bot.say(3, &start));
        bot.wait_for_message(2, 1).await;
        bot.wait_for_message(3, 1).await;
        let roles = [role(&me, &id, 2).await.unwrap(), role(&me, &id, 3).await.unwrap()];
        let owners = roles.iter().filter(|role| *role == "owner").count();
        assert_eq!(owners, 1, "{roles:?}");
        assert_eq!(role(&me, &id, 1).await.as_deref(), Some("approved"));
    }
}

#[tokio::test]
async fn erased_owner_is_followed_by_the_one_with_the_link() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "byok").await;
        bot.say(1, "hello").await;
        bot.wait_for_message(1, 1).await;
        let owner = person_id(&me, &id, 1).await;
        me.ok("DELETE", &format!("/{id}/people/{owner}"), Value::Null).await;
        let asked = count_model_calls(&app).await;
        for user in [2, 1] {
            bot.say(user, "hello").await;
            eventually("the request", async || role(&me, &id, user).await).await;
            assert_eq!(role(&me, &id, user).await.as_deref(), Some("requested"));
        }
        assert_eq!(count_model_calls(&app).await, asked);
        let link = me.ok("POST", &format!("/{id}/owner-link"), Value::Null).await;
        let code = link["url"].as_str().unwrap().split_once("?start=").unwrap().1.to_owned();
        bot.say(2, &format!("/start {code}")).await;
        eventually("the owner", async || (role(&me, &id, 2).await? == "owner").then_some(())).await;
    }
}

#[tokio::test]
async fn first_writer_can_be_disowned() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let caller = Caller::signed_in(me.user);
        let (id, bot) = active_bot(&me, &app, "byok").await;
        let services = &app.services;
        assert!(matches!(
            services.disown_first_writer(&caller, &id, Ok(())).await,
            Err(Error::InvalidState { .. })
        ));
        bot.say(1, "hello").await;
        bot.wait_for_message(1, 1).await;
        let state = services.get_owner_state(&caller, &id).await.unwrap();
        assert_eq!(state.became_owner_by, Some(OwnerOrigin::Writing));
        assert!(state.can_be_disowned && !state.is_link_required);
        services.disown_first_writer(&caller, &id, Ok(())).await.unwrap();
        assert_eq!(role(&me, &id, 1).await.as_deref(), Some("blocked"));
        let state = services.get_owner_state(&caller, &id).await.unwrap();
        assert!(state.owner.is_none() && state.is_link_required && !state.can_be_disowned);
        bot.say(2, "hello").await;
        eventually("the request", async || role(&me, &id, 2).await).await;
        assert_eq!(services.count_requests(&caller, &id).await.unwrap(), 1);
        let (requests, _) = services.list_requests(&caller, &id, Ok(None)).await.unwrap();
        assert_eq!(requests[0].telegram_user_id, 2);
        let link = services.create_owner_link(&caller, &id, Ok(())).await.unwrap();
        bot.say(3, &format!("/start {}", link.url.split_once("?start=").unwrap().1)).await;
        eventually("the owner", async || (role(&me, &id, 3).await? == "owner").then_some(())).await;
        assert!(matches!(
            services.disown_first_writer(&caller, &id, Ok(())).await,
            Err(Error::InvalidState { .. })
        ));
    }
}

#[tokio::test]
async fn button_approves_and_settings_open_the_assistant() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, bot) = active_bot(&me, &app, "byok").await;
    bot.say(1, "hello").await;
    bot.wait_for_message(1, 1).await;
    bot.say(2, "let me in").await;
    let request = bot.wait_for_message(1, 2).await;
    let stranger = person_id(&me, &id, 2).await;
    let press = json!({"chatId": 1, "messageId": request["messageId"], "data": format!("approve:{stranger}"), "userId": 1});
    bot.post("callback-queries", press).await;
    eventually("the approval", async || (role(&me, &id, 2).await? == "approved").then_some(())).await;
    me.ok("PATCH", &format!("/{id}/settings"), json!({"access": {"mode": "anyone"}})).await;
    bot.say(4, "hello").await;
    let answer = bot.wait_for_message(4, 1).await;
    assert!(!answer["text"].as_str().unwrap().contains("approved"), "{answer}");
}

#[tokio::test]
async fn group_is_answered_if_a_trusted_person_has_added_the_bot() {
    let app = App::start().await;
    let me = app.customer().await;
    let (_, bot) = active_bot(&me, &app, "byok").await;
    bot.say(1, "hello").await;
    bot.wait_for_message(1, 1).await;
    let bots: Value =
        app.http.get(format!("{}/messages?chatId=1", bot.url)).send().await.unwrap().json().await.unwrap();
    assert!(bots["data"].is_array());
    let name = format!("@reef_{}_bot", bot.url.rsplit('/').next().unwrap());
    for (chat, added_by) in [(-50, 1), (-60, 9)] {
        bot.post("chats", json!({"chatId": chat, "chatType": "supergroup", "addedBy": added_by})).await;
        let words = format!("{name} good morning");
        bot.post("messages", json!({"chatId": chat, "chatType": "supergroup", "userId": 9, "text": words}))
            .await;
    }
    bot.wait_for_message(-50, 1).await;
    assert!(bot.messages(-60).await.is_empty(), "a stranger has added the bot there");
}

#[tokio::test]
async fn facts_are_listed_and_deleted() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "byok").await;
        bot.say(1, "/remember I am a vegetarian").await;
        bot.wait_for_message(1, 1).await;
        bot.say(1, "/remember My cat is called Turing").await;
        bot.wait_for_message(1, 2).await;
        let facts = me.get(&format!("/{id}/facts")).await;
        assert_eq!(
            (&facts[0]["text"], &facts[1]["text"]),
            (&json!("My cat is called Turing"), &json!("I am a vegetarian"))
        );
        assert_eq!(facts[0]["conversationId"], facts[1]["conversationId"]);
        let path = format!("/{id}/facts/{}", facts[1]["id"].as_str().unwrap());
        me.ok("DELETE", &path, Value::Null).await;
        me.fails(404, "NOT_FOUND", "DELETE", &path, Value::Null).await;
        bot.say(1, "/memory").await;
        let list = bot.wait_for_message(1, 3).await;
        assert!(!list["text"].as_str().unwrap().contains("vegetarian"), "{list}");
    }
}

#[tokio::test]
async fn people_are_listed_in_pages() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "byok").await;
        for user in 1..=5 {
            bot.say(user, "hello").await;
            bot.wait_for_message(user, 1).await;
        }
        let all = me.get(&format!("/{id}/people")).await;
        let mut path = format!("/{id}/people?limit=2");
        let (mut listed, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let answer = me.send("GET", &path, Value::Null).await;
            let page = answer.data(200);
            sizes.push(page.as_array().unwrap().len());
            listed.extend(page.as_array().unwrap().clone());
            let Some(link) = answer.header("link") else { break };
            let query = link.split_once('?').unwrap().1.split_once('>').unwrap().0;
            path = format!("/{id}/people?{query}");
        }
        assert_eq!((sizes, Value::Array(listed)), (vec![2, 2, 1], all));
    }
}
