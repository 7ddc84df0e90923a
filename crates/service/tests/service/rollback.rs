//! Editing a running assistant never leaves it worse: wrong values are refused before anything stops, and a change whose
//! run fails is undone.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use reef_domain::ids::AssistantId;
use reef_domain::input::{CallbackChange, UpdateInput};
use reef_domain::wire::AssistantRecord;
use reef_domain::wire::Status::{self, Active, Deploying, Failed, Purchased, Stopped};
use reef_service::assistants::Change;
use reef_service::ports::{GreetError, ModelCheckError, TelegramError};
use reef_service::testing::{TestServices, bot_token, model_key};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::{CHECKED, HOUR, MINUTE, TICK, delete, message, redeploy, stop, subscription_doc, walk};

/// Another bot, another key and another model.
fn whole(number: u64) -> UpdateInput {
    UpdateInput {
        telegram_bot_token: Some(bot_token(number)),
        model_api_key: Some(model_key(number)),
        model_id: Some("claude-opus-5".to_owned()),
        ..UpdateInput::default()
    }
}

async fn change(
    t: &TestServices,
    me: &Caller,
    id: AssistantId,
    update: UpdateInput,
) -> Result<AssistantRecord, Error> {
    let change = Change { update: Some(update), callback: CallbackChange::Keep };
    t.services.change(me, &id.to_string(), Ok(change)).await
}

fn paths<T: std::fmt::Debug>(refused: Result<T, Error>) -> Vec<String> {
    let error = refused.expect_err("a refusal");
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    error.issues().iter().map(|issue| issue.path.clone()).collect()
}

/// An active assistant, and the number of its bot and key.
async fn active(t: &TestServices, me: &Caller) -> (AssistantId, u64) {
    let id = t.active(me).await;
    (id, t.number() - 1)
}

/// The worker runs with the secrets of this number and this model, and the bot's webhook is set.
fn answers_as(t: &TestServices, id: AssistantId, number: u64, model: &str) {
    let spec = t.workers.spec_of(id).expect("a worker");
    assert_eq!(spec.bot_token.expose_secret(), bot_token(number));
    assert_eq!(spec.model_key.expose_secret(), model_key(number));
    assert_eq!(spec.model_id, model);
    let webhook = t.telegram.webhook(&bot_token(number)).expect("a webhook");
    assert_eq!(webhook.1, spec.webhook_secret.expose_secret());
}

/// The statuses and messages that the receiver was told of, oldest first.
fn told(t: &TestServices, id: AssistantId) -> Vec<(String, String)> {
    let mut told: Vec<(i64, String, String)> = Vec::new();
    for callback in t.callbacks.received() {
        let body: Value = serde_json::from_str(&callback.body).expect("JSON");
        let data = &body["data"];
        if data["id"] == id.to_string() {
            let message = data["statusMessage"].as_str().unwrap_or_default();
            let code = message.split(':').next().unwrap_or_default().to_owned();
            told.push((
                data["sequence"].as_i64().unwrap(),
                data["status"].as_str().unwrap().to_owned(),
                code,
            ));
        }
    }
    told.sort();
    told.into_iter().map(|(_, status, code)| (status, code)).collect()
}

/// Whether a configuration that was replaced is kept.
async fn is_kept(t: &TestServices, id: AssistantId) -> bool {
    t.db.store.read().await.unwrap().replaced(id).await.unwrap().is_some()
}

/// Polar tells of a pause, its end, or the end of all.
async fn tell(t: &TestServices, id: AssistantId, kind: &str, status: &str) {
    t.clock.advance(TICK);
    t.polar(&format!("subscription.{kind}"), subscription_doc(t, id, &json!({"status": status}))).await;
    t.run().await;
}

/// Polar tells of a pause while other jobs run.
async fn pause_now(t: &TestServices, id: AssistantId) {
    t.clock.advance(TICK);
    t.polar("subscription.paused", subscription_doc(t, id, &json!({"status": "paused"}))).await;
    reef_service::jobs::Runner::new(t.services.clone()).run_due().await.unwrap();
}

