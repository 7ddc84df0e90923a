//! Keys that are created and revoked on the command line, which is another process than those that serve.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;

use crate::client::Customer;
use crate::world::CommandLine;

use super::book::Book;
use super::keys::{KeyHistory, Keys};

/// How long the keys that expire are valid.
const LIFETIME: Duration = Duration::from_secs(3);

pub struct KeyWriter {
    pub command_line: CommandLine,
    pub book: Arc<Book>,
    pub keys: Arc<Keys>,
    pub rng: fastrand::Rng,
    pub customers: Vec<Customer>,
}

impl KeyWriter {
    /// Creates and revokes keys until `stopped`.
    pub async fn run(mut self, stopped: watch::Receiver<bool>) -> Result<()> {
        let mut live = Vec::new();
        let mut serial = 0_u64;
        while !*stopped.borrow() {
            serial += 1;
            let name = format!("storm {serial}");
            if let Some(created) = self.create(&name).await? {
                live.push((name, created));
            }
            tokio::time::sleep(Duration::from_millis(self.rng.u64(0..1000))).await;
            if live.len() > 3 || self.rng.bool() {
                let number = self.rng.usize(..live.len().max(1));
                if number < live.len() {
                    let (name, key) = live.swap_remove(number);
                    self.revoke(&name, key).await?;
                }
            }
        }
        Ok(())
    }

    /// Creates a key. Returns its number if it lives until it is revoked.
    async fn create(&mut self, name: &str) -> Result<Option<usize>> {
        let owner = self.rng.usize(..self.customers.len());
        let email = &self.customers[owner].email;
        let mut args = vec!["key", "create", "--email", email, "--name", name];
        let expires = self.rng.u32(..4) == 0;
        if expires {
            args.extend(["--expires-in", "3s"]);
        }
        let ids = self.book.ids(owner);
        let granted =
            (self.rng.u32(..3) == 0 && !ids.is_empty()).then(|| ids[self.rng.usize(..ids.len())].clone());
        if let Some(granted) = &granted {
            args.extend(["--assistant", granted]);
        }
        let started = Instant::now();
        let secret = match self.command_line.run(&args).await {
            Ok(secret) => secret,
            // The assistant may have been deleted meanwhile.
            Err(_) if granted.is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let expires = expires.then(|| (started + LIFETIME, Instant::now() + LIFETIME));
        let key = KeyHistory { granted, expires, ..KeyHistory::new(owner, secret) };
        let number = self.keys.record(key);
        Ok(expires.is_none().then_some(number))
    }

    async fn revoke(&self, name: &str, number: usize) -> Result<()> {
        let mut owner = 0;
        self.keys.change(number, |key| {
            key.revocation_sent = Some(Instant::now());
            owner = key.owner;
        });
        let email = &self.customers[owner].email;
        self.command_line.run(&["key", "revoke", "--email", email, "--name", name]).await?;
        self.keys.change(number, |key| key.revocation_confirmed = Some(Instant::now()));
        Ok(())
    }
}
