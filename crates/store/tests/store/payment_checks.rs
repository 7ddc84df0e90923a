use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_store::{PaymentCheckRow, RateBudget, Tx, on_both_databases};

use crate::support::{NOW, add_unpaid_order, add_user, at, raw_rows, uuid};

const BUDGET: RateBudget =
    RateBudget { interval: Duration::from_millis(100), burst: Duration::from_millis(150) };

/// An unpaid assistant of a new user with a check due at `first`.
async fn unpaid_assistant(tx: &mut Tx, first: Timestamp) -> AssistantId {
    let user = add_user(tx).await;
    unpaid_assistant_of(tx, user, first).await
}

async fn unpaid_assistant_of(tx: &mut Tx, user: UserId, first: Timestamp) -> AssistantId {
    let id = add_unpaid_order(tx, user, NOW).await;
    tx.insert_payment_check(id, user, first, NOW).await.expect("insert should succeed");
    id
}

/// The same for an assistant that was deleted afterwards.
async fn deleted_assistant_of(tx: &mut Tx, user: UserId, first: Timestamp) -> AssistantId {
    let id = unpaid_assistant_of(tx, user, first).await;
    assert!(tx.delete_assistant(id, user, NOW).await.expect("delete should succeed"));
    id
}

async fn claim_id(tx: &mut Tx, now: Timestamp) -> Option<AssistantId> {
    claim(tx, now).await.map(|row| row.assistant_id)
}

async fn claim(tx: &mut Tx, now: Timestamp) -> Option<PaymentCheckRow> {
    tx.claim_payment_check(now, now.plus(Duration::from_secs(60)), BUDGET)
        .await
        .expect("claim should succeed")
}

