//! A customer who buys, activates, changes and deletes assistants, and records what Reef has confirmed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::chats;
use crate::client::{Customer, Response};
use crate::disruption::Disruption;
use crate::ledger::{Ledger, RequestedState};

/// A customer keeps this many assistants and deletes the others.
const ASSISTANTS_KEPT: usize = 3;
/// A payment or a deployment that takes longer is a problem.
const WAIT_LIMIT: Duration = Duration::from_secs(330);
/// The providers and models that assistants use.
const MODELS: [(&str, &str); 2] = [("anthropic", "claude-sonnet-4-5-20250929"), ("openai", "gpt-4o")];
/// The number of times that a stop or a deletion is retried after a 502.
const REMOVAL_ATTEMPTS: usize = 30;

pub struct Actor {
    pub customer: Customer,
    pub number: usize,
    pub rng: fastrand::Rng,
    pub ledger: Arc<Ledger>,
    /// The number of bots that the actor has created.
    pub bots_created: u64,
    /// The unpaid orders: the assistant's id and the URL of the checkout.
    pub unpaid: Vec<(String, String)>,
}

impl Actor {
    /// Works on one assistant at a time until `stopped`.
    pub async fn run(mut self, stopped: watch::Receiver<bool>) -> Result<()> {
        let mut kept = 0;
        while !*stopped.borrow() {
            let Some(id) = self.buy().await? else { continue };
            if self.activate(&id).await? {
                for _ in 0..self.rng.u32(1..6) {
                    if *stopped.borrow() {
                        break;
                    }
                    self.change(&id).await?;
                }
                // Some subscriptions stay paused until the end.
                if self.rng.u32(..5) == 0 {
                    self.apply_actions(&id, &["pause"]).await?;
                }
            }
            if kept >= ASSISTANTS_KEPT || self.rng.bool() {
                self.remove(&id, RequestedState::Deleted).await?;
            } else {
                kept += 1;
            }
        }
        Ok(())
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        self.customer.send(&self.ledger, &mut self.rng, method, path, body.as_ref()).await
    }

    fn record_unexpected(&self, id: &str, what: &str, answer: &Response) {
        let again = if answer.is_retried { " (retried after a broken connection)" } else { "" };
        self.ledger.record_problem(format!("{id}: {what}{again} returned {} {}", answer.status, answer.body));
    }

