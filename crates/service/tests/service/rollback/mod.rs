//! Editing a running assistant never makes it worse: wrong values are refused before anything stops, and a change whose
//! run fails is undone.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod interruptions;
mod outcomes;

use crate::support::{CHECKED, MINUTE, TICK, subscription_doc, walk};
use reef_domain::ids::AssistantId;
use reef_domain::input::{CallbackChange, UpdateInput};
use reef_domain::wire::AssistantRecord;
use reef_domain::wire::Status::{self, Active, Deploying, Failed, Purchased};
use reef_ports::TelegramError;
use reef_service::assistants::Change;
use reef_service::testing::{TestServices, bot_token, model_key};
use reef_service::{Caller, Error};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// Another bot, another key and another model.
fn all_secrets(number: u64) -> UpdateInput {
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

/// Creates an active assistant. Returns it and the number of its bot and key.
async fn active(t: &TestServices, me: &Caller) -> (AssistantId, u64) {
    let id = t.create_active(me).await;
    (id, t.next_number() - 1)
}

/// Asserts that the worker runs with this bot, key and model, and that the bot's webhook is set.
fn assert_runs_with(t: &TestServices, id: AssistantId, number: u64, model: &str) {
    let spec = t.workers.spec_of(id).expect("a worker");
    assert_eq!(spec.bot_token.expose_secret(), bot_token(number));
    assert_eq!(spec.model_key.expose_secret(), model_key(number));
    assert_eq!(spec.model_id, model);
    let webhook = t.telegram.webhook(&bot_token(number)).expect("a webhook");
    assert_eq!(webhook.1, spec.webhook_secret.expose_secret());
}

/// The statuses and failure codes in the callbacks, oldest first.
fn callback_statuses(t: &TestServices, id: AssistantId) -> Vec<(String, String)> {
    let mut statuses: Vec<(i64, String, String)> = Vec::new();
    for callback in t.callbacks.received() {
        let body: Value = serde_json::from_str(&callback.body).expect("JSON");
        let data = &body["data"];
        if data["id"] == id.to_string() {
            let message = data["statusMessage"].as_str().unwrap_or_default();
            let code = message.split(':').next().unwrap_or_default().to_owned();
            statuses.push((
                data["sequence"].as_i64().unwrap(),
                data["status"].as_str().unwrap().to_owned(),
                code,
            ));
        }
    }
    statuses.sort();
    statuses.into_iter().map(|(_, status, code)| (status, code)).collect()
}

/// Whether a replaced configuration is stored.
async fn has_replaced_config(t: &TestServices, id: AssistantId) -> bool {
    t.db.store.read().await.unwrap().find_replaced_configuration(id).await.unwrap().is_some()
}

/// Polar reports a change of the subscription.
async fn report(t: &TestServices, id: AssistantId, kind: &str, status: &str) {
    t.clock.advance(TICK);
    t.receive_polar_webhook(
        &format!("subscription.{kind}"),
        subscription_doc(t, id, &json!({"status": status})),
    )
    .await;
    t.run_jobs().await;
}

/// Polar reports a pause while other jobs run.
async fn pause_now(t: &TestServices, id: AssistantId) {
    t.clock.advance(TICK);
    t.receive_polar_webhook("subscription.paused", subscription_doc(t, id, &json!({"status": "paused"})))
        .await;
    reef_service::jobs::runner(t.services.clone()).run_due().await.unwrap();
}

/// Starts a change to other secrets. Runs `meanwhile` before the new bot's webhook is set.
async fn during_change(
    t: &TestServices,
    me: &Caller,
    id: AssistantId,
    number: u64,
    meanwhile: impl AsyncFnOnce(),
) {
    change(t, me, id, all_secrets(number)).await.unwrap();
    let gate = t.telegram.script.hold("set_webhook");
    tokio::join!(t.run_jobs(), async {
        gate.reached().await;
        meanwhile().await;
        gate.open();
    });
    t.advance_and_run(CHECKED).await;
    t.advance_and_run(MINUTE).await;
}

/// Starts a change to other secrets whose run fails. Runs `meanwhile` before the run that undoes it checks the model.
async fn during_rollback(
    t: &TestServices,
    me: &Caller,
    id: AssistantId,
    number: u64,
    meanwhile: impl AsyncFnOnce(),
) {
    change(t, me, id, all_secrets(number)).await.unwrap();
    t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
    let gate = t.models.script.hold("check");
    tokio::join!(t.run_jobs(), async {
        gate.reached().await;
        assert_eq!(walk(&t.events(id).await)[3..], [Deploying, Failed, Deploying]);
        meanwhile().await;
        gate.open();
    });
    t.advance_and_run(CHECKED).await;
    t.advance_and_run(MINUTE).await;
}

/// Asserts that nothing runs, no bot has a webhook, and no replaced secret is stored.
async fn assert_nothing_left(t: &TestServices, id: AssistantId, numbers: [u64; 2]) {
    assert!(t.workers.spec_of(id).is_none());
    for number in numbers {
        assert!(t.telegram.webhook(&bot_token(number)).is_none(), "bot {number}");
    }
    assert!(!has_replaced_config(t, id).await);
}

const UNCHANGED: [Status; 3] = [Purchased, Deploying, Active];
const UNDONE: [Status; 7] = [Purchased, Deploying, Active, Deploying, Failed, Deploying, Active];
