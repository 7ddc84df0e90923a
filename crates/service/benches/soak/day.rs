//! The simulated day: what happens in it, and what is measured.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UpdateRowId};
use reef_domain::state::State;
use reef_ports::{Clock as _, Ports};
use reef_service::jobs::runner;
use reef_service::testing::{CALLBACK_URL, START, TestServices};
use reef_service::{Config, Services};
use reef_store::testing::{Population, TestStore};
use reef_store::{NewBotUpdate, Store};
use serde_json::json;

use crate::Options;
use crate::ports::{ActiveSubscriptions, StoredWorkers};
use crate::report::{Played, STEP, read_without_index, rows, worker_bound};

const PRUNE_STEPS: u64 = 40;
const DAY: Duration = Duration::from_secs(24 * 3600);

struct Day {
    t: TestServices,
    services: Services,
    options: Options,
    checks: Arc<AtomicU64>,
    work: BTreeMap<&'static str, (Duration, Duration)>,
    vanished: HashMap<AssistantId, Timestamp>,
}

impl Day {
    fn new(db: TestStore, options: Options) -> Self {
        let t = TestServices::new(db);
        let checks = Arc::new(AtomicU64::new(0));
        let payments = ActiveSubscriptions {
            clock: t.clock.clone(),
            endpoint: format!("{}/webhooks/polar", t.services.config().public_url),
            checks: checks.clone(),
        };
        let workers = Arc::new(StoredWorkers(t.db.store.clone()));
        let ports = Ports { payments: Arc::new(payments), workers, ..t.services.ports().clone() };
        let key = data_encoding::BASE64.encode(&[7; reef_vault::KEY_LENGTH]);
        let vault = reef_vault::Vault::new(&key.into()).expect("the key should have the right length");
        let config = Config { ..t.services.config().clone() };
        let services = Services::new(t.db.store.clone(), config, Arc::new(vault), ports);
        Self { t, services, options, checks, work: BTreeMap::new(), vanished: HashMap::new() }
    }

    fn store(&self) -> &Store {
        &self.t.db.store
    }

    /// How many things happen in this step, of those that happen `per_day` times a day to all assistants together.
    fn due(&self, step: u64, per_day: u64) -> std::ops::Range<u64> {
        let steps = DAY.as_secs() / STEP.as_secs();
        (step * per_day / steps)..((step + 1) * per_day / steps)
    }

    async fn measure<T>(&mut self, name: &'static str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        let (took, entry) = (started.elapsed(), self.work.entry(name).or_default());
        *entry = (entry.0 + took, entry.1.max(took));
        done
    }

    /// What customers, Polar and Telegram do: a thirtieth of the subscriptions is renewed, each tenth assistant receives a
    /// message, and a few workers vanish and credits are used up.
    async fn disturb(&mut self, step: u64) -> u64 {
        let n = self.options.assistants;
        let mut webhooks = 0;
        for number in self.due(step, n / 30) {
            let number = number * 30 % n + 1;
            if !Population::is_subscribed(number) {
                continue;
            }
            let data = json!({"id": format!("sub_{number}"), "status": "active", "canceled_at": null, "ended_at": null,
                "current_period_end": self.services.now().plus(30 * DAY), "modified_at": self.services.now(),
                "metadata": {"assistant_id": Population::assistant_id(number).to_string()}});
            self.t.receive_polar_webhook("subscription.updated", data).await;
            webhooks += 1;
        }
        let now = self.services.now();
        let messages = self.due(step, n / 10);
        if !messages.is_empty() {
            let mut tx = self.store().begin().await.expect("a transaction should begin");
            for number in messages {
                let id = UpdateRowId::new(self.services.new_uuid());
                let assistant_id = Population::assistant_id(number * 10 % n + 1);
                // The numbers of the population's own updates are smaller.
                let update_id = i64::try_from(n + number).expect("a number of an update");
                let new = NewBotUpdate {
                    id,
                    assistant_id,
                    bot_id: 1,
                    update_id,
                    chat_id: 1,
                    body: String::new(),
                    media_group_id: None,
                    not_before: None,
                };
                tx.insert_bot_update(&new, now).await.expect("a message should be stored");
                tx.finish_covered_update(assistant_id, 1, update_id, now)
                    .await
                    .expect("it should be finished");
            }
            tx.commit().await.expect("the messages should be stored");
        }
        for number in self.due(step, 100.min(n / 10)) {
            let number = (number * 7_919 * 100) % n + 1;
            let id = Population::assistant_id(number);
            if Population::is_active(number) && self.lose_worker(id, number).await {
                self.vanished.insert(id, now);
            }
        }
        for number in self.due(step, n / 1_000) {
            let id = Population::assistant_id((number * 1_000 + 7) % n + 1);
            let mut tx = self.store().begin().await.expect("a transaction should begin");
            tx.record_credit_refusal(id, now).await.expect("a refusal should be recorded");
            tx.commit().await.expect("the refusal should be recorded");
        }
        webhooks
    }

