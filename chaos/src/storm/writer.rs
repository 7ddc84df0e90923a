//! A customer who buys, renames, activates, stops and deletes assistants through changing processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::api::{Answer, Api, Call};
use super::book::{Book, Expected};
use super::reader::check_own;

/// The number of assistants that a customer has.
const ASSISTANTS: usize = 3;
/// A request without an answer, or a payment that does not arrive, for this long is an error.
const LIMIT: Duration = Duration::from_secs(120);
/// The statuses that follow from each write.
const PAID: &[&str] = &["pending_payment", "purchased"];
const STOPPED: &[&str] = &["stopped"];
const RUNNING: &[&str] = &["deploying", "active", "failed"];
/// A name is written as often as everything else together.
const RENAMES: u32 = 10;

/// An assistant as its writer has left it.
struct Slot {
    id: String,
    expected: Expected,
}

pub struct Writer {
    pub api: Api,
    pub book: Arc<Book>,
    pub rng: fastrand::Rng,
    pub number: usize,
    pub key: String,
    pub slots: Slots,
}

/// The assistants of a customer, and how many names and bots they have had.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Slot>,
    names: u64,
    bots: usize,
}

impl Writer {
    /// Writes until `stopped`.
    pub async fn run(mut self, stopped: watch::Receiver<bool>) -> Result<()> {
        while !*stopped.borrow() {
            if self.slots.slots.len() < ASSISTANTS {
                self.buy().await?;
                continue;
            }
            let slot = self.rng.usize(..ASSISTANTS);
            let status = self.slots.slots[slot].expected.statuses;
            match (self.rng.u32(..RENAMES * 2), status) {
                (0, _) => self.delete(slot).await?,
                (1..=2, PAID) => self.activate(slot).await?,
                (1..=4, STOPPED) => self.deploy(slot, "redeploy", None).await?,
                (5..=6, STOPPED) | (1..=8, RUNNING) => self.stop(slot).await?,
                (_, PAID | STOPPED) => self.rename(slot).await?,
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(self.rng.u64(0..150))).await;
        }
        Ok(())
    }

