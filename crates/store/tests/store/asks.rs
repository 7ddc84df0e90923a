use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_store::{AskRow, Pace, Tx, on_both_databases};

use crate::support::{NOW, add_unpaid, add_user, at, raw_rows, uuid};

const PACE: Pace = Pace { every: Duration::from_millis(100), burst: Duration::from_millis(150) };

/// An unpaid assistant of a new user with a check due at `first`.
async fn slot(tx: &mut Tx, first: Timestamp) -> AssistantId {
    let user = add_user(tx).await;
    slot_of(tx, user, first).await
}

async fn slot_of(tx: &mut Tx, user: UserId, first: Timestamp) -> AssistantId {
    let id = add_unpaid(tx, user, NOW).await;
    tx.begin_asking(id, user, first, NOW).await.expect("insert should succeed");
    id
}

/// The same for an assistant that was deleted afterwards.
async fn deleted_slot_of(tx: &mut Tx, user: UserId, first: Timestamp) -> AssistantId {
    let id = slot_of(tx, user, first).await;
    assert!(tx.delete_assistant(id, user, NOW).await.expect("delete should succeed"));
    id
}

async fn claim_id(tx: &mut Tx, now: Timestamp) -> Option<AssistantId> {
    claim(tx, now).await.map(|row| row.assistant_id)
}

async fn claim(tx: &mut Tx, now: Timestamp) -> Option<AskRow> {
    tx.claim_ask(now, now.plus(Duration::from_secs(60)), PACE).await.expect("claim should succeed")
}

