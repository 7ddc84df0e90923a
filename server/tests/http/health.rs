//! The health of an assistant with every fault of the sandbox: what the API, the page and the callback say.
//!
//! How long it takes until a check is due is tested with injected time in `crates/service/tests/service/health.rs`. Here checks
//! are made due.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_store::HealthSignal;
use serde_json::{Value, json};

use crate::callbacks::Receiver;
use crate::customer::Customer;
use crate::pages::page;
use crate::sessions::session_cookie;
use crate::support::{App, Database, activation, bot_token, eventually, merged};

/// An active assistant, whose callbacks arrive at a receiver.
struct Subject<'a> {
    app: &'a App,
    me: Customer<'a>,
    id: String,
    token: String,
    cookie: String,
}

impl<'a> Subject<'a> {
    async fn new(app: &'a App) -> Self {
        let me = app.customer().await;
        let id = me.purchased("byok").await;
        let token = bot_token("ok");
        let body = merged(activation(&token), json!({"callbackUrl": "https://hooks.test/reef"}));
        me.ok("POST", &format!("/{id}/activate"), body).await;
        me.wait_for_status(&id, "active").await;
        let cookie = session_cookie(app, me.user).await;
        Self { app, me, id, token, cookie }
    }

    async fn health(&self) -> Value {
        self.me.get(&format!("/{}/health", self.id)).await
    }

    /// Makes a check of Telegram due now, as if enough time had passed.
    async fn expedite(&self) {
        let now = self.app.services.now();
        let id = AssistantId::parse(&self.id).unwrap();
        let signal =
            HealthSignal { assistant_id: id, generation: 1, telegram: None, model: None, is_use: true };
        let mut tx = self.app.services.store().begin().await.unwrap();
        tx.record_health_signal(signal, now, now.minus(Duration::from_secs(1))).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Checks until a leg has a code, and returns the health.
    async fn wait_for(&self, leg: &str, code: &str) -> Value {
        eventually(&format!("{leg} {code}"), async || {
            self.expedite().await;
            Some(self.health().await).filter(|health| health["legs"][leg]["code"] == code)
        })
        .await
    }

    /// Calls the bot's method in the sandbox, as another program with the same token.
    async fn call(&self, method: &str, body: Value) {
        let url = self.app.url(&format!("/sandbox/telegram/bot{}/{method}", self.token));
        let answer = self.app.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method}");
    }