/// A change to other secrets whose run stands before the webhook of its bot, then `meanwhile` happens.
async fn in_the_middle(
    t: &TestServices,
    me: &Caller,
    id: AssistantId,
    number: u64,
    meanwhile: impl AsyncFnOnce(),
) {
    change(t, me, id, whole(number)).await.unwrap();
    let gate = t.telegram.script.hold("set_webhook");
    tokio::join!(t.run(), async {
        gate.reached().await;
        meanwhile().await;
        gate.open();
    });
    t.run_after(CHECKED).await;
    t.run_after(MINUTE).await;
}

/// A change to other secrets that is being undone: its run has failed, and that of the way back stands before the model.
async fn while_undone(
    t: &TestServices,
    me: &Caller,
    id: AssistantId,
    number: u64,
    meanwhile: impl AsyncFnOnce(),
) {
    change(t, me, id, whole(number)).await.unwrap();
    t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
    let gate = t.models.script.hold("check");
    tokio::join!(t.run(), async {
        gate.reached().await;
        assert_eq!(walk(&t.events(id).await)[3..], [Deploying, Failed, Deploying]);
        meanwhile().await;
        gate.open();
    });
    t.run_after(CHECKED).await;
    t.run_after(MINUTE).await;
}

/// Nothing of it runs, no bot has a webhook, and no replaced secret is kept.
async fn is_quiet(t: &TestServices, id: AssistantId, numbers: [u64; 2]) {
    assert!(t.workers.spec_of(id).is_none());
    for number in numbers {
        assert!(t.telegram.webhook(&bot_token(number)).is_none(), "bot {number}");
    }
    assert!(!is_kept(t, id).await);
}

const UNCHANGED: [Status; 3] = [Purchased, Deploying, Active];
const UNDONE: [Status; 7] = [Purchased, Deploying, Active, Deploying, Failed, Deploying, Active];