on_both_databases! {
    async fn what_is_due_longest_is_claimed_by_one_and_again_when_the_claim_is_over(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (second, first) = (slot(&mut tx, at(10)).await, slot(&mut tx, at(0)).await);
        slot(&mut tx, at(100_000)).await;
        tx.set_checkout(first, "co_1", "https://polar.test/1").await.unwrap();
        assert_eq!(claim(&mut tx, at(-1)).await, None);
        assert_eq!(tx.asks_overdue(at(10)).await.unwrap(), (2, Some(at(0))));
        let one = claim(&mut tx, at(10)).await.unwrap();
        let expected = AskRow { assistant_id: first, checkout_id: Some("co_1".into()), next_at: at(60_010), asks: 1,
            closed_at: None, since: NOW };
        assert_eq!(one, expected);
        assert_eq!(claim(&mut tx, at(11)).await.map(|row| row.assistant_id), Some(second));
        let later = at(70_000);
        assert_eq!(claim(&mut tx, later).await.map(|row| (row.assistant_id, row.asks)), Some((first, 2)));
    }

    async fn a_claim_is_settled_unless_somebody_was_in_a_hurry(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = slot(&mut tx, NOW).await;
        let row = claim(&mut tx, NOW).await.unwrap();
        tx.settle_ask(&row, Some(at(500)), 7, Some(at(1))).await.unwrap();
        assert_eq!(claim(&mut tx, at(499)).await, None);
        let row = claim(&mut tx, at(500)).await.unwrap();
        assert_eq!((row.asks, row.closed_at), (8, Some(at(1))));
        assert!(!tx.hurry_ask(id, at(900), at(499), 1).await.unwrap(), "checked recently");
        assert!(tx.hurry_ask(id, at(900), at(500), 1).await.unwrap());
        assert!(!tx.hurry_ask(id, at(800), at(500), 1).await.unwrap(), "expedited once already");
        tx.settle_ask(&row, None, 0, None).await.unwrap();
        let row = claim(&mut tx, at(900)).await.unwrap();
        assert_eq!((row.asks, row.closed_at), (9, None));
        tx.settle_ask(&row, None, 0, None).await.unwrap();
        assert_eq!(claim(&mut tx, at(1_000_000)).await, None, "checks have ended");
        assert!(!tx.hurry_ask(id, at(901), at(900), 9).await.unwrap());
        tx.ask_soon(id, at(1_000_500), at(1_000_000)).await.unwrap();
        tx.ask_soon(id, at(1_000_900), at(1_000_000)).await.unwrap();
        assert_eq!(claim(&mut tx, at(1_000_500)).await.map(|row| row.asks), Some(1));
        tx.stop_asking(id).await.unwrap();
        tx.ask_soon(AssistantId::new(uuid()), at(2_000_000), at(1_000_000)).await.unwrap();
        assert_eq!(tx.asks_overdue(at(1_500_000)).await.unwrap(), (0, None));
        assert_eq!(tx.prune_asks().await.unwrap(), 0, "the assistant exists");
        let user = add_user(&mut tx).await;
        let gone = deleted_slot_of(&mut tx, user, NOW).await;
        assert_eq!(tx.prune_asks().await.unwrap(), 0, "a check is scheduled");
        tx.stop_asking(gone).await.unwrap();
        assert_eq!(tx.prune_asks().await.unwrap(), 1);
    }

    async fn accounts_take_turns_and_deleted_slots_come_last_in_their_account(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (greedy, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let gone = deleted_slot_of(&mut tx, greedy, at(-9_000)).await;
        let first = slot_of(&mut tx, greedy, at(-8_000)).await;
        let second = slot_of(&mut tx, greedy, at(-7_000)).await;
        assert_eq!(claim_id(&mut tx, at(0)).await, Some(first));
        // A user without any check so far comes first, then the one whose last check was longest ago.
        let (late, later) = (slot_of(&mut tx, other, at(900)).await, slot_of(&mut tx, other, at(950)).await);
        assert_eq!(claim_id(&mut tx, at(1_000)).await, Some(late));
        assert_eq!(claim_id(&mut tx, at(2_000)).await, Some(second));
        assert_eq!(claim_id(&mut tx, at(3_000)).await, Some(later));
        assert_eq!(claim_id(&mut tx, at(4_000)).await, Some(gone));
        assert_eq!(claim_id(&mut tx, at(5_000)).await, None);
    }

    async fn a_deleted_slot_is_asked_about_later_unless_that_is_over_or_further_away(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (soon, far, over) = (
            deleted_slot_of(&mut tx, user, at(10)).await,
            deleted_slot_of(&mut tx, user, at(3_000)).await,
            deleted_slot_of(&mut tx, user, at(10)).await,
        );
        tx.stop_asking(over).await.unwrap();
        for id in [soon, far, over] {
            tx.put_asking_off(id, at(2_000)).await.unwrap();
        }
        assert_eq!(claim_id(&mut tx, at(1_999)).await, None);
        assert_eq!(claim_id(&mut tx, at(2_000)).await, Some(soon));
        assert_eq!(claim_id(&mut tx, at(2_999)).await, None);
        assert_eq!(claim_id(&mut tx, at(3_000)).await, Some(far));
        assert_eq!(claim_id(&mut tx, at(4_000)).await, None);
    }

    async fn the_account_of_a_slot_is_known_however_its_asking_began(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (inserted, soon, reset, gone) = (
            slot_of(&mut tx, user, NOW).await,
            add_unpaid(&mut tx, user, NOW).await,
            add_unpaid(&mut tx, user, NOW).await,
            add_unpaid(&mut tx, user, NOW).await,
        );
        tx.ask_soon(soon, NOW, NOW).await.unwrap();
        tx.ask_anew(reset, "co_1", NOW, NOW).await.unwrap();
        tx.delete_assistant(gone, user, NOW).await.unwrap();
        tx.ask_soon(gone, NOW, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let known = raw_rows!(db, (AssistantId, Option<UserId>), "select assistant_id, user_id from payment_checks order by assistant_id");
        assert_eq!(known, [inserted, soon, reset, gone].map(|id| (id, Some(user))));
    }

    async fn what_is_brought_forward_is_spread_over_accounts(db: TestStore) {
        const WITHIN: Duration = Duration::from_secs(300);
        let later = at(9 * 3_600_000);
        let mut tx = db.store.begin().await.unwrap();
        let (greedy, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let mut many = vec![];
        for _ in 0..20 {
            many.push(slot_of(&mut tx, greedy, later).await);
        }
        deleted_slot_of(&mut tx, other, later).await;
        let one = slot_of(&mut tx, other, later).await;
        tx.ask_all_anew(at(1)).await.unwrap();
        // A user with many due checks takes as much room as any other.
        for id in &many[..10] {
            tx.ask_soon(*id, at(5_000), NOW).await.unwrap();
        }
        assert_eq!(tx.hasten_asks(at(0), WITHIN, 3).await.unwrap(), 2, "one user has due checks");
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

    async fn all_share_one_pace(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for _ in 0..9 {
            slot(&mut tx, NOW).await;
        }
        let mut claimed = vec![];
        for ms in (0..1000).step_by(10) {
            if claim(&mut tx, at(ms)).await.is_some() {
                claimed.push(ms);
            }
        }
        assert_eq!(claimed, [0, 10, 50, 150, 250, 350, 450, 550, 650]);
        let id = slot(&mut tx, NOW).await;
        tx.pause_asking(at(5_000), PACE).await.unwrap();
        tx.pause_asking(at(4_000), PACE).await.unwrap();
        assert_eq!(claim(&mut tx, at(5_000)).await, None);
        assert_eq!(claim(&mut tx, at(5_001)).await.map(|row| row.assistant_id), Some(id));
    }

    async fn what_was_asked_longest_ago_is_brought_forward_in_bounds(db: TestStore) {
        const WITHIN: Duration = Duration::from_secs(300);
        let hours = 3_600_000;
        let mut tx = db.store.begin().await.unwrap();
        let mut slots = vec![];
        for n in 0..4 {
            slots.push(slot(&mut tx, at(n * 1000)).await);
            let row = claim(&mut tx, at(n * 1000)).await.unwrap();
            // The first one checked has the latest next check.
            tx.settle_ask(&row, Some(at((9 - n) * hours)), 0, None).await.unwrap();
        }
        assert_eq!(tx.hasten_asks(at(5000), WITHIN, 3).await.unwrap(), 0, "no recheck was requested");
        tx.ask_all_anew(at(3000)).await.unwrap();
        tx.stop_asking(slots[1]).await.unwrap();
        let soon = slot(&mut tx, at(6000)).await;
        assert_eq!(tx.hasten_asks(at(5000), WITHIN, 2).await.unwrap(), 1, "one check is due anyway");
        assert_eq!(tx.hasten_asks(at(5001), WITHIN, 2).await.unwrap(), 0, "the maximum is reached");
        assert_eq!(claim(&mut tx, at(154_999)).await.map(|row| row.assistant_id), Some(soon));
        let row = claim(&mut tx, at(155_000)).await.unwrap();
        assert_eq!(row.assistant_id, slots[0]);
        tx.settle_ask(&row, Some(at(9 * hours)), 0, None).await.unwrap();
        // Those checked since the request are left out, and so is the one checked at exactly that time.
        tx.stop_asking(soon).await.unwrap();
        assert_eq!(tx.hasten_asks(at(300_000), WITHIN, 9).await.unwrap(), 1);
        assert_eq!(tx.asks_overdue(at(1_000_000)).await.unwrap(), (1, Some(at(333_333))));
        assert_eq!(claim(&mut tx, at(333_333)).await.map(|row| row.assistant_id), Some(slots[2]));
    }

    async fn the_newest_state_is_noted_and_so_is_the_endpoint(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = slot(&mut tx, NOW).await;
        assert_eq!(tx.payment_as_of(id).await.unwrap(), None);
        tx.set_payment_as_of(id, Some(at(3))).await.unwrap();
        assert_eq!(tx.payment_as_of(id).await.unwrap(), Some(at(3)));
        assert_eq!(tx.endpoint_seen().await.unwrap(), None);
        assert!(tx.claim_endpoint_look(NOW, at(300)).await.unwrap());
        assert!(!tx.claim_endpoint_look(at(299), at(600)).await.unwrap());
        assert!(tx.claim_endpoint_look(at(300), at(600)).await.unwrap());
        tx.set_endpoint_seen("disabled").await.unwrap();
        assert_eq!(tx.endpoint_seen().await.unwrap().as_deref(), Some("disabled"));
    }

    async fn a_revocation_is_begun_once_and_open_until_it_is_confirmed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let slot = AssistantId::new(uuid());
        assert!(tx.begin_revocation("sub_1", slot, "deleted", NOW).await.unwrap());
        assert!(!tx.begin_revocation("sub_1", slot, "late", at(1)).await.unwrap());
        assert!(tx.begin_revocation("sub_2", slot, "duplicate", at(2)).await.unwrap());
        assert_eq!(tx.open_revocations().await.unwrap(), (2, Some(NOW)));
        tx.confirm_revocation("sub_1", at(5)).await.unwrap();
        tx.confirm_revocation("sub_1", at(9)).await.unwrap();
        assert_eq!(tx.open_revocations().await.unwrap(), (1, Some(at(2))));
        let row = tx.revocation("sub_1").await.unwrap().unwrap();
        assert_eq!((row.reason.as_str(), row.assistant_id, row.confirmed_at), ("deleted", Some(slot), Some(at(5))));
        assert_eq!(tx.revocation("sub_3").await.unwrap(), None);
        assert_eq!(tx.prune_revocations(at(5)).await.unwrap(), 0);
        assert_eq!(tx.prune_revocations(at(6)).await.unwrap(), 1);
    }
}