    /// Someone writes in the private chat with the bot.
    async fn say(&self, user: i64, text: &str) {
        let bot = self.token.split(':').next().unwrap();
        let url = self.app.url(&format!("/sandbox/telegram/bots/{bot}/messages"));
        let answer =
            self.app.http.post(url).json(&json!({"chatId": user, "text": text})).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// What the bot has written in a chat, oldest first.
    async fn replies(&self, chat: i64, count: usize) -> Vec<String> {
        let bot = self.token.split(':').next().unwrap();
        let url = self.app.url(&format!("/sandbox/telegram/bots/{bot}/messages?chatId={chat}"));
        eventually("a reply", async || {
            let list: Value = self.app.http.get(&url).send().await.unwrap().json().await.unwrap();
            let all = list["data"].as_array().unwrap().iter().filter(|message| message["from"] == "bot");
            let texts: Vec<_> = all.map(|message| message["text"].as_str().unwrap().to_owned()).collect();
            (texts.len() >= count).then_some(texts)
        })
        .await
    }

    async fn page(&self) -> String {
        page(self.app, &self.cookie, &format!("/assistants/{}", self.id)).await
    }

    async fn list(&self) -> String {
        page(self.app, &self.cookie, "/assistants").await
    }
}

/// The bodies of the callbacks about health, ordered by sequence.
async fn health_callbacks(receiver: &Receiver, count: usize) -> Vec<Value> {
    eventually(&format!("{count} callbacks about health"), async || {
        let all = receiver.bodies(0).await;
        let all: Vec<_> = all.into_iter().filter(|body| body["type"] == "assistant.health_changed").collect();
        (all.len() >= count).then_some(all)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_at_telegram_are_in_api_page_and_callback() {
    for database in [Database::Sqlite, Database::Postgres] {
        let (receiver, overrides) = Receiver::start(&[]).await;
        let app = App::start_on(database, &[("CALLBACK_OVERRIDES", &overrides)]).await;
        let s = Subject::new(&app).await;
        let health = s.health().await;
        assert_eq!((&health["verdict"], &health["legs"]["model"]["code"]), (&json!("ok"), &json!("ok")));
        let own_url =
            s.me.get(&format!("/{}", s.id)).await["workerUrl"].as_str().unwrap().to_owned() + "/telegram";
        let secret = json!({"url": own_url});
        let mut count = 0;
        for (code, words) in [
            ("other_webhook", "Another program has set its own webhook"),
            ("webhook_missing", "Another program has removed the bot"),
            ("token_rejected", "Telegram rejects the bot token"),
            ("telegram_unavailable", "Telegram doesn"),
        ] {
            match code {
                "other_webhook" => s.call("setWebhook", json!({"url": "https://other.example/hook"})).await,
                "webhook_missing" => s.call("deleteWebhook", json!({})).await,
                "token_rejected" => {
                    app.faults(json!([{"path": "*/getWebhookInfo", "status": 401, "times": 1000}])).await;
                }
                _ => app.faults(json!([{"path": "*/getWebhookInfo", "status": 502, "times": 1000}])).await,
            }
            let health = s.wait_for("telegram", code).await;
            assert_eq!(health["verdict"], "failing", "{code}");
            assert_eq!(health["legs"]["worker"]["verdict"], "ok", "{code}");
            let text = s.page().await;
            assert!(text.contains(words) && text.contains("Not replying"), "{code}: {text}");
            assert!(s.list().await.contains("health-dot failing"), "{code}");
            app.faults(json!([])).await;
            s.call("setWebhook", secret.clone()).await;
            s.wait_for("telegram", "ok").await;
            assert!(s.page().await.contains("Messages arrive from Telegram."), "{code}");
            assert!(s.list().await.contains("health-dot ok"), "{code}");
            count += 2;
            let callbacks = health_callbacks(&receiver, count).await;
            let [.., failing, ok] = callbacks.as_slice() else { panic!("{callbacks:?}") };
            assert_eq!((callbacks.len(), &failing["data"]["verdict"]), (count, &json!("failing")), "{code}");
            assert_eq!(
                (&failing["data"]["legs"]["telegram"]["code"], &ok["data"]["verdict"]),
                (&json!(code), &json!("ok"))
            );
        }
        assert_eq!(s.me.get(&format!("/{}", s.id)).await["status"], "active");
        let sequences: Vec<_> =
            receiver.bodies(0).await.iter().map(|body| body["data"]["sequence"].clone()).collect();
        assert!(
            sequences.windows(2).all(|pair| pair[1].as_i64() == pair[0].as_i64().map(|it| it + 1)),
            "{sequences:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_webhook_that_fails_is_noticed_while_messages_wait() {
    let app = App::start().await;
    let s = Subject::new(&app).await;
    s.say(1, "hello").await;
    s.replies(1, 1).await;
    app.faults(json!([{"path": "/workers/*", "status": 502, "times": 1000}])).await;
    s.say(1, "are you there?").await;
    let health = s.wait_for("telegram", "webhook_failing").await;
    assert_eq!(health["verdict"], "failing");
    assert!(s.page().await.contains("deliver messages to the assistant"));
    app.faults(json!([])).await;
    s.replies(1, 2).await;
    s.wait_for("telegram", "ok").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_replies_are_in_api_page_callback_and_chat() {
    for database in [Database::Sqlite, Database::Postgres] {
        let (receiver, overrides) = Receiver::start(&[]).await;
        let app = App::start_on(database, &[("CALLBACK_OVERRIDES", &overrides)]).await;
        let s = Subject::new(&app).await;
        s.me.ok("PATCH", &format!("/{}/settings", s.id), json!({"access": {"mode": "anyone"}})).await;
        s.say(1, "hello").await;
        s.say(2, "hello").await;
        let (mut owner, mut guest) = (1, 1);
        s.replies(1, owner).await;
        s.replies(2, guest).await;
        let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "x"}});
        for (index, (status, kind, code, words)) in [
            (401, "authentication_error", "key_rejected", "working key"),
            (402, "billing_error", "no_credit", "Add credit"),
            (404, "not_found_error", "model_not_found", "another model"),
        ]
        .into_iter()
        .enumerate()
        {
            app.faults(json!([{"method": "POST", "path": "*/v1/messages", "status": status, "body": error(kind), "times": 1000}])).await;
            s.say(2, "and now?").await;
            guest += 1;
            let heard = s.replies(2, guest).await;
            assert_eq!(
                heard.last().unwrap(),
                "I'm temporarily unavailable. Please try again later.",
                "{code}"
            );
            let health = eventually(code, async || {
                Some(s.health().await).filter(|health| health["legs"]["model"]["code"] == code)
            })
            .await;
            assert_eq!(health["verdict"], "failing");
            assert!(s.page().await.contains(words), "{code}");
            s.say(1, "what is wrong?").await;
            owner += 1;
            let read = s.replies(1, owner).await;
            assert!(read.last().unwrap().contains(words), "{read:?}");
            app.faults(json!([])).await;
            s.say(2, "thanks").await;
            guest += 1;
            s.replies(2, guest).await;
            eventually("a healthy model", async || {
                Some(s.health().await).filter(|health| health["verdict"] == "ok")
            })
            .await;
            let callbacks = health_callbacks(&receiver, 2 * (index + 1)).await;
            assert_eq!(callbacks[2 * index]["data"]["legs"]["model"]["code"], code);
            assert_eq!(callbacks[2 * index + 1]["data"]["verdict"], "ok");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_that_is_down_is_noticed_by_failed_replies() {
    let app = App::start().await;
    let s = Subject::new(&app).await;
    app.faults(json!([{"path": "/anthropic/*", "status": 503, "times": 1000}])).await;
    s.say(1, "hello").await;
    s.replies(1, 1).await;
    s.say(1, "hello?").await;
    s.replies(1, 2).await;
    s.wait_for("model", "provider_unavailable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_unknown_unless_active_and_only_for_its_owner() {
    let app = App::start().await;
    let me = app.customer().await;
    for status in ["pending_payment", "purchased", "failed", "stopped"] {
        let id = me.in_status(status).await;
        let health = me.get(&format!("/{id}/health")).await;
        assert_eq!((&health["verdict"], &health["checkedAt"]), (&json!("unknown"), &Value::Null), "{status}");
        for leg in ["worker", "telegram", "model"] {
            let expected = json!({
                "verdict": "unknown", "code": "not_running", "since": null, "checkedAt": null,
                "message": "The assistant isn't running, so this isn't checked.",
            });
            assert_eq!(health["legs"][leg], expected, "{status} {leg}");
        }
    }
    let id = me.active().await;
    let other = app.customer().await;
    other.fails(404, "NOT_FOUND", "GET", &format!("/{id}/health"), Value::Null).await;
    let (writer, _) = app.key(me.user, "write", None).await;
    writer.fails(403, "FORBIDDEN", "GET", &format!("/{id}/health"), Value::Null).await;
}
