use std::sync::Arc;

use reef_domain::ids::AssistantId;
use reef_domain::input::{CallbackChange, UpdateInput};
use reef_domain::wire::Status::{self, Active, Deploying, Failed, Purchased, Stopped};
use reef_service::assistants::Change;
use reef_service::testing::{TestServices, activation, bot_token, model_key};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;

use crate::support::{CHECKED, notes, redeploy, stop, walk};

fn renamed(name: &str) -> Change {
    let update = UpdateInput { name: Some(name.to_owned()), ..UpdateInput::default() };
    Change { update: Some(update), callback: CallbackChange::Keep }
}

fn with_bot(number: u64) -> Change {
    let update = UpdateInput { telegram_bot_token: Some(bot_token(number)), ..UpdateInput::default() };
    Change { update: Some(update), callback: CallbackChange::Keep }
}

fn with_model(model: &str) -> Change {
    let update = UpdateInput { model_id: Some(model.to_owned()), ..UpdateInput::default() };
    Change { update: Some(update), callback: CallbackChange::Keep }
}

async fn change(t: &TestServices, me: &Caller, id: AssistantId, change: Change) -> Result<Status, Error> {
    t.services.change(me, &id.to_string(), Ok(change)).await.map(|record| record.status)
}

async fn save(t: &TestServices, me: &Caller, id: AssistantId, change: Change) -> Result<Status, Error> {
    t.services.save_change(me, &id.to_string(), Ok(change)).await.map(|record| record.status)
}

