//! A bot in the sandbox's Telegram, and the people who write to it.

use serde_json::{Value, json};

use crate::customer::Customer;
use crate::support::{App, activation, bot_token, eventually, merged};

/// A bot in the sandbox, as people in Telegram see it.
pub struct Bot<'a> {
    app: &'a App,
    pub url: String,
}

impl<'a> Bot<'a> {
    fn new(app: &'a App, token: &str) -> Self {
        let bot_id = token.split(':').next().unwrap();
        Self { app, url: app.url(&format!("/sandbox/telegram/bots/{bot_id}")) }
    }

    pub async fn post(&self, path: &str, body: Value) {
        let answer = self.app.http.post(format!("{}/{path}", self.url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path} {body}: {}", answer.status());
    }

    /// Someone writes in the private chat with the bot.
    pub async fn say(&self, user: i64, text: &str) {
        self.post("messages", json!({"chatId": user, "text": text})).await;
    }

    pub async fn messages(&self, chat: i64) -> Vec<Value> {
        let url = format!("{}/messages?chatId={chat}", self.url);
        let list: Value = self.app.http.get(url).send().await.unwrap().json().await.unwrap();
        list["data"].as_array().unwrap().iter().filter(|message| message["from"] == "bot").cloned().collect()
    }

    /// Waits until the bot has written `count` messages in a chat, and returns the last one.
    pub async fn wait_for_message(&self, chat: i64, count: usize) -> Value {
        eventually("a message of the bot", async || {
            let mut all = self.messages(chat).await;
            (all.len() >= count).then(|| all.swap_remove(count - 1))
        })
        .await
    }
}

/// Creates an active assistant of this mode whose callbacks go to the sandbox, and returns its id and its bot.
pub async fn active_bot<'a>(me: &Customer<'a>, app: &'a App, mode: &str) -> (String, Bot<'a>) {
    let id = me.purchased(mode).await;
    let token = bot_token("ok");
    let sink = json!({"callbackUrl": format!("https://callbacks.sandbox.test/{id}")});
    let mut body = merged(activation(&token), sink);
    if mode == "managed" {
        body = merged(body, json!({"modelProvider": "…", "modelApiKey": "…"}));
    }
    me.ok("POST", &format!("/{id}/activate"), body).await;
    me.wait_for_status(&id, "active").await;
    (id, Bot::new(app, &token))
}