    /// Sends a request to random processes until one answers, always with the same idempotency key if it has one.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
        is_once: bool,
    ) -> Result<Answer> {
        let once = format!("storm-{:032x}", self.rng.u128(..));
        self.send_with(method, path, body, is_once.then_some(&once)).await
    }

    async fn send_with(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
        once: Option<&str>,
    ) -> Result<Answer> {
        let key = self.key.clone();
        let call = Call { key: &key, method, path, body, idempotency_key: once };
        let started = Instant::now();
        while started.elapsed() < LIMIT {
            let process = self.rng.usize(..self.api.processes.len());
            let answer = self.api.send(process, "write", &call).await;
            match answer.filter(|answer| answer.code() != "REQUEST_IN_PROGRESS") {
                Some(answer) => return Ok(answer),
                None => tokio::time::sleep(Duration::from_millis(self.rng.u64(20..200))).await,
            }
        }
        bail!("{} {path} was not answered", call.method)
    }

    /// Buys an assistant, pays for it, and waits until the payment has arrived.
    async fn buy(&mut self) -> Result<()> {
        let bought = self.send(Method::POST, "/purchase", Some(json!({"apiMode": "byok"})), true).await?;
        let text = |field: &str| bought.data()[field].as_str().map(str::to_owned);
        let (Some(id), Some(page)) = (text("deploymentId"), text("checkoutUrl")) else {
            bail!("purchase returned {} {}", bought.status, bought.body);
        };
        let expected = Expected { name: Some("Untitled assistant".to_owned()), statuses: PAID };
        self.book.record_new(self.number, &id, expected.clone(), bought.read);
        self.check(bought.read.process, &id).await;
        let paid = self.api.http.post(format!("{page}/pay")).send().await;
        let status = paid.context("the checkout could not be paid")?.status();
        anyhow::ensure!(status == 303, "the checkout page returned {status}");
        let started = Instant::now();
        loop {
            let answer = self.send(Method::GET, &format!("/{id}"), None, false).await?;
            if answer.data()["status"] == "purchased" {
                break;
            }
            anyhow::ensure!(started.elapsed() < LIMIT, "the payment of {id} did not arrive");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.slots.slots.push(Slot { id, expected });
        Ok(())
    }

    /// Gives an assistant a name that it has not had. Sometimes the request is repeated at another process.
    async fn rename(&mut self, slot: usize) -> Result<()> {
        self.slots.names += 1;
        let expected = Expected {
            name: Some(format!("Name {}", self.slots.names)),
            ..self.slots.slots[slot].expected.clone()
        };
        let body = json!({"name": expected.name});
        let is_once = self.rng.bool();
        self.write(slot, expected, Method::PATCH, "", Some(body), is_once).await.map(drop)
    }

    async fn activate(&mut self, slot: usize) -> Result<()> {
        self.slots.bots += 1;
        let token = 100_000_000 + self.number * 1_000_000 + self.slots.bots;
        let body = json!({
            "name": self.slots.slots[slot].expected.name, "modelProvider": "anthropic",
            "modelId": "claude-sonnet-4-5-20250929", "modelApiKey": "sk-storm",
            "telegramBotToken": format!("{token}:okAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        });
        self.deploy(slot, "activate", Some(body)).await
    }

    async fn deploy(&mut self, slot: usize, action: &str, body: Option<Value>) -> Result<()> {
        let expected = Expected { statuses: RUNNING, ..self.slots.slots[slot].expected.clone() };
        self.write(slot, expected, Method::POST, &format!("/{action}"), body, true).await.map(drop)
    }

    /// Stops an assistant, which may be stopped already.
    async fn stop(&mut self, slot: usize) -> Result<()> {
        let expected = Expected { statuses: STOPPED, ..self.slots.slots[slot].expected.clone() };
        self.write(slot, expected, Method::POST, "/stop", None, false).await.map(drop)
    }

    async fn delete(&mut self, slot: usize) -> Result<()> {
        let expected = Expected { name: None, statuses: &[] };
        if self.write(slot, expected, Method::DELETE, "", None, true).await? {
            let deleted = self.slots.slots.swap_remove(slot);
            // Others keep reading it for a while.
            let (book, wait) = (Arc::clone(&self.book), self.book.bound * 5);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                book.forget(&deleted.id);
            });
        }
        Ok(())
    }

    /// Writes, and checks that the process that has confirmed it shows it. Returns whether it was accepted.
    async fn write(
        &mut self,
        slot: usize,
        expected: Expected,
        method: Method,
        path: &str,
        body: Option<Value>,
        is_once: bool,
    ) -> Result<bool> {
        let id = self.slots.slots[slot].id.clone();
        let path = format!("/{id}{path}");
        let once = is_once.then(|| format!("storm-{:032x}", self.rng.u128(..)));
        self.book.begin_write(&id, expected.clone());
        let first = self.send_with(method.clone(), &path, body.clone(), once.as_deref()).await?;
        match first.status {
            200 => {}
            // It is in another state by now, its worker could not be removed, or it was deleted by the first attempt.
            409 | 502 => {
                self.book.withdraw_write(&id);
                return Ok(false);
            }
            status => bail!("{method} {path} returned {status} {}", first.body),
        }
        self.slots.slots[slot].expected = expected;
        self.book.confirm_write(&id, first.read.process);
        self.check(first.read.process, &id).await;
        // What is repeated changes nothing, but is confirmed by another process.
        if self.rng.bool() && (once.is_some() || path.ends_with("/stop")) {
            let again = self.send_with(method, &path, body, once.as_deref()).await?;
            if again.status == 200 {
                self.book.confirm_write(&id, again.read.process);
                self.check(again.read.process, &id).await;
            }
        }
        Ok(true)
    }

    async fn check(&self, process: usize, id: &str) {
        let ids = self.book.ids(self.number);
        check_own(&self.api, &self.book, &self.key, process, id, &ids).await;
    }
}
