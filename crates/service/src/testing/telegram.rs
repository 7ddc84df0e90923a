//! A Telegram that knows every bot.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::testing::script::{Script, lock};
use reef_ports::{BotIdentity, Picture, Telegram, TelegramError};

/// Knows all bots. Its scripted calls are `get_me`, `picture`, `set_webhook` and `delete_webhook`.
#[derive(Default)]
pub struct FakeTelegram {
    /// The scripted failures of its calls.
    pub script: Script<TelegramError>,
    webhooks: Mutex<HashMap<String, (String, String)>>,
}

impl FakeTelegram {
    /// The URL that a bot's updates are sent to, and the secret that they carry.
    #[must_use]
    pub fn webhook(&self, token: &str) -> Option<(String, String)> {
        lock(&self.webhooks).get(token).cloned()
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

    async fn delete_webhook(&self, token: &SecretString) -> Result<(), TelegramError> {
        let delete = || {
            lock(&self.webhooks).remove(token.expose_secret());
            Ok(())
        };
        self.script.perform("delete_webhook", delete).await
    }
}
