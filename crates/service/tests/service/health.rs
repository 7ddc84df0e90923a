//! The health of assistants: how long each fault takes to be noticed, and who is notified of it.

use std::time::Duration;

use reef_domain::health::{HealthCode, HealthRecord, Verdict};
use reef_domain::ids::AssistantId;
use reef_domain::wire::{ApiMode, EventKind, Status};
use reef_ports::{ModelCheckError, TelegramError};
use reef_service::testing::{MODEL, TestServices};
use reef_service::{Caller, Error};
use reef_store::{HealthSignal, on_both_databases};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::support::{HOUR, MINUTE, SECOND, delete, redeploy, stop};

/// Within this time faults are noticed while the assistant is used.
const NOTICED_IN_USE: Duration = Duration::from_secs(120);
/// The same while nobody uses it.
const NOTICED_IDLE: Duration = Duration::from_secs(15 * 60);

/// A caller with an active assistant, whose bot token is known.
struct Subject {
    t: TestServices,
    me: Caller,
    id: AssistantId,
    token: String,
}

impl Subject {
    async fn new(t: TestServices) -> Self {
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = t.workers.spec_of(id).expect("a worker").bot_token.expose_secret().to_owned();
        Self { t, me, id, token }
    }

    async fn health(&self) -> HealthRecord {
        self.t.services.get_health(&self.me, &self.id.to_string()).await.expect("the health")
    }

    async fn check(&self) {
        self.t.services.check_health_once().await.expect("checks should run");
    }

    /// Lets time pass, with all checks that become due.
    async fn pass(&self, time: Duration, step: Duration) {
        let until = self.t.services.now().plus(time);
        while self.t.services.now() < until {
            self.t.clock.advance(step);
            self.check().await;
        }
    }

    /// Records what a turn has seen of the model.
    async fn reply(&self, code: HealthCode) {
        self.signal(HealthSignal { model: Some(code), ..self.nothing() }).await;
    }

    fn nothing(&self) -> HealthSignal {
        HealthSignal { assistant_id: self.id, generation: 1, telegram: None, model: None, is_use: true }
    }

    async fn signal(&self, signal: HealthSignal) {
        let now = self.t.services.now();
        let mut tx = self.t.db.store.begin().await.expect("begin should succeed");
        tx.record_health_signal(signal, now, now.plus(50 * SECOND)).await.expect("a signal");
        tx.commit().await.expect("commit should succeed");
    }

    /// Lets time pass until the verdict is another one, and returns how long that took.
    async fn wait_for_change(&self, from: Verdict) -> Duration {
        let began = self.t.services.now();
        loop {
            self.check().await;
            let after = self.t.services.now().since(began);
            if self.health().await.verdict != from {
                return after;
            }
            assert!(after < 2 * HOUR, "nothing was noticed");
            self.t.clock.advance(SECOND);
        }
    }

    /// The bodies of the callbacks about health, oldest first.
    async fn callbacks(&self) -> Vec<Value> {
        self.t.run_jobs().await;
        let bodies = self.t.callbacks.received().into_iter();
        let bodies = bodies.map(|sent| serde_json::from_str::<Value>(&sent.body).expect("JSON"));
        bodies.filter(|body| body["type"] == "assistant.health_changed").collect()
    }
}

/// Something that goes wrong with Telegram, and the code by which it shows.
type Fault = (fn(&Subject), HealthCode);

const TELEGRAM_FAULTS: [Fault; 6] = [
    (|s| s.t.telegram.take_over(&s.token, Some("https://other.example/hook")), HealthCode::OtherWebhook),
    (|s| s.t.telegram.take_over(&s.token, None), HealthCode::WebhookMissing),
    (|s| s.t.telegram.fail_deliveries(&s.token, Some((3, s.t.services.now()))), HealthCode::WebhookFailing),
    (
        |s| s.t.telegram.script.fail("get_webhook", 99, || TelegramError::TokenRejected),
        HealthCode::TokenRejected,
    ),
    (
        |s| s.t.telegram.script.fail("get_webhook", 99, || TelegramError::Unavailable("x".to_owned())),
        HealthCode::TelegramUnavailable,
    ),
    (
        |s| s.t.telegram.script.fail("get_webhook", 99, || TelegramError::RateLimited { seconds: 20 }),
        HealthCode::TelegramRateLimited,
    ),
];