on_both_databases! {
    async fn change_with_values_found_wrong_touches_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let before = t.record(&me, id).await;
        let other = t.number();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        assert_eq!(paths(change(&t, &me, id, whole(other)).await), ["telegramBotToken", "modelApiKey"]);
        t.models.script.fail("check", 1, || ModelCheckError::ModelUnavailable);
        assert_eq!(paths(change(&t, &me, id, whole(other)).await), ["modelId"]);
        t.models.greet_script.fail("greet", 1, || GreetError::OutOfCredit);
        assert_eq!(paths(change(&t, &me, id, whole(other)).await), ["modelApiKey"]);
        // Who does not answer now would not answer a deployment either.
        t.telegram.script.fail("get_me", 1, || TelegramError::Unavailable("down".into()));
        t.models.script.fail("check", 1, || ModelCheckError::Unavailable("down".into()));
        assert_eq!(paths(change(&t, &me, id, whole(other)).await), ["telegramBotToken", "modelApiKey"]);
        // What is kept is checked too: a key that was revoked since would not start again.
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        let bot = UpdateInput { telegram_bot_token: Some(bot_token(other)), ..UpdateInput::default() };
        assert_eq!(paths(change(&t, &me, id, bot).await), ["modelApiKey"]);
        assert_eq!(t.record(&me, id).await, before);
        assert_eq!(walk(&t.events(id).await), UNCHANGED);
        answers_as(&t, id, number, "claude-sonnet-5");
        t.finish().await;
    }

    async fn change_of_a_running_assistant_is_one_deployment(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.number();
        assert_eq!(change(&t, &me, id, whole(other)).await.unwrap().status, Deploying);
        t.run().await;
        answers_as(&t, id, other, "claude-opus-5");
        assert!(t.telegram.webhook(&bot_token(number)).is_none(), "the bot from before is let go of");
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Active]);
        assert_eq!(message(&t, &me, id).await, "");
        t.finish().await;
    }

    async fn change_whose_run_fails_is_undone(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.number();
        change(&t, &me, id, whole(other)).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.run().await;
        answers_as(&t, id, number, "claude-sonnet-5");
        assert!(t.telegram.webhook(&bot_token(other)).is_none());
        assert_eq!(walk(&t.events(id).await), UNDONE);
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.model_id.as_deref()), (Active, Some("claude-sonnet-5")));
        assert!(message(&t, &me, id).await.starts_with("TELEGRAM_CONFLICT: "), "the reason is kept");
        let conflict = "TELEGRAM_CONFLICT";
        let expected = [
            ("deploying", ""), ("active", ""), ("deploying", ""),
            ("failed", conflict), ("deploying", conflict), ("active", conflict),
        ];
        assert_eq!(told(&t, id), expected.map(|(status, code)| (status.to_owned(), code.to_owned())));
        t.finish().await;
    }

    async fn name_and_callback_url_change_without_a_restart(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let generation = t.stored(id).await.state.run().unwrap().generation;
        let callback = CallbackChange::Replace("https://elsewhere.example.com/".to_owned());
        let named = UpdateInput { name: Some("Pearl".to_owned()), ..UpdateInput::default() };
        let both = Change { update: Some(named), callback };
        let record = t.services.change(&me, &id.to_string(), Ok(both)).await.unwrap();
        assert_eq!((record.status, record.name.as_str()), (Active, "Pearl"));
        assert_eq!(record.user_callback_url.as_deref(), Some("https://elsewhere.example.com/"));
        assert_eq!(walk(&t.events(id).await), UNCHANGED);
        assert_eq!(t.stored(id).await.state.run().unwrap().generation, generation);
        answers_as(&t, id, number, "claude-sonnet-5");
        t.finish().await;
    }

    async fn owner_is_not_told_that_an_undone_change_has_failed(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let (id, _) = active(&t, &me).await;
        change(&t, &me, id, whole(t.number())).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.run().await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!(t.mailer.taken().len(), 0);
        t.finish().await;
    }

    async fn owner_is_not_told_that_what_never_ran_does_not_answer(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.paid(&me).await;
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.activate(&me, id).await.unwrap();
        t.run().await;
        assert_eq!(t.status(&me, id).await, Failed);
        for mail in t.mailer.taken() {
            assert!(!mail.text.expose_secret().contains("does not answer"), "{}", mail.subject);
        }
        t.finish().await;
    }

    async fn activation_on_a_page_refuses_values_found_wrong(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.paid(&me).await;
        let number = t.number();
        let body = || match serde_json::json!({"name": "Coral", "modelProvider": "anthropic", "modelId": "claude-sonnet-5",
            "telegramBotToken": bot_token(number), "modelApiKey": model_key(number)}) {
            Value::Object(map) => map,
            other => panic!("{other}"),
        };
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        let refused = t.services.activate_with_kept(&me, &id.to_string(), body()).await;
        assert_eq!(paths(refused), ["telegramBotToken", "modelApiKey"]);
        assert_eq!(t.status(&me, id).await, Purchased);
        // Who does not answer has found nothing wrong: the deployment asks again.
        t.telegram.script.fail("get_me", 1, || TelegramError::Unavailable("slow".into()));
        t.services.activate_with_kept(&me, &id.to_string(), body()).await.unwrap();
        t.run().await;
        assert_eq!(t.status(&me, id).await, Active);
        t.finish().await;
    }

    async fn replaced_secrets_stay_sealed_until_the_new_run_is_active(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, _) = active(&t, &me).await;
        let count = async || t.services.sealed_with().await.unwrap().first;
        let before = count().await;
        let other = t.number();
        change(&t, &me, id, whole(other)).await.unwrap();
        assert_eq!(count().await, before + 2, "the bot token and the model key from before");
        t.run().await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!((count().await, is_kept(&t, id).await), (before, false));
        // The same after an undone change.
        change(&t, &me, id, whole(t.number())).await.unwrap();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.run().await;
        answers_as(&t, id, other, "claude-opus-5");
        assert_eq!((count().await, is_kept(&t, id).await), (before, false));
        t.finish().await;
    }

    async fn change_of_one_secret_keeps_the_other(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let key = UpdateInput { model_api_key: Some(model_key(t.number())), ..UpdateInput::default() };
        change(&t, &me, id, key).await.unwrap();
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.run().await;
        answers_as(&t, id, number, "claude-sonnet-5");
        assert!(message(&t, &me, id).await.starts_with("MODEL_KEY_REJECTED: Your change was undone"));
        // The reason is gone with the next thing that is done.
        redeploy(&t, &me, id).await.unwrap();
        t.run().await;
        assert_eq!(message(&t, &me, id).await, "");
        t.finish().await;
    }

    async fn undoing_that_fails_too_stays_failed_and_says_so(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.number();
        change(&t, &me, id, whole(other)).await.unwrap();
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.telegram.script.fail("set_webhook", 1, || TelegramError::TokenRejected);
        t.run().await;
        assert_eq!(walk(&t.events(id).await)[3..], [Deploying, Failed, Deploying, Failed]);
        let said = message(&t, &me, id).await;
        assert!(said.starts_with("TELEGRAM_TOKEN_REJECTED: ") && said.contains("failed with TELEGRAM_CONFLICT"), "{said}");
        t.run_after(CHECKED).await;
        is_quiet(&t, id, [number, other]).await;
        let mails = t.mailer.taken();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert!(mail.text.expose_secret().contains("Your previous settings could not be deployed again"));
        // What was there before is configured, and can be deployed.
        redeploy(&t, &me, id).await.unwrap();
        t.run().await;
        answers_as(&t, id, number, "claude-sonnet-5");
        t.finish().await;
    }

    async fn change_whose_process_died_is_undone_at_its_deadline(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.number();
        change(&t, &me, id, whole(other)).await.unwrap();
        {
            // A process that dies after it has set the new bot's webhook.
            let mut tx = t.db.store.begin().await.unwrap();
            let now = t.services.now();
            tx.claim_jobs("deploy", t.services.new_uuid(), now, now.plus(HOUR), 10).await.unwrap();
            tx.commit().await.unwrap();
        }
        use reef_service::ports::Telegram as _;
        t.telegram.set_webhook(&bot_token(other).into(), "https://workers.test/x", "x").await.unwrap();
        t.clock.advance(6 * MINUTE);
        t.services.fail_overdue_deployments().await.unwrap();
        assert_eq!(t.status(&me, id).await, Deploying);
        t.run_after(MINUTE).await;
        answers_as(&t, id, number, "claude-sonnet-5");
        assert!(message(&t, &me, id).await.starts_with("DEPLOY_TIMEOUT: Your change was undone"));
        assert!(t.telegram.webhook(&bot_token(other)).is_none(), "the bot that was tried is let go of");
        assert!(!is_kept(&t, id).await);
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn stop_in_the_middle_of_a_change_or_of_undoing_it_ends_both(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        for is_undone in [false, true] {
            let (id, number) = active(&t, &me).await;
            let other = t.number();
            let stopping = async || stop(&t, &me, id).await.unwrap();
            if is_undone {
                while_undone(&t, &me, id, other, stopping).await;
            } else {
                in_the_middle(&t, &me, id, other, stopping).await;
            }
            assert_eq!((t.status(&me, id).await, message(&t, &me, id).await.as_str()), (Stopped, ""));
            is_quiet(&t, id, [number, other]).await;
            // What was saved last, or what it was undone to, is what starts again.
            redeploy(&t, &me, id).await.unwrap();
            t.run().await;
            if is_undone {
                answers_as(&t, id, number, "claude-sonnet-5");
            } else {
                answers_as(&t, id, other, "claude-opus-5");
            }
        }
        t.finish().await;
    }

    async fn deletion_in_the_middle_of_a_change_or_of_undoing_it_leaves_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        for is_undone in [false, true] {
            let (id, number) = active(&t, &me).await;
            let other = t.number();
            change(&t, &me, id, whole(other)).await.unwrap();
            if is_undone {
                t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
                let gate = t.models.script.hold("check");
                tokio::join!(t.run(), async {
                    gate.reached().await;
                    gate.open();
                    delete(&t, &me, id).await.unwrap();
                });
            } else {
                delete(&t, &me, id).await.unwrap();
            }
            t.run_after(CHECKED).await;
            t.run_after(MINUTE).await;
            is_quiet(&t, id, [number, other]).await;
        }
        t.finish().await;
    }

    async fn pause_in_the_middle_of_a_change_keeps_the_way_back(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.number();
        in_the_middle(&t, &me, id, other, async || {
            pause_now(&t, id).await;
        }).await;
        assert_eq!(t.status(&me, id).await, Stopped);
        assert!(is_kept(&t, id).await);
        for bot in [number, other] {
            assert!(t.telegram.webhook(&bot_token(bot)).is_none(), "bot {bot}");
        }
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        tell(&t, id, "resumed", "active").await;
        answers_as(&t, id, number, "claude-sonnet-5");
        assert!(message(&t, &me, id).await.starts_with("TELEGRAM_CONFLICT: Your change was undone"));
        assert!(!is_kept(&t, id).await);
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn end_of_what_a_pause_has_kept_erases_it(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        for ending in ["revoked", "stop", "update"] {
            let (id, number) = active(&t, &me).await;
            let other = t.number();
            in_the_middle(&t, &me, id, other, async || pause_now(&t, id).await).await;
            assert!(is_kept(&t, id).await, "{ending}");
            match ending {
                "revoked" => tell(&t, id, "revoked", "canceled").await,
                "stop" => stop(&t, &me, id).await.unwrap(),
                _ => {
                    let renamed = UpdateInput { name: Some("Pearl".to_owned()), ..UpdateInput::default() };
                    t.services.update(&me, &id.to_string(), Ok(renamed)).await.unwrap();
                }
            }
            t.run_after(MINUTE).await;
            assert_eq!(t.status(&me, id).await, Stopped, "{ending}");
            is_quiet(&t, id, [number, other]).await;
        }
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn end_of_the_subscription_in_the_middle_of_undoing_stops_it(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.number();
        while_undone(&t, &me, id, other, async || {
            t.clock.advance(TICK);
            t.polar("subscription.revoked", subscription_doc(&t, id, &json!({"status": "canceled"}))).await;
            reef_service::jobs::Runner::new(t.services.clone()).run_due().await.unwrap();
        }).await;
        assert_eq!(t.status(&me, id).await, Stopped);
        assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED"));
        is_quiet(&t, id, [number, other]).await;
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn second_change_waits_for_the_end_of_undoing_the_first(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let (other, third) = (t.number(), t.number());
        while_undone(&t, &me, id, other, async || {
            let refused = change(&t, &me, id, whole(third)).await;
            assert!(matches!(refused, Err(Error::InvalidState { current: Deploying, .. })), "{refused:?}");
            let refused = redeploy(&t, &me, id).await;
            assert!(matches!(refused, Err(Error::InvalidState { current: Deploying, .. })), "{refused:?}");
        }).await;
        answers_as(&t, id, number, "claude-sonnet-5");
        change(&t, &me, id, whole(third)).await.unwrap();
        t.run().await;
        answers_as(&t, id, third, "claude-opus-5");
        assert_eq!(message(&t, &me, id).await, "");
        t.run_after(HOUR).await;
        t.finish().await;
    }

    async fn bot_that_may_come_back_is_not_given_away(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, number) = active(&t, &me).await;
        let slot = t.paid(&me).await;
        let other = t.number();
        change(&t, &me, id, whole(other)).await.unwrap();
        let taken = t.services.activate(&me, &slot.to_string(), Ok(reef_service::testing::activation(number))).await;
        assert_eq!(paths(taken), ["telegramBotToken"]);
        t.run().await;
        // It works, so the bot from before is free.
        t.services.activate(&me, &slot.to_string(), Ok(reef_service::testing::activation(number))).await.unwrap();
        t.run().await;
        assert_eq!((t.status(&me, id).await, t.status(&me, slot).await), (Active, Active));
        t.finish().await;
    }

    async fn redeployment_by_the_api_is_never_undone(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, _) = active(&t, &me).await;
        redeploy(&t, &me, id).await.unwrap();
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        t.run().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Failed]);
        t.run_after(CHECKED).await;
        t.finish().await;
    }
}
