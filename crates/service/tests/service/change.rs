use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::input::{CallbackChange, UpdateInput};
use reef_domain::wire::Status::{self, Active, Deploying, Failed, Purchased, Stopped};
use reef_service::assistants::Change;
use reef_service::ports::HostError;
use reef_service::testing::{TestServices, activation, bot_token};
use reef_service::{Caller, Error};
use reef_store::{PendingChange, on_both_databases};

use crate::support::{CHECKED, redeploy, stop, walk};

fn renamed(name: &str) -> Change {
    let update = UpdateInput { name: Some(name.to_owned()), ..UpdateInput::default() };
    Change { update: Some(update), callback: CallbackChange::Keep }
}

fn with_bot(number: u64) -> Change {
    let update = UpdateInput { telegram_bot_token: Some(bot_token(number)), ..UpdateInput::default() };
    Change { update: Some(update), callback: CallbackChange::Keep }
}

async fn change(t: &TestServices, me: &Caller, id: AssistantId, change: Change) -> Result<Status, Error> {
    t.services.change(me, &id.to_string(), Ok(change)).await.map(|record| record.status)
}

async fn pending(t: &TestServices, me: &Caller, id: AssistantId) -> Option<PendingChange> {
    t.services.assistant_details(me, &id.to_string()).await.expect("details").pending_change
}

on_both_databases! {
    async fn a_running_assistant_is_stopped_saved_and_deployed_in_one(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let elsewhere = CallbackChange::Replace("https://elsewhere.example.com/".to_owned());
        let whole = Change { callback: elsewhere, ..renamed("Pearl") };
        assert_eq!(change(&t, &me, id, whole).await.unwrap(), Deploying);
        assert_eq!(pending(&t, &me, id).await, None);
        t.run().await;
        let now = t.record(&me, id).await;
        assert_eq!((now.status, now.name.as_str()), (Active, "Pearl"));
        assert_eq!(now.user_callback_url.as_deref(), Some("https://elsewhere.example.com/"));
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Stopped, Deploying, Active]);
        // A stopped one is not stopped for it, and one that has failed can be mended.
        stop(&t, &me, id).await.unwrap();
        change(&t, &me, id, renamed("Opal")).await.unwrap();
        t.telegram.script.fail("get_me", 1, || reef_service::ports::TelegramError::TokenRejected);
        t.run().await;
        assert_eq!(t.status(&me, id).await, Failed);
        change(&t, &me, id, with_bot(t.number())).await.unwrap();
        t.run_after(CHECKED).await;
        assert_eq!((t.status(&me, id).await, t.record(&me, id).await.name), (Active, "Opal".to_owned()));
        t.finish().await;
    }

    async fn what_would_be_refused_is_refused_before_anything_is_stopped(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, slot) = (t.active(&me).await, t.paid(&me).await);
        t.services.activate(&me, &t.paid(&me).await.to_string(), Ok(activation(77))).await.unwrap();
        let model = UpdateInput { model_id: Some("no-such-model".to_owned()), ..UpdateInput::default() };
        let model = Change { update: Some(model), callback: CallbackChange::Keep };
        assert!(matches!(change(&t, &me, id, model).await, Err(Error::InvalidInput { .. })));
        assert!(matches!(change(&t, &me, id, with_bot(77)).await, Err(Error::InvalidInput { .. })));
        assert!(matches!(change(&t, &me, slot, renamed("x")).await, Err(Error::InvalidState { .. })));
        let other = t.user().await;
        assert!(matches!(change(&t, &other, id, renamed("x")).await, Err(Error::NotFound)));
        redeploy(&t, &me, id).await.unwrap();
        assert!(matches!(change(&t, &me, id, renamed("x")).await, Err(Error::InvalidState { current: Deploying, .. })));
        t.run().await;
        t.workers.script.fail("remove", 1, || HostError("500".into()));
        assert!(matches!(change(&t, &me, id, renamed("x")).await, Err(Error::WorkerDeleteFailed { .. })));
        assert_eq!((t.status(&me, id).await, pending(&t, &me, id).await), (Active, None));
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Active]);
        t.run_after(CHECKED).await;
        t.finish().await;
    }

    async fn a_change_without_a_subscription_stops_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        let before = t.record(&me, id).await;
        assert!(matches!(change(&t, &me, id, renamed("x")).await, Err(Error::InvalidState { .. })));
        assert_eq!(t.record(&me, id).await, before);
        t.finish().await;
    }

    async fn what_ended_in_the_middle_is_known_until_it_is_deployed(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (id, other) = (t.active(&me).await, t.paid(&me).await);
        let gate = t.workers.script.hold("remove");
        let taken = async {
            gate.reached().await;
            t.services.activate(&me, &other.to_string(), Ok(activation(77))).await.unwrap();
            gate.open();
        };
        let (refused, ()) = tokio::join!(change(&t, &me, id, with_bot(77)), taken);
        assert!(matches!(refused, Err(Error::InvalidInput { .. })));
        assert_eq!((t.status(&me, id).await, pending(&t, &me, id).await), (Stopped, Some(PendingChange::Stopped)));
        let update = renamed("Pearl").update.unwrap();
        t.services.update(&me, &id.to_string(), Ok(update)).await.unwrap();
        assert_eq!(pending(&t, &me, id).await, Some(PendingChange::Saved));
        redeploy(&t, &me, id).await.unwrap();
        assert_eq!(pending(&t, &me, id).await, None);
        t.run().await;
        assert_eq!((t.status(&me, id).await, pending(&t, &me, id).await), (Active, None));
        // Who stops it by themselves has nothing to go on with.
        stop(&t, &me, id).await.unwrap();
        t.services.update(&me, &id.to_string(), Ok(renamed("Opal").update.unwrap())).await.unwrap();
        assert_eq!(pending(&t, &me, id).await, None);
        t.run().await;
        t.finish().await;
    }

    async fn a_change_goes_on_when_nobody_waits_for_its_end(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let gate = t.workers.script.hold("remove");
        let asking = {
            let services = t.services.clone();
            tokio::spawn(async move { services.change(&me, &id.to_string(), Ok(renamed("Pearl"))).await })
        };
        gate.reached().await;
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        gate.open();
        let (text, wait) = (id.to_string(), Duration::from_secs(30));
        let mut now = t.record(&me, id).await;
        while now.status != Deploying {
            now = t.services.assistant_when_changed(&me, &text, Ok(wait)).await.unwrap();
        }
        assert_eq!(now.name, "Pearl");
        t.run().await;
        assert_eq!(t.status(&me, id).await, Active);
        t.finish().await;
    }
}
