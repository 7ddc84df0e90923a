//! The outside world of the soak, which answers for any number of assistants without remembering them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, UserId};
use reef_ports::{
    ApiAnswer, ApiQuestion, Checkout, CheckoutFacts, Clock, Interval, NewCheckout, OnText, OrderFacts,
    PaymentError, Payments, Price, StartedWorker, SubscriptionFacts, SubscriptionStatus, TalkError,
    WebhookEndpoint, WorkerHost, WorkerHostError, WorkerRef, WorkerSpec,
};
use reef_service::testing::FakeClock;
use reef_store::Store;
use reef_store::testing::Population;

/// Polar, where every subscription is active and renewed in ten days.
pub(crate) struct ActiveSubscriptions {
    pub clock: Arc<FakeClock>,
    pub endpoint: String,
    /// How many subscriptions were asked for, which is once for each payment check.
    pub checks: Arc<AtomicU64>,
}

#[async_trait]
impl Payments for ActiveSubscriptions {
    async fn create_checkout(&self, _: &NewCheckout) -> Result<Checkout, PaymentError> {
        Err(PaymentError::Unavailable("nobody buys anything in the soak".to_owned()))
    }

    async fn price(&self, _: &str) -> Result<Option<Price>, PaymentError> {
        Ok(Some(Price {
            amount: 1_900,
            currency: "usd".to_owned(),
            interval: Interval::Month,
            interval_count: 1,
        }))
    }

    async fn open_portal(&self, _: UserId, _: &str) -> Result<Option<String>, PaymentError> {
        Ok(None)
    }

    async fn revoke_subscription(&self, _: &str) -> Result<(), PaymentError> {
        Ok(())
    }

    async fn checkout(&self, _: &str) -> Result<Option<CheckoutFacts>, PaymentError> {
        Ok(None)
    }

    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let number = id.strip_prefix("sub_").and_then(|number| number.parse().ok());
        let now = self.clock.now();
        Ok(number.map(|number| SubscriptionFacts {
            id: id.to_owned(),
            assistant_id: Some(Population::assistant_id(number)),
            status: SubscriptionStatus::Active,
            current_period_end: Some(now.plus(Duration::from_secs(10 * 24 * 3600))),
            canceled_at: None,
            as_of: Some(now),
        }))
    }

    async fn subscriptions_of(&self, _: AssistantId) -> Result<Vec<SubscriptionFacts>, PaymentError> {
        Ok(Vec::new())
    }

    async fn orders_of(&self, _: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        Ok(Vec::new())
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError> {
        Ok(vec![WebhookEndpoint { url: self.endpoint.clone(), enabled: true }])
    }
}

/// A host whose workers are rows, as those of the embedded host are.
pub(crate) struct StoredWorkers(pub Store);

#[async_trait]
impl WorkerHost for StoredWorkers {
    async fn start(&self, _: &WorkerSpec) -> Result<StartedWorker, WorkerHostError> {
        Err(WorkerHostError("no worker is started in the soak".to_owned()))
    }

    fn webhook_url(&self, worker: &WorkerRef) -> Option<String> {
        Some(format!("https://workers.test/{}/telegram", worker.worker_name))
    }

    async fn health(&self, _: &WorkerRef) -> Result<(), WorkerHostError> {
        Ok(())
    }

    async fn remove(&self, worker: &WorkerRef) -> Result<(), WorkerHostError> {
        let removed = async {
            let mut tx = self.0.begin().await?;
            tx.delete_worker(&worker.worker_name, worker.generation).await?;
            tx.commit().await
        };
        removed.await.map_err(|error| WorkerHostError(error.to_string()))
    }

    async fn missing(&self, workers: &[WorkerRef]) -> Result<Vec<WorkerRef>, WorkerHostError> {
        let names: Vec<_> = workers.iter().map(|worker| worker.worker_name.as_str()).collect();
        let listed = async { self.0.read().await?.list_worker_generations(&names).await };
        let there: HashMap<_, _> =
            listed.await.map_err(|error| WorkerHostError(error.to_string()))?.into_iter().collect();
        let is_missing = |worker: &&WorkerRef| there.get(&worker.worker_name) != Some(&worker.generation);
        Ok(workers.iter().filter(is_missing).cloned().collect())
    }

    async fn forget(&self, _: AssistantId) -> Result<(), WorkerHostError> {
        Ok(())
    }

    async fn talk(&self, _: &WorkerRef, _: &ApiQuestion, _: OnText<'_>) -> Result<ApiAnswer, TalkError> {
        Err(WorkerHostError("nobody talks in the soak".to_owned()).into())
    }
}
