//! A Telegram that knows every bot.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::testing::script::{Script, lock};
use reef_domain::Timestamp;
use reef_ports::{BotIdentity, Picture, Telegram, TelegramError, WebhookState};

/// Knows all bots. Its scripted calls are `get_me`, `picture`, `set_webhook`, `get_webhook` and
/// `delete_webhook`.
#[derive(Default)]
pub struct FakeTelegram {
    /// The scripted failures of its calls.
    pub script: Script<TelegramError>,
    webhooks: Mutex<HashMap<String, (String, String)>>,
    failing: Mutex<HashMap<String, (u64, Timestamp)>>,
}

impl FakeTelegram {
    /// The URL that a bot's updates are sent to, and the secret that they carry.
    #[must_use]
    pub fn webhook(&self, token: &str) -> Option<(String, String)> {
        lock(&self.webhooks).get(token).cloned()
    }

    /// Sets a bot's webhook as another program would; `None` removes it.
    pub fn take_over(&self, token: &str, url: Option<&str>) {
        let mut webhooks = lock(&self.webhooks);
        match url {
            Some(url) => webhooks.insert(token.to_owned(), (url.to_owned(), "another secret".to_owned())),
            None => webhooks.remove(token),
        };
    }

    /// Lets `waiting` updates of a bot wait, whose delivery has failed at `at`; `None` delivers them.
    pub fn fail_deliveries(&self, token: &str, failed: Option<(u64, Timestamp)>) {
        let mut failing = lock(&self.failing);
        match failed {
            Some(failed) => failing.insert(token.to_owned(), failed),
            None => failing.remove(token),
        };
    }
}

#[async_trait]
impl Telegram for FakeTelegram {
    async fn get_me(&self, token: &SecretString) -> Result<BotIdentity, TelegramError> {
        let id = token.expose_secret().split(':').next().and_then(|id| id.parse().ok());
        let bot = || {
            let id = id.ok_or(TelegramError::TokenRejected)?;
            Ok(BotIdentity { id, username: format!("bot{id}_bot"), name: format!("Bot {id}") })
        };
        self.script.perform("get_me", bot).await
    }

    async fn picture(&self, _: &SecretString, _: i64) -> Result<Option<Picture>, TelegramError> {
        let picture = || Ok(Some(Picture { media_type: "image/png", bytes: vec![1, 2, 3] }));
        self.script.perform("picture", picture).await
    }

    async fn set_webhook(&self, token: &SecretString, url: &str, secret: &str) -> Result<(), TelegramError> {
        let set = || {
            let to = (url.to_owned(), secret.to_owned());
            lock(&self.webhooks).insert(token.expose_secret().to_owned(), to);
            Ok(())
        };
        self.script.perform("set_webhook", set).await
    }

    async fn get_webhook(&self, token: &SecretString) -> Result<WebhookState, TelegramError> {
        let get = || {
            let failed = lock(&self.failing).get(token.expose_secret()).copied();
            Ok(WebhookState {
                url: self.webhook(token.expose_secret()).map(|(url, _)| url),
                waiting: failed.map_or(0, |(waiting, _)| waiting),
                failed_at: failed.map(|(_, at)| at),
            })
        };
        self.script.perform("get_webhook", get).await
    }

    async fn delete_webhook(&self, token: &SecretString) -> Result<(), TelegramError> {
        let delete = || {
            lock(&self.webhooks).remove(token.expose_secret());
            Ok(())
        };
        self.script.perform("delete_webhook", delete).await
    }
}
