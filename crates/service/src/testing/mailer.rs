//! A mail server that accepts everything.

use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use crate::testing::script::{Script, lock};
use reef_ports::{Mail, MailError, Mailer};

/// Accepts mail. Its scripted calls are `send` and `check`.
#[derive(Default)]
pub struct FakeMailer {
    /// The scripted failures of its calls.
    pub script: Script<MailError>,
    sent: Mutex<Vec<Mail>>,
}

impl FakeMailer {
    /// All emails that were accepted, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        lock(&self.sent).clone()
    }

    /// The subjects of all emails to an address, oldest first.
    #[must_use]
    pub fn subjects(&self, to: &str) -> Vec<String> {
        self.sent().into_iter().filter(|mail| mail.to == to).map(|mail| mail.subject).collect()
    }

    /// The secret in the latest link to `page` that was mailed to an address.
    #[must_use]
    pub fn token(&self, to: &str, page: &str) -> Option<String> {
        let link = format!("/{page}?token=");
        self.sent().iter().rev().filter(|mail| mail.to == to).find_map(|mail| {
            let (_, rest) = mail.text.expose_secret().split_once(&link)?;
            rest.split_whitespace().next().map(str::to_owned)
        })
    }
}

#[async_trait]
impl Mailer for FakeMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let accept = || {
            lock(&self.sent).push(mail.clone());
            Ok(())
        };
        self.script.perform("send", accept).await
    }

    async fn check(&self) -> Result<(), MailError> {
        self.script.perform("check", || Ok(())).await
    }
}