    /// Deletes the worker of an assistant, whose failure is then reported by a callback. Returns whether there was one.
    async fn lose_worker(&self, id: AssistantId, number: u64) -> bool {
        let mut tx = self.store().begin().await.expect("a transaction should begin");
        if !tx.delete_worker(&format!("openclaw-{number}"), 1).await.expect("a worker should be deleted") {
            return false;
        }
        let assistant = tx.lock_assistant(id).await.expect("an assistant should be readable");
        let mut assistant = assistant.expect("an assistant of the population should exist");
        assistant.config.callback_url = Some(CALLBACK_URL.to_owned());
        assert!(tx.update_assistant(&mut assistant).await.expect("it should be updated"), "it is locked");
        // Twice, because the previous secret also signs.
        for _ in 0..2 {
            let secret = self.t.seal_signing_secret(assistant.user_id);
            let rotated = tx.rotate_signing_secret(assistant.user_id, &secret, self.t.clock.now()).await;
            rotated.expect("the owner should get a signing secret");
        }
        tx.commit().await.expect("the worker should be deleted");
        true
    }

    /// Runs everything periodic once. Returns how many jobs ran.
    async fn work(&mut self, step: u64, jobs: &reef_service::jobs::Runner) -> usize {
        let services = self.services.clone();
        self.measure("overdue deployments", services.fail_overdue_deployments()).await.expect("overdue");
        self.measure("missing workers", services.fail_missing_workers()).await.expect("missing");
        self.measure("refused credit", services.record_credit_refusals()).await.expect("refused");
        self.measure("periodic jobs", services.enqueue_periodic_jobs()).await.expect("timers");
        self.measure("webhook endpoint", services.check_endpoint_if_due()).await.expect("endpoint");
        self.measure("payment checks", services.reconcile_due()).await.expect("payment checks");
        let (now, store) = (services.now(), self.store().clone());
        let sweep = async {
            let mut tx = store.read().await?;
            tx.list_due_chats(now, 256).await?;
            tx.list_unpolled_workers(now, 50).await?;
            tx.find_next_retry_at(now).await
        };
        self.measure("sweep of workers", sweep).await.expect("sweep");
        if step.is_multiple_of(PRUNE_STEPS) {
            self.measure("pruning", services.prune()).await.expect("pruning");
        }
        self.measure("jobs", jobs.run_due()).await.expect("jobs")
    }

    /// Finds which vanished workers have been noticed. Returns the longest time that this took.
    async fn find_noticed(&mut self) -> Duration {
        let mut tx = self.store().read().await.expect("a transaction should begin");
        let (now, mut longest) = (self.services.now(), Duration::ZERO);
        let mut noticed = Vec::new();
        for (id, at) in &self.vanished {
            let found = tx.find_assistant(*id).await.expect("an assistant should be readable");
            if found.is_none_or(|assistant| !matches!(assistant.state, State::Active { .. })) {
                longest = longest.max(now.since(*at));
                noticed.push(*id);
            }
        }
        self.vanished.retain(|id, _| !noticed.contains(id));
        longest
    }
}

/// Fills the database and plays the day.
pub(crate) async fn play(options: Options, db: TestStore) -> Played {
    let mut day = Day::new(db, options);
    let started = Instant::now();
    let population = Population { assistants: options.assistants, now: START };
    day.store().insert_population(population).await.expect("the population should be inserted");
    let fill = started.elapsed();
    println!("soak: {} assistants inserted after {:.0} s", options.assistants, fill.as_secs_f32());
    let jobs = runner(day.services.clone());
    let rows_before = rows(day.store()).await;
    day.store().record_statements();
    let started = Instant::now();
    let steps = options.hours * 3600 / STEP.as_secs();
    let (mut ran, mut webhooks, mut vanished) = (0, 0, 0);
    let (mut worker_lag, mut check_lag) = (Duration::ZERO, Duration::ZERO);
    for step in 0..steps {
        day.t.clock.advance(STEP);
        let before = day.vanished.len();
        webhooks += day.disturb(step).await;
        vanished += day.vanished.len() - before;
        ran += day.work(step, &jobs).await;
        worker_lag = worker_lag.max(day.find_noticed().await);
        if step % 240 == 239 {
            let now = day.t.clock.now();
            let mut tx = day.store().read().await.expect("a transaction should begin");
            let (overdue, since) = tx.count_overdue_payment_checks(now).await.expect("a count");
            check_lag = check_lag.max(since.map_or(Duration::ZERO, |since| now.since(since)));
            println!(
                "soak: hour {}, {:.0} s, {overdue} payment checks overdue",
                (step + 1) / 240,
                started.elapsed().as_secs_f32()
            );
        }
    }
    let play = started.elapsed();
    let statements = day.store().recorded_statements();
    // The workers that vanished last are still to be noticed.
    let now = day.t.clock.now();
    day.vanished.retain(|_, at| now.since(*at) > worker_bound(options));
    Played {
        fill,
        play,
        statements,
        worker_lag,
        workers_unnoticed: day.vanished.len(),
        vanished,
        check_lag,
        checks: day.checks.load(Ordering::Relaxed),
        jobs: ran,
        jobs_left: day.t.count_jobs().await,
        webhooks,
        callbacks: day.t.callbacks.received().len(),
        rows_before,
        rows_after: rows(day.store()).await,
        read_without_index: read_without_index(&day.t.db).await,
        work: std::mem::take(&mut day.work),
        options,
    }
}
