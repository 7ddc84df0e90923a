//! No account delays another account's payment checks.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reef_domain::ids::AssistantId;
use reef_domain::wire::{ApiMode, Status};
use reef_ports::PaymentError;
use reef_service::testing::TestServices;
use reef_service::{Caller, Error};
use reef_store::{RateBudget, on_both_databases};
use serde_json::json;

use crate::reconcile::{pass_time, pay_without_webhooks};
use crate::support::{HOUR, MINUTE, SECOND, delete};

/// A rate that no test reaches.
const FAST: RateBudget = RateBudget { interval: Duration::from_millis(1), burst: Duration::from_secs(60) };

/// Orders and deletes in a loop. Returns how many orders were accepted.
async fn buy_and_delete(t: &TestServices, caller: &Caller, times: usize) -> usize {
    let mut accepted = 0;
    for _ in 0..times {
        match t.services.purchase(caller, Ok(ApiMode::Byok)).await {
            Ok(bought) => delete(t, caller, bought.id).await.expect("a deletion"),
            Err(Error::RateLimited { .. }) => continue,
            Err(error) => panic!("{error:?}"),
        }
        accepted += 1;
    }
    accepted
}

/// Orders and pays without a webhook. Returns how long it takes until the assistant is `purchased`.
async fn payment_delay(t: &TestServices, caller: &Caller) -> Duration {
    let id: AssistantId = t.create_unpaid(caller).await;
    pay_without_webhooks(t, id);
    let began = t.services.now();
    while t.status(caller, id).await != Status::Purchased {
        pass_time(t, 1, SECOND).await;
        assert!(t.services.now().since(began) < Duration::from_secs(3600), "the payment is not noticed");
    }
    t.services.now().since(began)
}

/// Inserts payment checks that are due, for assistants of an account that do not exist any more.
async fn create_due_checks(t: &TestServices, caller: &Caller, count: usize) -> Vec<AssistantId> {
    let mut ids = vec![];
    let mut tx = t.db.store.begin().await.expect("begin should succeed");
    for _ in 0..count {
        let id = AssistantId::new(t.services.new_uuid());
        let now = t.services.now();
        tx.insert_payment_check(id, caller.user_id, now, now).await.expect("insert should succeed");
        ids.push(id);
    }
    tx.commit().await.expect("commit should succeed");
    ids
}

/// How many payment checks are scheduled, at any time.
async fn count_scheduled_checks(t: &TestServices) -> i64 {
    let far = t.services.now().plus(1_000 * HOUR);
    t.db.store
        .read()
        .await
        .expect("begin should succeed")
        .count_overdue_payment_checks(far)
        .await
        .expect("a count")
        .0
}

/// What the place of an account in the sequence of checks depends on.
struct Account {
    due: usize,
    last: Option<usize>,
}