on_both_databases! {
    async fn change_of_stopped_assistant_is_saved_and_deployed(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        stop(&t, &me, id).await.unwrap();
        let elsewhere = CallbackChange::Replace("https://elsewhere.example.com/".to_owned());
        assert_eq!(change(&t, &me, id, Change { callback: elsewhere, ..renamed("Opal") }).await.unwrap(), Deploying);
        t.telegram.script.fail("get_me", 1, || reef_ports::TelegramError::TokenRejected);
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Failed, "there are no earlier settings to restore");
        change(&t, &me, id, with_bot(t.next_number())).await.unwrap();
        t.advance_and_run(CHECKED).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.name.as_str(), record.status_message), (Active, "Opal", None));
        assert_eq!(record.user_callback_url.as_deref(), Some("https://elsewhere.example.com/"));
        t.finish().await;
    }

    async fn deployed_edit_is_noted_with_its_fields_and_no_values(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let slot = t.create_paid(&me).await;
        let draft = UpdateInput { name: Some("Draft".to_owned()), ..UpdateInput::default() };
        t.services.update(&me, &slot.to_string(), Ok(draft)).await.unwrap();
        assert_eq!(walk(&t.events(slot).await), [Purchased], "a draft is no history");

        let id = t.create_active(&me).await;
        let number = t.next_number() - 1;
        save(&t, &me, id, renamed("Pearl")).await.unwrap();
        save(&t, &me, id, renamed("Pearl")).await.unwrap();
        let cleared = Change { callback: CallbackChange::Clear, ..with_model("claude-opus-5") };
        change(&t, &me, id, cleared).await.unwrap();
        t.run_jobs().await;
        stop(&t, &me, id).await.unwrap();
        let same = UpdateInput { model_api_key: Some(model_key(number)), ..UpdateInput::default() };
        t.services.update(&me, &id.to_string(), Ok(same)).await.unwrap();
        let other = t.next_number();
        let secrets = UpdateInput {
            telegram_bot_token: Some(bot_token(other)),
            model_api_key: Some(model_key(other)),
            ..UpdateInput::default()
        };
        t.services.update(&me, &id.to_string(), Ok(secrets)).await.unwrap();
        let url = CallbackChange::Replace("https://elsewhere.example.com/".to_owned());
        t.services.redeploy(&me, &id.to_string(), Ok(url)).await.unwrap();
        t.run_jobs().await;
        let mut statuses = vec![Purchased, Deploying, Active, Deploying, Active, Stopped, Deploying, Active];
        let model = (Deploying, "Settings changed: model and webhook URL.");
        let events = t.events(id).await;
        assert_eq!(notes(&events), [model], "what v1 changes and what is only saved has no note");
        assert_eq!(walk(&events), statuses);
        stop(&t, &me, id).await.unwrap();
        change(&t, &me, id, renamed("Opal")).await.unwrap();
        t.run_jobs().await;
        stop(&t, &me, id).await.unwrap();
        change(&t, &me, id, renamed("Opal")).await.unwrap();
        t.run_jobs().await;
        let events = t.events(id).await;
        assert_eq!(notes(&events), [model, (Deploying, "Settings changed: name.")]);
        statuses.extend([Stopped, Deploying, Active, Stopped, Deploying, Active]);
        assert_eq!(walk(&events), statuses);
        assert!(t.callbacks.received().iter().all(|callback| !callback.body.contains("Settings changed")));
        t.finish().await;
    }

    async fn invalid_change_is_refused_before_stop(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, slot) = (t.create_active(&me).await, t.create_paid(&me).await);
        t.services.activate(&me, &t.create_paid(&me).await.to_string(), Ok(activation(77))).await.unwrap();
        assert!(matches!(change(&t, &me, id, with_model("no-such-model")).await, Err(Error::InvalidInput { .. })));
        assert!(matches!(change(&t, &me, id, with_bot(77)).await, Err(Error::InvalidInput { .. })));
        assert!(matches!(change(&t, &me, slot, renamed("x")).await, Err(Error::InvalidState { .. })));
        let other = t.create_user().await;
        assert!(matches!(change(&t, &other, id, renamed("x")).await, Err(Error::NotFound)));
        redeploy(&t, &me, id).await.unwrap();
        for edit in [renamed("x"), with_model("claude-opus-5")] {
            assert!(matches!(change(&t, &me, id, edit.clone()).await, Err(Error::InvalidState { current: Deploying, .. })));
            assert!(matches!(save(&t, &me, id, edit).await, Err(Error::InvalidState { current: Deploying, .. })));
        }
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Active]);
        t.finish().await;
    }

    async fn change_without_subscription_is_saved_only(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        let before = t.record(&me, id).await;
        assert!(matches!(change(&t, &me, id, renamed("x")).await, Err(Error::InvalidState { .. })));
        assert_eq!(t.record(&me, id).await, before);
        let cleared = Change { callback: CallbackChange::Clear, ..renamed("Opal") };
        assert_eq!(save(&t, &me, id, cleared).await.unwrap(), Stopped);
        let now = t.record(&me, id).await;
        assert_eq!((now.name.as_str(), now.user_callback_url), ("Opal", None));
        t.finish().await;
    }

    async fn change_of_assistant_stopped_meanwhile_is_refused(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let gate = t.models.script.hold("check");
        let stopped = async {
            gate.reached().await;
            stop(&t, &me, id).await.unwrap();
            gate.open();
        };
        let (refused, ()) = tokio::join!(change(&t, &me, id, with_model("claude-opus-5")), stopped);
        assert!(matches!(refused, Err(Error::InvalidState { current: Stopped, .. })), "{refused:?}");
        assert_eq!(t.record(&me, id).await.model_id.as_deref(), Some("claude-sonnet-5"));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn concurrent_changes_one_wins(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let other = t.next_number();
        let (first, second) =
            tokio::join!(change(&t, &me, id, with_model("claude-opus-5")), change(&t, &me, id, with_bot(other)));
        let (won, lost) = if first.is_ok() { (first, second) } else { (second, first) };
        assert_eq!(won.unwrap(), Deploying);
        assert!(matches!(lost, Err(Error::InvalidState { current: Deploying, .. })), "{lost:?}");
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Active]);
        t.finish().await;
    }

    async fn save_without_deployment_accepts_name_and_callback_only(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let fields = async |edit| match save(&t, &me, id, edit).await {
            Err(Error::InvalidRequest(issues)) => issues.into_iter().map(|issue| issue.path).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(fields(with_model("claude-opus-5")).await, ["modelId"]);
        assert_eq!(fields(with_bot(t.next_number())).await, ["telegramBotToken"]);
        assert_eq!(save(&t, &me, id, renamed("Pearl")).await.unwrap(), Active);
        assert_eq!(t.record(&me, id).await.name, "Pearl");
        // Values that it has already are not a change.
        let number = t.next_number() - 2;
        assert_eq!(change(&t, &me, id, with_bot(number)).await.unwrap(), Active);
        assert_eq!(change(&t, &me, id, with_model("claude-sonnet-5")).await.unwrap(), Active);
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active]);
        t.finish().await;
    }

    async fn change_continues_when_request_is_dropped(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let gate = t.models.script.hold("check");
        let asking = {
            let services = t.services.clone();
            tokio::spawn(async move { services.change(&me, &id.to_string(), Ok(with_model("claude-opus-5"))).await })
        };
        gate.reached().await;
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        gate.open();
        let (text, wait) = (id.to_string(), std::time::Duration::from_secs(30));
        let mut now = Arc::new(t.record(&me, id).await);
        while now.status != Deploying {
            now = t.services.wait_for_status_change(&me, &text, Ok(wait)).await.unwrap();
        }
        t.run_jobs().await;
        let now = t.record(&me, id).await;
        assert_eq!((now.status, now.model_id.as_deref()), (Active, Some("claude-opus-5")));
        t.finish().await;
    }
}
