use std::time::Duration;

use reef_store::testing::TestStore;
use reef_store::{MAIL_LIMIT_PERIOD_MAX, MailLimit, on_both_databases};

use crate::support::{NOW, at, raw_rows};

const FEW: &[MailLimit] = &[
    MailLimit { count: 3, within: Duration::from_secs(3600) },
    MailLimit { count: 7, within: MAIL_LIMIT_PERIOD_MAX },
];
const HOUR: i64 = 3_600_000;

async fn is_admitted(db: &TestStore, recipient: &str, ms: i64) -> bool {
    let mut tx = db.store.begin().await.expect("begin should succeed");
    let admitted = tx.reserve_mail(recipient, FEW, at(ms)).await.expect("reservation should succeed");
    tx.commit().await.expect("commit should succeed");
    admitted
}

/// The highest number of times within any window of this length.
fn max_within(moments: &[i64], length: i64) -> usize {
    let within =
        |end: &i64| moments.iter().filter(|moment| **moment <= *end && **moment > end - length).count();
    moments.iter().map(within).max().unwrap_or(0)
}

on_both_databases! {
    async fn mails_to_recipient_are_limited_per_hour_and_day(db: TestStore) {
        for _ in 0..3 {
            assert!(is_admitted(&db, "ada", 0).await);
        }
        assert!(!is_admitted(&db, "ada", HOUR - 1).await);
        assert!(is_admitted(&db, "bob", 0).await, "another recipient has its own limit");
        for round in 1..3 {
            let sent = is_admitted(&db, "ada", round * HOUR).await && is_admitted(&db, "ada", round * HOUR).await;
            assert!(sent, "{round}");
        }
        assert!(!is_admitted(&db, "ada", 3 * HOUR).await, "the daily limit is reached");
        assert!(is_admitted(&db, "ada", 24 * HOUR).await);
    }

    async fn refused_mail_does_not_count(db: TestStore) {
        for ms in 0..20 {
            assert_eq!(is_admitted(&db, "ada", ms).await, ms < 3);
        }
        assert!(is_admitted(&db, "ada", HOUR).await);
    }

    async fn concurrent_reservations_keep_limit(db: TestStore) {
        let mut rush = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let store = db.store.clone();
            rush.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let admitted = tx.reserve_mail("ada", FEW, NOW).await.unwrap();
                tx.commit().await.unwrap();
                admitted
            });
        }
        assert_eq!(rush.join_all().await.into_iter().filter(|admitted| *admitted).count(), 3);
    }

    async fn prune_deletes_uncounted_mail_requests(db: TestStore) {
        is_admitted(&db, "old", -1).await;
        is_admitted(&db, "new", 0).await;
        let mut tx = db.store.begin().await.unwrap();
        let day_after = at(24 * HOUR - 1);
        assert_eq!(tx.prune_mail_requests(day_after.minus(MAIL_LIMIT_PERIOD_MAX)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(raw_rows!(db, (String,), "select recipient from mail_requests"), [("new".to_owned(),)]);
    }

    // At any times of the requests no hour and no day has too many mails, and none is refused while there is room.
    async fn no_window_exceeds_limit(db: TestStore) {
        // A linear congruential generator gives the same numbers in every run.
        let mut seed: i64 = 42;
        let mut next = |below: i64| {
            seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
            (seed >> 8) % below
        };
        for number in 0..12 {
            let (recipient, mut now, mut sent) = (format!("r{number}"), 0, Vec::<i64>::new());
            let mut pause = || { let longest = [60_000, HOUR, 8 * HOUR][usize::try_from(next(3)).unwrap()]; next(longest) };
            let pauses: Vec<_> = (0..40).map(|_| pause()).collect();
            for pause in pauses {
                now += pause;
                let had = |length| sent.iter().filter(|moment| **moment > now - length).count();
                let has_room = had(HOUR) < 3 && had(24 * HOUR) < 7;
                assert_eq!(is_admitted(&db, &recipient, now).await, has_room);
                if has_room {
                    sent.push(now);
                }
            }
            assert!(max_within(&sent, HOUR) <= 3 && max_within(&sent, 24 * HOUR) <= 7, "{sent:?}");
        }
    }
}