on_both_databases! {
    async fn order_loop_does_not_delay_other_accounts(db: TestStore) {
        let t = TestServices::new(db);
        let (busy, other) = (t.create_user().await, t.create_user().await);
        let accepted = buy_and_delete(&t, &busy, 280).await;
        let delay = payment_delay(&t, &other).await;
        println!("{accepted} orders accepted; the other account's payment was noticed after {delay:?}");
        assert_eq!(accepted, 10);
        assert!(delay <= Duration::from_secs(20), "{delay:?}");
        t.finish().await;
    }

    async fn many_due_checks_delay_only_their_account(db: TestStore) {
        let t = TestServices::new(db);
        let (busy, other) = (t.create_user().await, t.create_user().await);
        create_due_checks(&t, &busy, 280).await;
        pass_time(&t, 5, SECOND).await;
        for _ in 0..3 {
            // The second and third time, the account has just been checked.
            let delay = payment_delay(&t, &other).await;
            println!("noticed after {delay:?}");
            assert!(delay <= Duration::from_secs(20), "{delay:?}");
        }
        // Assistants come before the deleted ones of the same account.
        let delay = payment_delay(&t, &busy).await;
        assert!(delay <= Duration::from_secs(20), "{delay:?}");
        assert!(count_scheduled_checks(&t).await > 200, "hundreds of checks are still scheduled");
        t.finish().await;
    }

    async fn webhook_flood_does_not_delay_other_accounts(db: TestStore) {
        let t = TestServices::new(db);
        let (busy, other) = (t.create_user().await, t.create_user().await);
        let mut slots = vec![];
        for _ in 0..60 {
            slots.push(t.create_paid(&busy).await);
        }
        // Each webhook makes a check due, so an account with many assistants has as many checks due at once.
        for _ in 0..5 {
            for id in &slots {
                let subscription = json!({"id": TestServices::subscription_id(*id), "status": "active",
                    "metadata": {"assistant_id": id.to_string()}});
                t.receive_polar_webhook("subscription.updated", subscription).await;
            }
            pass_time(&t, 1, 7 * SECOND).await;
        }
        let delay = payment_delay(&t, &other).await;
        assert!(delay <= Duration::from_secs(20), "{delay:?}");
        t.finish().await;
    }

    async fn order_limit_counts_deleted_form_and_concurrent_orders(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let mut orders = tokio::task::JoinSet::new();
        for number in 0..25 {
            let services = t.services.clone();
            orders.spawn(async move {
                let id = if number % 2 == 0 {
                    services.purchase(&me, Ok(ApiMode::Byok)).await?.id
                } else {
                    let token = services.form_token();
                    services.purchase_by_form(&me, Ok(ApiMode::Byok), &token).await?;
                    return Ok(());
                };
                services.delete(&me, &id.to_string(), Ok(())).await
            });
        }
        let taken = orders.join_all().await.into_iter().filter(Result::is_ok).count();
        assert_eq!(taken, 10);
        for slot in t.services.list_assistants(&me).await.unwrap() {
            t.services.delete(&me, &slot.id, Ok(())).await.unwrap();
        }
        let by_form = t.services.purchase_by_form(&me, Ok(ApiMode::Byok), &t.services.form_token()).await;
        assert!(matches!(by_form, Err(Error::RateLimited { retry_after_seconds: 3600, .. })), "{by_form:?}");
        t.create_unpaid(&other).await;
        t.clock.advance(HOUR);
        t.create_unpaid(&me).await;
        t.run_jobs().await;
        t.finish().await;
    }

    async fn order_limit_ignores_paid_orders(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for number in 0..15 {
            let id = t.create_unpaid(&me).await;
            match number % 3 {
                0 => t.pay(id).await,
                1 => {
                    t.pay(id).await;
                    delete(&t, &me, id).await.unwrap();
                }
                // The subscription of an order that is paid after its deletion is revoked.
                _ => {
                    delete(&t, &me, id).await.unwrap();
                    t.pay(id).await;
                }
            }
            t.run_jobs().await;
        }
        assert_eq!(buy_and_delete(&t, &me, 20).await, 10);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn orders_without_checkout_are_limited_for_minutes(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        t.payments.script.fail("create_checkout", 200, || PaymentError::Unavailable("down".into()));
        let buy = async || t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        for _ in 0..30 {
            assert!(matches!(buy().await, Err(Error::PaymentProviderUnavailable)));
        }
        assert!(matches!(buy().await, Err(Error::RateLimited { retry_after_seconds: 600, .. })));
        t.clock.advance(10 * MINUTE);
        assert!(matches!(buy().await, Err(Error::PaymentProviderUnavailable)));
        t.finish().await;
    }

    async fn scheduled_checks_of_busy_account_stay_bounded(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (mut checks, mut most) = (0, 0);
        for _ in 0..40 {
            assert_eq!(buy_and_delete(&t, &me, 11).await, 10);
            for checkout in t.payments.checkouts().iter().rev().skip(250) {
                t.payments.set_checkout_status(checkout.assistant_id, "expired");
            }
            checks += pass_time(&t, 4, 15 * MINUTE).await;
            t.services.prune().await.unwrap();
            most = most.max(count_scheduled_checks(&t).await);
        }
        println!("{checks} checks in 40 h, at most {most} rows");
        // Ten orders an hour are checked for at most 27 h each, plus a few that are pruned up to 15 minutes late.
        assert!(most <= 320 && checks <= 40 * 60, "{most} {checks}");
        t.finish().await;
    }

    async fn longest_waiting_account_is_checked_next(db: TestStore) {
        let t = TestServices::new(db);
        let mut runner = TestRunner::deterministic();
        for _ in 0..12 {
            let sizes = prop::collection::vec(0_usize..12, 1..8).new_tree(&mut runner).unwrap().current();
            let mut accounts = vec![];
            let mut owner = BTreeMap::new();
            for (number, due) in sizes.iter().enumerate() {
                let caller = t.create_user().await;
                owner.extend(create_due_checks(&t, &caller, *due).await.into_iter().map(|id| (id, number)));
                accounts.push(Account { due: *due, last: None });
            }
            for turn in 0..sizes.iter().sum() {
                t.clock.advance(SECOND);
                let mut tx = t.db.store.begin().await.unwrap();
                let now = t.services.now();
                let row = tx.claim_payment_check(now, now.plus(HOUR), FAST).await.unwrap().expect("something is due");
                tx.stop_payment_checks(row.assistant_id).await.unwrap();
                tx.commit().await.unwrap();
                let number = owner[&row.assistant_id];
                let waited = accounts[number].last;
                assert!(
                    accounts.iter().all(|other| other.due == 0 || other.last >= waited),
                    "{sizes:?}: somebody else has waited longer at turn {turn}"
                );
                let account = &mut accounts[number];
                (account.due, account.last) = (account.due - 1, Some(turn));
            }
        }
        t.finish().await;
    }
}