on_both_databases! {
    async fn due_checks_are_claimed_in_order_and_again_after_claim_lapses(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (second, first) = (unpaid_assistant(&mut tx, at(10)).await, unpaid_assistant(&mut tx, at(0)).await);
        unpaid_assistant(&mut tx, at(100_000)).await;
        tx.update_checkout(first, "co_1", "https://polar.test/1").await.unwrap();
        assert_eq!(claim(&mut tx, at(-1)).await, None);
        assert_eq!(tx.count_overdue_payment_checks(at(10)).await.unwrap(), (2, Some(at(0))));
        let one = claim(&mut tx, at(10)).await.unwrap();
        let expected = PaymentCheckRow { assistant_id: first, checkout_id: Some("co_1".into()), claimed_until: at(60_010), check_count: 1,
            checkout_closed_at: None, ordered_at: NOW };
        assert_eq!(one, expected);
        assert_eq!(claim(&mut tx, at(11)).await.map(|row| row.assistant_id), Some(second));
        let later = at(70_000);
        assert_eq!(claim(&mut tx, later).await.map(|row| (row.assistant_id, row.check_count)), Some((first, 2)));
    }

    async fn completed_check_keeps_time_that_was_expedited_meanwhile(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = unpaid_assistant(&mut tx, NOW).await;
        let row = claim(&mut tx, NOW).await.unwrap();
        tx.complete_payment_check(&row, Some(at(500)), 7, Some(at(1))).await.unwrap();
        assert_eq!(claim(&mut tx, at(499)).await, None);
        let row = claim(&mut tx, at(500)).await.unwrap();
        assert_eq!((row.check_count, row.checkout_closed_at), (8, Some(at(1))));
        assert!(!tx.expedite_payment_check(id, at(900), at(499), 1).await.unwrap(), "checked recently");
        assert!(tx.expedite_payment_check(id, at(900), at(500), 1).await.unwrap());
        assert!(!tx.expedite_payment_check(id, at(800), at(500), 1).await.unwrap(), "expedited once already");
        tx.complete_payment_check(&row, None, 0, None).await.unwrap();
        let row = claim(&mut tx, at(900)).await.unwrap();
        assert_eq!((row.check_count, row.checkout_closed_at), (9, None));
        tx.complete_payment_check(&row, None, 0, None).await.unwrap();
        assert_eq!(claim(&mut tx, at(1_000_000)).await, None, "checks have ended");
        assert!(!tx.expedite_payment_check(id, at(901), at(900), 9).await.unwrap());
        tx.schedule_payment_check(id, at(1_000_500), at(1_000_000)).await.unwrap();
        tx.schedule_payment_check(id, at(1_000_900), at(1_000_000)).await.unwrap();
        assert_eq!(claim(&mut tx, at(1_000_500)).await.map(|row| row.check_count), Some(1));
        tx.stop_payment_checks(id).await.unwrap();
        tx.schedule_payment_check(AssistantId::new(uuid()), at(2_000_000), at(1_000_000)).await.unwrap();
        assert_eq!(tx.count_overdue_payment_checks(at(1_500_000)).await.unwrap(), (0, None));
        assert!(!tx.has_overdue_payment_check(at(1_999_999)).await.unwrap());
        assert!(tx.has_overdue_payment_check(at(2_000_000)).await.unwrap());
        assert_eq!(tx.prune_payment_checks().await.unwrap(), 0, "the assistant exists");
        let user = add_user(&mut tx).await;
        let gone = deleted_assistant_of(&mut tx, user, NOW).await;
        assert_eq!(tx.prune_payment_checks().await.unwrap(), 0, "a check is scheduled");
        tx.stop_payment_checks(gone).await.unwrap();
        assert_eq!(tx.prune_payment_checks().await.unwrap(), 1);
        // A late payment schedules checks of an assistant that is deleted already.
        tx.schedule_payment_check(gone, at(3_000_000), at(1_000_000)).await.unwrap();
        assert_eq!(tx.prune_payment_checks().await.unwrap(), 0);
        tx.stop_payment_checks(gone).await.unwrap();
        assert_eq!(tx.prune_payment_checks().await.unwrap(), 1);
    }

    async fn new_order_is_checked_soon_if_many_checks_are_overdue(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (greedy, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for number in 0..1_200 {
            tx.insert_payment_check(AssistantId::new(uuid()), greedy, at(-9_000 + number), NOW).await.unwrap();
        }
        let first = claim(&mut tx, NOW).await.unwrap();
        tx.complete_payment_check(&first, None, 1, None).await.unwrap();
        let new = AssistantId::new(uuid());
        tx.insert_payment_check(new, other, NOW, NOW).await.unwrap();
        assert_eq!(claim_id(&mut tx, NOW).await, Some(new));
        // Then it is the turn of the check that has been due for longest.
        let (_, oldest) = tx.count_overdue_payment_checks(NOW).await.unwrap();
        assert_eq!(oldest, Some(at(-8_999)));
        assert!(claim(&mut tx, at(60_000)).await.is_some());
        let (_, oldest) = tx.count_overdue_payment_checks(NOW).await.unwrap();
        assert_eq!(oldest, Some(at(-8_998)));
    }

    async fn users_take_turns_and_deleted_assistants_come_last(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (greedy, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let gone = deleted_assistant_of(&mut tx, greedy, at(-9_000)).await;
        let first = unpaid_assistant_of(&mut tx, greedy, at(-8_000)).await;
        let second = unpaid_assistant_of(&mut tx, greedy, at(-7_000)).await;
        assert_eq!(claim_id(&mut tx, at(0)).await, Some(first));
        // A user without any check so far comes first, then the one whose last check was longest ago.
        let (late, later) = (unpaid_assistant_of(&mut tx, other, at(900)).await, unpaid_assistant_of(&mut tx, other, at(950)).await);
        assert_eq!(claim_id(&mut tx, at(1_000)).await, Some(late));
        assert_eq!(claim_id(&mut tx, at(2_000)).await, Some(second));
        assert_eq!(claim_id(&mut tx, at(3_000)).await, Some(later));
        assert_eq!(claim_id(&mut tx, at(4_000)).await, Some(gone));
        assert_eq!(claim_id(&mut tx, at(5_000)).await, None);
    }

    async fn postponed_check_is_never_earlier_and_never_restarted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (soon, far, over) = (
            deleted_assistant_of(&mut tx, user, at(10)).await,
            deleted_assistant_of(&mut tx, user, at(3_000)).await,
            deleted_assistant_of(&mut tx, user, at(10)).await,
        );
        tx.stop_payment_checks(over).await.unwrap();
        for id in [soon, far, over] {
            tx.postpone_payment_check(id, at(2_000)).await.unwrap();
        }
        assert_eq!(claim_id(&mut tx, at(1_999)).await, None);
        assert_eq!(claim_id(&mut tx, at(2_000)).await, Some(soon));
        assert_eq!(claim_id(&mut tx, at(2_999)).await, None);
        assert_eq!(claim_id(&mut tx, at(3_000)).await, Some(far));
        assert_eq!(claim_id(&mut tx, at(4_000)).await, None);
    }

    async fn check_has_user_however_it_was_created(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (inserted, soon, reset, gone) = (
            unpaid_assistant_of(&mut tx, user, NOW).await,
            add_unpaid_order(&mut tx, user, NOW).await,
            add_unpaid_order(&mut tx, user, NOW).await,
            add_unpaid_order(&mut tx, user, NOW).await,
        );
        tx.schedule_payment_check(soon, NOW, NOW).await.unwrap();
        tx.reset_payment_checks(reset, "co_1", NOW, NOW).await.unwrap();
        tx.delete_assistant(gone, user, NOW).await.unwrap();
        tx.schedule_payment_check(gone, NOW, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let known = raw_rows!(db, (AssistantId, Option<UserId>), "select assistant_id, user_id from payment_checks order by assistant_id");
        assert_eq!(known, [inserted, soon, reset, gone].map(|id| (id, Some(user))));
    }

    async fn expedited_checks_are_spread_over_users(db: TestStore) {
        const WITHIN: Duration = Duration::from_secs(300);
        let later = at(9 * 3_600_000);
        let mut tx = db.store.begin().await.unwrap();
        let (greedy, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let mut many = vec![];
        for _ in 0..20 {
            many.push(unpaid_assistant_of(&mut tx, greedy, later).await);
        }
        deleted_assistant_of(&mut tx, other, later).await;
        let one = unpaid_assistant_of(&mut tx, other, later).await;
        tx.request_recheck(at(1)).await.unwrap();
        // A user with many due checks takes as much room as any other.
        for id in &many[..10] {
            tx.schedule_payment_check(*id, at(5_000), NOW).await.unwrap();
        }
        assert_eq!(tx.expedite_payment_checks(at(0), WITHIN, 3).await.unwrap(), 2, "one user has due checks");
        tx.commit().await.unwrap();
        let forward = raw_rows!(
            db,
            (AssistantId,),
            "select assistant_id from payment_checks where next_check_at <= $1 and next_check_at > $2 order by assistant_id",
            at(300_000),
            at(5_000),
        );
        assert_eq!(forward, [(many[10],), (one,)]);
    }

    async fn rate_budget_is_shared_by_all_checks(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for _ in 0..9 {
            unpaid_assistant(&mut tx, NOW).await;
        }
        let mut claimed = vec![];
        for ms in (0..1000).step_by(10) {
            if claim(&mut tx, at(ms)).await.is_some() {
                claimed.push(ms);
            }
        }
        assert_eq!(claimed, [0, 10, 50, 150, 250, 350, 450, 550, 650]);
        let id = unpaid_assistant(&mut tx, NOW).await;
        tx.pause_payment_checks(at(5_000), BUDGET).await.unwrap();
        tx.pause_payment_checks(at(4_000), BUDGET).await.unwrap();
        assert_eq!(claim(&mut tx, at(5_000)).await, None);
        assert_eq!(claim(&mut tx, at(5_001)).await.map(|row| row.assistant_id), Some(id));
    }

    async fn oldest_checks_are_expedited_up_to_the_maximum(db: TestStore) {
        const WITHIN: Duration = Duration::from_secs(300);
        let hours = 3_600_000;
        let mut tx = db.store.begin().await.unwrap();
        let mut slots = vec![];
        for n in 0..4 {
            slots.push(unpaid_assistant(&mut tx, at(n * 1000)).await);
            let row = claim(&mut tx, at(n * 1000)).await.unwrap();
            // The first one checked has the latest next check.
            tx.complete_payment_check(&row, Some(at((9 - n) * hours)), 0, None).await.unwrap();
        }
        assert_eq!(tx.expedite_payment_checks(at(5000), WITHIN, 3).await.unwrap(), 0, "no recheck was requested");
        tx.request_recheck(at(3000)).await.unwrap();
        tx.stop_payment_checks(slots[1]).await.unwrap();
        let soon = unpaid_assistant(&mut tx, at(6000)).await;
        assert_eq!(tx.expedite_payment_checks(at(5000), WITHIN, 2).await.unwrap(), 1, "one check is due anyway");
        assert_eq!(tx.expedite_payment_checks(at(5001), WITHIN, 2).await.unwrap(), 0, "the maximum is reached");
        assert_eq!(claim(&mut tx, at(154_999)).await.map(|row| row.assistant_id), Some(soon));
        let row = claim(&mut tx, at(155_000)).await.unwrap();
        assert_eq!(row.assistant_id, slots[0]);
        tx.complete_payment_check(&row, Some(at(9 * hours)), 0, None).await.unwrap();
        // Those checked since the request are left out, and so is the one checked at exactly that time.
        tx.stop_payment_checks(soon).await.unwrap();
        assert_eq!(tx.expedite_payment_checks(at(300_000), WITHIN, 9).await.unwrap(), 1);
        assert_eq!(tx.count_overdue_payment_checks(at(1_000_000)).await.unwrap(), (1, Some(at(333_333))));
        assert_eq!(claim(&mut tx, at(333_333)).await.map(|row| row.assistant_id), Some(slots[2]));
    }

    async fn payment_as_of_and_endpoint_status_are_stored(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = unpaid_assistant(&mut tx, NOW).await;
        assert_eq!(tx.find_payment_as_of(id).await.unwrap(), None);
        tx.update_payment_as_of(id, Some(at(3))).await.unwrap();
        assert_eq!(tx.find_payment_as_of(id).await.unwrap(), Some(at(3)));
        assert_eq!(tx.find_endpoint_status().await.unwrap(), None);
        assert!(tx.claim_endpoint_check(NOW, at(300)).await.unwrap());
        assert!(!tx.claim_endpoint_check(at(299), at(600)).await.unwrap());
        assert!(tx.claim_endpoint_check(at(300), at(600)).await.unwrap());
        tx.update_endpoint_status("disabled").await.unwrap();
        assert_eq!(tx.find_endpoint_status().await.unwrap().as_deref(), Some("disabled"));
    }

    async fn revocation_is_inserted_once_and_open_until_confirmed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let slot = AssistantId::new(uuid());
        assert!(tx.insert_revocation("sub_1", slot, "deleted", NOW).await.unwrap());
        assert!(!tx.insert_revocation("sub_1", slot, "late", at(1)).await.unwrap());
        assert!(tx.insert_revocation("sub_2", slot, "duplicate", at(2)).await.unwrap());
        assert_eq!(tx.count_open_revocations().await.unwrap(), (2, Some(NOW)));
        tx.confirm_revocation("sub_1", at(5)).await.unwrap();
        tx.confirm_revocation("sub_1", at(9)).await.unwrap();
        assert_eq!(tx.count_open_revocations().await.unwrap(), (1, Some(at(2))));
        let row = tx.find_revocation("sub_1").await.unwrap().unwrap();
        assert_eq!((row.reason.as_str(), row.assistant_id, row.confirmed_at), ("deleted", Some(slot), Some(at(5))));
        assert_eq!(tx.find_revocation("sub_3").await.unwrap(), None);
        assert_eq!(tx.prune_revocations(at(5)).await.unwrap(), 0);
        assert_eq!(tx.prune_revocations(at(6)).await.unwrap(), 1);
    }
}