    /// Buys an assistant and pays for it. If there are too many unpaid orders, pays for one of those.
    async fn buy(&mut self) -> Result<Option<String>> {
        let answer = self.send(Method::POST, "/purchase", Some(json!({"apiMode": "byok"}))).await?;
        if answer.status == 429 {
            let Some((id, page)) = self.unpaid.pop() else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                return Ok(None);
            };
            return self.pay(id, &page).await;
        }
        let text = |key: &str| answer.data()[key].as_str().map(str::to_owned);
        let (201, Some(id), Some(page)) = (answer.status, text("deploymentId"), text("checkoutUrl")) else {
            self.record_unexpected("-", "purchase", &answer);
            return Ok(None);
        };
        self.ledger.record_purchase(self.number, &id);
        // A few orders are not paid.
        if self.rng.u32(..12) == 0 {
            self.unpaid.push((id, page));
            return Ok(None);
        }
        self.pay(id, &page).await
    }

    async fn pay(&mut self, id: String, page: &str) -> Result<Option<String>> {
        let paid = self
            .customer
            .http
            .post(format!("{page}/pay"))
            .send()
            .await
            .context("the checkout could not be paid")?;
        anyhow::ensure!(paid.status() == 303, "the checkout page returned {}", paid.status());
        self.ledger.record_change(&id, |kept| kept.is_paid = true);
        Ok(self.wait_for_status(&id, "purchased", |status| status == "purchased").await?.then_some(id))
    }

    async fn activate(&mut self, id: &str) -> Result<bool> {
        // The messages of the run come from many people.
        let open = json!({"access": {"mode": "anyone"}});
        let answer = self.send(Method::PATCH, &format!("/{id}/settings"), Some(open)).await?;
        if answer.status != 200 {
            self.record_unexpected(id, "settings", &answer);
        }
        self.bots_created += 1;
        let token = format!(
            "{}:okAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            100_000_000 + self.number * 1_000_000 + usize::try_from(self.bots_created)?
        );
        let (provider, model) = MODELS[self.rng.usize(..MODELS.len())];
        let body = json!({
            "name": format!("Assistant {}", self.bots_created), "modelProvider": provider,
            "modelId": model, "modelApiKey": "sk-chaos", "telegramBotToken": token,
            "callbackUrl": format!("https://callbacks.sandbox.test/{id}"),
        });
        let answer = self.send(Method::POST, &format!("/{id}/activate"), Some(body)).await?;
        if answer.status != 200 {
            self.record_unexpected(id, "activate", &answer);
            return Ok(false);
        }
        let worker = answer.data()["workerName"].as_str().map(str::to_owned);
        self.ledger.record_change(id, |kept| {
            (kept.requested, kept.token, kept.worker) = (RequestedState::Running, Some(token), worker);
        });
        Ok(true)
    }

    /// Writes to the bot, whether or not it is running.
    async fn write_to_bot(&mut self, id: &str) -> Result<()> {
        let Some(token) = self.ledger.find_assistant(id).and_then(|kept| kept.token) else { return Ok(()) };
        for _ in 0..self.rng.u32(0..8) {
            let (number, in_group) = (self.ledger.next_message_number(), self.rng.bool());
            if let Some(question) = chats::send_message(&self.customer, &token, number, in_group).await? {
                self.ledger.record_message(id, question);
            }
        }
        Ok(())
    }

    /// Makes a random change to an assistant.
    async fn change(&mut self, id: &str) -> Result<()> {
        self.write_to_bot(id).await?;
        tokio::time::sleep(Duration::from_millis(self.rng.u64(0..2000))).await;
        match self.rng.u32(..6) {
            0 | 1 => return self.remove(id, RequestedState::Stopped).await,
            2 | 3 => {
                let story = Disruption::random(&mut self.rng);
                return self.disrupt(id, story).await;
            }
            _ => {}
        }
        let started = Instant::now();
        while started.elapsed() < WAIT_LIMIT {
            // A redeployment is rejected while another is running.
            if !self.wait_for_status(id, "the end of a deployment", |status| status != "deploying").await? {
                return Ok(());
            }
            let answer = self.send(Method::POST, &format!("/{id}/redeploy"), None).await?;
            match answer.status {
                200 => {
                    self.ledger.record_change(id, |kept| kept.requested = RequestedState::Running);
                    return Ok(());
                }
                // Webhooks about earlier changes of the subscription may still be on their way.
                409 => tokio::time::sleep(Duration::from_millis(300)).await,
                _ => {
                    self.record_unexpected(id, "redeploy", &answer);
                    return Ok(());
                }
            }
        }
        self.ledger.record_problem(format!("{id}: every redeployment was rejected"));
        Ok(())
    }

    /// Disrupts the subscription and restores it. In between, the owner may stop the assistant.
    async fn disrupt(&mut self, id: &str, disruption: Disruption) -> Result<()> {
        self.apply_actions(id, disruption.start_actions()).await?;
        tokio::time::sleep(Duration::from_millis(self.rng.u64(0..3000))).await;
        if self.rng.u32(..4) == 0 {
            self.remove(id, RequestedState::Stopped).await?;
        }
        self.apply_actions(id, disruption.end_actions()).await
    }

    /// Applies actions to the subscription, in order.
    async fn apply_actions(&mut self, id: &str, actions: &[&str]) -> Result<()> {
        let record = self.send(Method::GET, &format!("/{id}"), None).await?;
        let Some(subscription) = record.data()["polarSubscriptionId"].as_str() else {
            self.record_unexpected(id, "get after the payment", &record);
            return Ok(());
        };
        for what in actions {
            let url = format!("{}/sandbox/polar/subscriptions/{subscription}/{what}", self.customer.sandbox);
            let answer =
                self.customer.http.post(url).send().await.context("the subscription could not be changed")?;
            anyhow::ensure!(answer.status().is_success(), "{what} returned {}", answer.status());
            self.ledger.record_change(id, |kept| kept.is_paused = *what == "pause");
        }
        Ok(())
    }

    /// Stops or deletes an assistant. A 502 is retried with a new idempotency key, which its message says is safe.
    async fn remove(&mut self, id: &str, wanted: RequestedState) -> Result<()> {
        let (method, path) = match wanted {
            RequestedState::Deleted => (Method::DELETE, format!("/{id}")),
            _ => (Method::POST, format!("/{id}/stop")),
        };
        for _ in 0..REMOVAL_ATTEMPTS {
            let answer = self.send(method.clone(), &path, None).await?;
            match answer.status {
                200 => {
                    self.ledger.record_change(id, |kept| kept.requested = wanted);
                    return Ok(());
                }
                502 => tokio::time::sleep(Duration::from_millis(self.rng.u64(100..1500))).await,
                _ => {
                    self.record_unexpected(id, &format!("{method} {path}"), &answer);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits until the assistant has the expected status. Otherwise records a problem and returns `false`.
    async fn wait_for_status(
        &mut self,
        id: &str,
        what: &str,
        is_right: impl Fn(&str) -> bool,
    ) -> Result<bool> {
        let started = Instant::now();
        let mut last = String::new();
        while started.elapsed() < WAIT_LIMIT {
            let answer = self.send(Method::GET, &format!("/{id}/status?wait=2"), None).await?;
            answer.data()["status"].as_str().unwrap_or_default().clone_into(&mut last);
            if is_right(&last) {
                return Ok(true);
            }
            // The long poll may have ended at once.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.ledger.record_problem(format!("{id}: timed out waiting for {what}; the status is {last}"));
        Ok(false)
    }
}
