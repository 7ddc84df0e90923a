//! The catalog: built-in models are always there, a valid list adds models, an invalid one changes nothing.

use std::time::Duration;

use reef_domain::input::UpdateInput;
use reef_domain::wire::{ApiMode, Status};
use reef_ports::ModelListError;
use reef_service::Error;
use reef_service::testing::{TestServices, activation, model_key};
use reef_store::on_both_databases;

use crate::support::{HOUR, MINUTE, redeploy, stop};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn ids(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("anthropic/claude-{number}.5"))
}

async fn knows(t: &TestServices, id: &str) -> bool {
    t.services.catalog().await.expect("the catalog").models().iter().any(|model| model.id == id)
}

/// Runs the next scheduled refresh.
async fn refresh(t: &TestServices) {
    t.services.enqueue_periodic_jobs().await.expect("the timers");
    t.clock.advance(8 * HOUR);
    t.services.enqueue_periodic_jobs().await.expect("the timers");
    t.run_jobs().await;
}

on_both_databases! {
    async fn valid_list_is_added_in_every_process(db: TestStore) {
        let t = TestServices::new(db);
        assert!(knows(&t, "claude-sonnet-5-5").await && !knows(&t, "claude-7-5").await);
        t.models.set_list(ids(20));
        t.services.enqueue_periodic_jobs().await.unwrap();
        assert_eq!(t.run_jobs().await, 0, "the refresh is not due at once");
        t.clock.advance(2 * MINUTE);
        t.services.enqueue_periodic_jobs().await.unwrap();
        t.services.enqueue_periodic_jobs().await.unwrap();
        assert_eq!(t.run_jobs().await, 1);
        for id in ["claude-sonnet-5-5", "claude-7-5", "anthropic/claude-7.5"] {
            assert!(knows(&t, id).await, "{id}");
        }
        t.clock.advance(5 * HOUR);
        t.services.enqueue_periodic_jobs().await.unwrap();
        assert_eq!(t.run_jobs().await, 0, "the refresh is due every six hours");
        // A model that is no longer listed is removed.
        t.models.set_list(ids(15));
        refresh(&t).await;
        assert!(knows(&t, "claude-15-5").await && !knows(&t, "claude-20-5").await);
        t.finish().await;
    }

    async fn invalid_list_replaces_nothing(db: TestStore) {
        let t = TestServices::new(db);
        t.models.set_list(ids(40));
        refresh(&t).await;
        let good = t.services.catalog().await.unwrap();
        let bad: [(&str, Vec<String>); 6] = [
            ("empty", vec![]),
            ("tiny", ids(9).collect()),
            ("huge", ids(5001).collect()),
            ("shrunk", ids(19).collect()),
            ("malformed", ids(40).chain((0..50).map(|_| "<html>".to_owned())).collect()),
            ("one again and again", (0..40).flat_map(|_| ids(1)).collect()),
        ];
        for (what, list) in bad {
            t.models.set_list(list);
            refresh(&t).await;
            assert_eq!(t.services.catalog().await.unwrap(), good, "{what}");
            assert_eq!(t.count_jobs().await, (1, 0), "{what}: the refresh is retried");
        }
        t.models.list_script.fail("list", 3, || ModelListError("status 500".to_owned()));
        refresh(&t).await;
        assert_eq!(t.services.catalog().await.unwrap(), good);
        // A week later the shorter list is accepted.
        t.models.list_script.clear();
        t.models.set_list(ids(19));
        t.advance_and_run(8 * DAY).await;
        assert!(knows(&t, "claude-19-5").await && !knows(&t, "claude-20-5").await);
        t.finish().await;
    }

    async fn validation_follows_catalog_and_keeps_saved_model(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let mut input = activation(t.next_number());
        input.model_id = "claude-12-5".to_owned();
        let refused = t.services.activate(&me, &id.to_string(), Ok(input.clone())).await;
        assert!(matches!(refused, Err(Error::InvalidInput { .. })));
        t.models.set_list(ids(20));
        refresh(&t).await;
        t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        t.run_jobs().await;
        stop(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        t.models.set_list(ids(11));
        refresh(&t).await;
        let update = async |change: UpdateInput| t.services.update(&me, &id.to_string(), Ok(change)).await;
        let key = Some(model_key(7));
        let kept = update(UpdateInput { model_api_key: key, name: Some("Pearl".into()), ..Default::default() }).await;
        assert_eq!(kept.unwrap().model_id.as_deref(), Some("claude-12-5"));
        let same = Some("claude-12-5".to_owned());
        assert!(update(UpdateInput { model_id: same.clone(), ..Default::default() }).await.is_ok());
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Status::Active);
        stop(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let other = update(UpdateInput { model_id: Some("claude-11-5".to_owned()), ..Default::default() }).await;
        assert_eq!(other.unwrap().model_id.as_deref(), Some("claude-11-5"));
        assert!(matches!(update(UpdateInput { model_id: same, ..Default::default() }).await, Err(Error::InvalidInput { .. })));
        t.finish().await;
    }

    async fn managed_assistant_runs_listed_model(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        t.models.set_list(ids(20));
        refresh(&t).await;
        for named in ["claude-12-5", "anthropic/claude-12.5"] {
            let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
            t.pay(id).await;
            let mut input = activation(t.next_number());
            input.model_id = named.to_owned();
            t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
            t.run_jobs().await;
            assert_eq!(t.workers.spec_of(id).unwrap().model_id, "anthropic/claude-12.5");
            assert_eq!(t.record(&me, id).await.model_id.as_deref(), Some(named));
        }
        t.finish().await;
    }
}
