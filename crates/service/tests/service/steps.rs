use reef_domain::ids::AssistantId;
use reef_domain::steps::Step::{Model, Ready, Token, Webhook, Worker};
use reef_domain::steps::{Step, StepRecord};
use reef_domain::wire::Status::{Active, Deploying};
use reef_ports::{ModelCheckError, TelegramError};
use reef_service::Caller;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;

use crate::support::{SECOND, redeploy, stop};

async fn steps(t: &TestServices, me: &Caller, id: AssistantId) -> Vec<StepRecord> {
    t.services.get_details(me, &id.to_string()).await.expect("details").steps
}

/// The steps, whether each has ended, and whether it failed.
fn walk(steps: &[StepRecord]) -> Vec<(Step, bool, bool)> {
    steps.iter().map(|step| (step.step, step.ended_at.is_some(), step.failed)).collect()
}

const WHOLE: [(Step, bool, bool); 5] = [
    (Token, true, false),
    (Model, true, false),
    (Worker, true, false),
    (Webhook, true, false),
    (Ready, true, false),
];

on_both_databases! {
    async fn run_publishes_steps_as_they_happen(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        assert_eq!(steps(&t, &me, id).await, []);
        t.activate(&me, id).await.unwrap();
        assert_eq!(steps(&t, &me, id).await, [], "no step has started");
        let gate = t.telegram.script.hold("set_webhook");
        let mut changes = t.services.event_bus().subscribe(me.user_id, Some(id));
        let running = async {
            gate.reached().await;
            let now = steps(&t, &me, id).await;
            let until_now = [(Token, true, false), (Model, true, false), (Worker, true, false), (Webhook, false, false)];
            assert_eq!(walk(&now), until_now);
            assert_eq!(t.status(&me, id).await, Deploying);
            assert_eq!(changes.take_changes(), 4, "each step is published when it starts");
            t.clock.advance(SECOND);
            gate.open();
        };
        tokio::join!(t.run_jobs(), running);
        let whole = steps(&t, &me, id).await;
        assert_eq!(walk(&whole), WHOLE);
        assert_eq!(whole[3].ended_at.unwrap().since(whole[3].began_at), SECOND);
        assert_eq!(t.status(&me, id).await, Active);
        t.finish().await;
    }

    async fn failed_step_is_last(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.activate(&me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(walk(&steps(&t, &me, id).await), [(Token, true, false), (Model, true, true)]);
        // The next run starts from the first step, and fails in another one.
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        redeploy(&t, &me, id).await.unwrap();
        assert_eq!(steps(&t, &me, id).await, []);
        t.run_jobs().await;
        assert_eq!(walk(&steps(&t, &me, id).await), [(Token, true, true)]);
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(walk(&steps(&t, &me, id).await), WHOLE);
        // Stopping does not change the recorded steps.
        stop(&t, &me, id).await.unwrap();
        assert_eq!(steps(&t, &me, id).await, []);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn polling_worker_needs_no_webhook(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        t.workers.set_polling(true);
        let id = t.create_active(&me).await;
        let done = steps(&t, &me, id).await;
        assert_eq!(done.iter().map(|step| step.step).collect::<Vec<_>>(), [Token, Model, Worker, Ready]);
        t.finish().await;
    }
}