on_both_databases! {
    async fn fault_at_telegram_is_noticed_in_time(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        for (fault, code) in TELEGRAM_FAULTS {
            for is_used in [true, false] {
                s.pass(if is_used { MINUTE } else { 20 * MINUTE }, 10 * SECOND).await;
                if is_used {
                    s.reply(HealthCode::Ok).await;
                    s.pass(60 * SECOND, SECOND).await;
                }
                assert_eq!(s.health().await.verdict, Verdict::Ok, "before {code}");
                let seen = s.callbacks().await.len();
                fault(&s);
                let after = s.wait_for_change(Verdict::Ok).await;
                let bound = if is_used { NOTICED_IN_USE } else { NOTICED_IDLE };
                assert!(after <= bound, "{code} after {after:?} (used: {is_used})");
                let health = s.health().await;
                assert_eq!((health.legs.telegram.code, health.verdict), (code, code.verdict()));
                assert_eq!((health.legs.worker.code, health.legs.model.code), (HealthCode::Ok, HealthCode::Ok));
                assert_eq!(health.legs.telegram.since, Some(s.t.services.now()));
                let callbacks = s.callbacks().await;
                assert_eq!(callbacks.len(), seen + 1, "{code}");
                let data = &callbacks[seen]["data"];
                assert_eq!((&data["verdict"], &data["legs"]["telegram"]["code"]), (&code.verdict().as_str().into(), &code.as_str().into()));
                // The fault ends.
                s.t.telegram.script.clear();
                let own = s.t.workers.running()[0].worker_name.clone();
                s.t.telegram.take_over(&s.token, Some(&format!("https://workers.test/{own}/telegram")));
                s.t.telegram.fail_deliveries(&s.token, None);
                s.wait_for_change(code.verdict()).await;
                assert_eq!(s.health().await.verdict, Verdict::Ok);
                assert_eq!(s.callbacks().await.last().unwrap()["data"]["verdict"], "ok");
            }
        }
        assert_eq!(s.t.status(&s.me, s.id).await, Status::Active, "the status never changes by it");
    }

    async fn failed_replies_are_noticed_at_once_if_only_the_owner_can_mend_them(db: TestStore) {
        let s = Subject::new(TestServices::with_mail(db)).await;
        for code in [HealthCode::KeyRejected, HealthCode::NoCredit, HealthCode::ModelNotFound] {
            s.reply(code).await;
            assert!(s.wait_for_change(Verdict::Ok).await <= SECOND, "{code}");
            let health = s.health().await;
            assert_eq!((health.legs.model.code, health.verdict), (code, Verdict::Failing));
            assert!(health.legs.model.message.contains("key") || health.legs.model.message.contains("credit"));
            s.reply(HealthCode::Ok).await;
            assert!(s.wait_for_change(Verdict::Failing).await <= SECOND, "{code}");
            assert_eq!(s.health().await.verdict, Verdict::Ok);
        }
        assert_eq!(s.callbacks().await.len(), 6);
    }

    async fn provider_that_is_down_is_noticed_after_one_failed_reply(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        s.t.models.script.fail("check", 99, || ModelCheckError::Unavailable("x".to_owned()));
        s.reply(HealthCode::ProviderUnavailable).await;
        let after = s.wait_for_change(Verdict::Ok).await;
        assert!(after > SECOND && after <= NOTICED_IN_USE, "{after:?}");
        assert_eq!(s.health().await.legs.model.code, HealthCode::ProviderUnavailable);
        s.t.models.script.clear();
        let after = s.wait_for_change(Verdict::Failing).await;
        assert!(after <= 5 * MINUTE, "over after {after:?}, without a message");
    }

    async fn provider_whose_key_check_works_is_noticed_by_two_failed_replies(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        s.reply(HealthCode::ProviderUnavailable).await;
        s.pass(2 * MINUTE, SECOND).await;
        assert_eq!(s.health().await.verdict, Verdict::Ok, "one failed reply is no alarm");
        s.reply(HealthCode::ProviderUnavailable).await;
        s.check().await;
        assert_eq!(s.health().await.verdict, Verdict::Failing);
    }

    async fn idle_model_is_checked_once_a_day(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        let before = s.t.models.script.count("check");
        s.t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        s.pass(25 * HOUR, MINUTE).await;
        assert!(s.t.models.script.count("check") > before);
        let callbacks = s.callbacks().await;
        assert_eq!(callbacks[0]["data"]["legs"]["model"]["code"], "key_rejected");
        assert_eq!(callbacks[1]["data"]["verdict"], "ok", "the key works again");
    }

    async fn polling_conflict_is_noticed_and_ends_with_a_poll_that_works(db: TestStore) {
        let t = TestServices::new(db);
        t.workers.set_polling(true);
        let s = Subject::new(t).await;
        let poll = |code| HealthSignal { telegram: Some(code), is_use: false, ..s.nothing() };
        s.signal(poll(HealthCode::PollingConflict)).await;
        s.pass(MINUTE, SECOND).await;
        assert_eq!(s.health().await.verdict, Verdict::Ok, "a conflict may be the end of an earlier poll");
        s.signal(poll(HealthCode::PollingConflict)).await;
        s.check().await;
        s.signal(poll(HealthCode::PollingConflict)).await;
        s.check().await;
        assert_eq!(s.health().await.legs.telegram.code, HealthCode::PollingConflict);
        s.pass(HOUR, MINUTE).await;
        assert_eq!(s.health().await.legs.telegram.code, HealthCode::PollingConflict, "a check cannot see it");
        s.signal(poll(HealthCode::Ok)).await;
        s.check().await;
        assert_eq!(s.health().await.verdict, Verdict::Ok);
        s.t.telegram.take_over(&s.token, Some("https://other.example/hook"));
        assert!(s.wait_for_change(Verdict::Ok).await <= NOTICED_IDLE);
        assert_eq!(s.health().await.legs.telegram.code, HealthCode::OtherWebhook);
    }

    async fn missing_worker_is_noticed_until_the_status_says_so(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        s.t.workers.lose_worker(s.id);
        assert!(s.wait_for_change(Verdict::Ok).await <= NOTICED_IDLE);
        let health = s.health().await;
        assert_eq!((health.legs.worker.code, health.verdict), (HealthCode::WorkerMissing, Verdict::Failing));
        assert_eq!(s.callbacks().await[0]["data"]["legs"]["worker"]["code"], "worker_missing");
        assert_eq!(s.t.status(&s.me, s.id).await, Status::Active);
        s.t.services.fail_missing_workers().await.unwrap();
        s.t.run_jobs().await;
        assert_eq!(s.t.status(&s.me, s.id).await, Status::Failed);
        let health = s.health().await;
        assert_eq!((health.verdict, health.checked_at), (Verdict::Unknown, None));
        for leg in [&health.legs.worker, &health.legs.telegram, &health.legs.model] {
            assert_eq!((leg.code, leg.since), (HealthCode::NotRunning, None));
        }
        assert_eq!(s.callbacks().await.len(), 1, "none about what is unknown");
    }

    async fn day_without_a_fault_raises_no_alarm_and_costs_few_calls(db: TestStore) {
        let s = Subject::new(TestServices::with_mail(db)).await;
        let events = s.t.events(s.id).await.len();
        let before = (s.t.telegram.script.count("get_webhook"), s.t.models.script.count("check"));
        // A failure that passes now and then is no fault.
        for hour in 0..24 {
            if hour % 4 == 0 {
                s.t.telegram.script.fail("get_webhook", 1, || TelegramError::Unavailable("x".to_owned()));
            }
            s.pass(HOUR, 15 * SECOND).await;
        }
        let telegram = s.t.telegram.script.count("get_webhook") - before.0;
        let models = s.t.models.script.count("check") - before.1;
        assert!((24 * 5..=24 * 6 + 12).contains(&telegram), "{telegram} calls to Telegram");
        assert_eq!(models, 1, "checks of the model");
        assert_eq!(s.t.events(s.id).await.len(), events);
        assert!(s.callbacks().await.is_empty() && s.t.mailer.sent().is_empty());
        assert_eq!(s.health().await.verdict, Verdict::Ok);
    }

    async fn change_is_an_event_with_the_next_sequence_and_no_new_version(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        let (before, record) = (s.t.get_stored(s.id).await, s.t.record(&s.me, s.id).await);
        s.reply(HealthCode::NoCredit).await;
        s.check().await;
        let events = s.t.events(s.id).await;
        let event = events.last().unwrap();
        assert_eq!((event.kind, event.sequence), (EventKind::HealthChanged, before.sequence + 1));
        assert_eq!((event.status, event.previous_status), (Status::Active, Some(Status::Active)));
        let callback = s.callbacks().await.remove(0);
        assert_eq!(callback["data"]["id"], s.id.to_string());
        assert_eq!(callback["data"]["sequence"], event.sequence);
        assert_eq!(callback["data"]["legs"]["model"]["message"], event.status_message.clone().unwrap());
        assert_eq!(callback["data"].as_object().unwrap().len(), 4);
        assert_eq!(s.t.get_stored(s.id).await.version, before.version);
        assert_eq!(s.t.record(&s.me, s.id).await, record);
        stop(&s.t, &s.me, s.id).await.unwrap();
        s.t.run_jobs().await;
        assert_eq!(s.t.events(s.id).await.last().unwrap().sequence, event.sequence + 1);
    }

    async fn nothing_is_checked_or_announced_of_what_does_not_run(db: TestStore) {
        let s = Subject::new(TestServices::with_mail(db)).await;
        s.reply(HealthCode::KeyRejected).await;
        s.check().await;
        stop(&s.t, &s.me, s.id).await.unwrap();
        s.t.run_jobs().await;
        assert_eq!(s.health().await.verdict, Verdict::Unknown);
        let calls = s.t.telegram.script.count("get_webhook");
        s.reply(HealthCode::NoCredit).await;
        s.pass(2 * HOUR, MINUTE).await;
        assert_eq!((s.callbacks().await.len(), s.t.telegram.script.count("get_webhook")), (1, calls));
        redeploy(&s.t, &s.me, s.id).await.unwrap();
        assert_eq!(s.health().await.legs.model.code, HealthCode::NotRunning);
        s.t.run_jobs().await;
        assert_eq!(s.health().await.verdict, Verdict::Ok);
        s.pass(HOUR, MINUTE).await;
        assert_eq!(s.callbacks().await.len(), 1, "none from what is unknown");
        delete(&s.t, &s.me, s.id).await.unwrap();
        s.pass(HOUR, MINUTE).await;
        assert_eq!(s.callbacks().await.len(), 1);
        let gone = s.t.services.get_health(&s.me, &s.id.to_string()).await;
        assert!(matches!(gone, Err(Error::NotFound)));
        s.t.finish().await;
    }

    async fn flapping_causes_one_mail_an_hour_and_the_last_one_is_true(db: TestStore) {
        let s = Subject::new(TestServices::with_mail(db)).await;
        for _ in 0..5 {
            for code in [HealthCode::KeyRejected, HealthCode::Ok] {
                s.reply(code).await;
                s.pass(MINUTE, 10 * SECOND).await;
            }
        }
        s.t.run_jobs().await;
        let name = s.t.record(&s.me, s.id).await.name;
        let subjects = || s.t.mailer.sent().into_iter().map(|mail| mail.subject).collect::<Vec<_>>();
        let problem = format!("[Reef] Something is wrong with {name}: The model provider rejects your API key");
        assert_eq!(subjects(), std::slice::from_ref(&problem));
        assert_eq!(s.callbacks().await.len(), 10, "programs get every change");
        s.pass(2 * HOUR, MINUTE).await;
        s.t.run_jobs().await;
        assert_eq!(subjects(), [problem, format!("[Reef] {name} is healthy again")]);
    }

    async fn due_checks_are_made_once_by_two_processes_at_the_rate_of_each(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for _ in 0..45 {
            t.create_active(&me).await;
        }
        t.clock.advance(25 * HOUR);
        // Nothing else is due but one check of a model, which makes two calls.
        let replica = t.services.clone();
        let mut rounds = 0;
        loop {
            let (one, other) = tokio::join!(t.services.check_health_once(), replica.check_health_once());
            let count = one.unwrap() + other.unwrap();
            if count == 0 || rounds > 60 {
                break;
            }
            assert!(count <= 2 * 19, "{count} checks in a round of two processes");
            rounds += 1;
        }
        assert_eq!((t.telegram.script.count("get_webhook"), t.models.script.count("check")), (45, 45 + 45));
    }

    async fn provider_that_hangs_delays_nobody_else(db: TestStore) {
        let t = TestServices::new(db);
        let s = Subject::new(t).await;
        let other = s.t.create_active(&s.me).await;
        s.pass(MINUTE, SECOND).await;
        let gate = s.t.models.script.hold("check");
        s.reply(HealthCode::ProviderUnavailable).await;
        s.check().await;
        s.t.clock.advance(20 * SECOND);
        let services = s.t.services.clone();
        let held = tokio::spawn(async move { services.check_health_once().await });
        gate.reached().await;
        let before = s.t.telegram.script.count("get_webhook");
        s.pass(11 * MINUTE, 10 * SECOND).await;
        assert!(s.t.telegram.script.count("get_webhook") >= before + 2);
        assert!(s.t.services.get_health(&s.me, &other.to_string()).await.unwrap().verdict == Verdict::Ok);
        gate.open();
        held.await.unwrap().unwrap();
    }

    async fn managed_assistant_is_checked_with_the_name_of_its_model_at_openrouter(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(id).await;
        t.activate(&me, id).await.unwrap();
        t.run_jobs().await;
        let deployed = t.models.checked().last().unwrap().clone();
        assert_ne!(deployed.1, MODEL);
        t.clock.advance(25 * HOUR);
        t.services.check_health_once().await.unwrap();
        let checked = t.models.checked();
        assert_eq!((checked.len(), checked.last()), (2, Some(&deployed)));
        assert_eq!(t.services.get_health(&me, &id.to_string()).await.unwrap().verdict, Verdict::Ok);
    }

    async fn health_of_others_is_not_found(db: TestStore) {
        let s = Subject::new(TestServices::new(db)).await;
        let other = s.t.create_user().await;
        let found = s.t.services.get_health(&other, &s.id.to_string()).await;
        assert!(matches!(found, Err(Error::NotFound)));
        assert!(s.t.services.list_verdicts(&other).await.unwrap().is_empty());
        let verdicts = s.t.services.list_verdicts(&s.me).await.unwrap();
        assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), [(s.id.to_string(), Verdict::Ok)]);
    }
}
