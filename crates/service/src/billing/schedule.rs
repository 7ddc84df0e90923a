//! The schedule of payment checks: soon after an order, then less and less often, and never again once nothing can change.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_store::RateBudget;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The first check after an order. The webhook of a payment arrives within seconds.
pub(crate) const FIRST_CHECK_AFTER: Duration = Duration::from_secs(15);
/// The check after a webhook, by when the webhooks that belong to it have arrived as well.
pub(crate) const VERIFY_AFTER: Duration = Duration::from_secs(30);
/// The first check after an unpaid assistant was deleted. It may have been paid just before, with its webhook lost.
/// Later checks are rare: its checkout cannot be closed, but it is hardly ever paid.
pub(crate) const DELETED_CHECK_AFTER: Duration = Duration::from_secs(2 * 60);
/// The delay of an expedited check.
pub(super) const EXPEDITED_DELAY: Duration = Duration::from_secs(2);
/// How long after a check the next one can be expedited, because a waiting page asks for it every few seconds.
pub(super) const EXPEDITE_INTERVAL: Duration = Duration::from_secs(30);
/// How often the checks of one order can be expedited.
pub(super) const EXPEDITES_MAX: i64 = 5;
/// How long a claim lasts; after that another process may run the check.
pub(super) const CLAIM: Duration = MINUTE;

/// The rate budget that all processes on a database share. A check makes up to three calls, rarely five, so this is at most 60
/// calls per minute on average, of the 100 that the smallest of Polar's limits allows.
pub(super) const RATE_BUDGET: RateBudget =
    RateBudget { interval: Duration::from_secs(3), burst: Duration::from_secs(30) };

/// The waits between checks while a change is expected.
const STEPS: [Duration; 11] = [
    FIRST_CHECK_AFTER,
    Duration::from_secs(30),
    MINUTE,
    Duration::from_secs(2 * 60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    HOUR,
    Duration::from_secs(2 * 3600),
    Duration::from_secs(4 * 3600),
    IDLE_WAIT,
];
/// The wait while no change is expected.
const IDLE_WAIT: Duration = Duration::from_secs(8 * 3600);
/// A renewal is charged within minutes of the period's end.
const AFTER_PERIOD_END: Duration = Duration::from_secs(5 * 60);
/// The wait after a refusal, which only the operator can fix.
const AFTER_REFUSAL: Duration = Duration::from_secs(10 * 60);
/// The last check, after a checkout was first seen closed.
const LAST_CHECK_AFTER: Duration = HOUR;
/// A checkout can be paid for a day. One whose status is unknown counts as closed after that.
const CHECKOUT_LIVES_FOR: Duration = Duration::from_secs(25 * 3600);
/// Polar can reinstate an ended subscription until another billing period has passed.
const REINSTATABLE_FOR: Duration = Duration::from_secs(32 * 24 * 3600);
/// An unpaid order is no longer checked after a week, whatever its checkout says.
const UNPAID_CHECKED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What can still happen to a payment, according to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The order may still be paid.
    Unpaid {
        /// Whether the checkout is closed; `None` when that is unknown.
        is_closed: Option<bool>,
    },
    /// The subscription is active.
    Paid {
        /// The end of the billing period, when the next payment is due.
        until: Option<Timestamp>,
    },
    /// A payment is missing, or a revocation is in progress.
    Unsettled,
    /// The subscription has ended, and Polar may still reinstate it.
    Ended {
        /// The end of its last billing period.
        until: Option<Timestamp>,
    },
    /// Nothing can change from now on.
    Over,
    /// Polar did not answer.
    NoAnswer,
    /// Polar refused the request.
    Refused,
}

/// The progress of the checks of one order.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckProgress {
    /// How many checks were made since the schedule last started over.
    pub checks: i64,
    pub ordered_at: Timestamp,
    /// When the checkout was first seen closed.
    pub closed_at: Option<Timestamp>,
    /// Whether the assistant is deleted, in which case an unpaid order is rarely checked.
    pub is_deleted: bool,
}

/// The time of the next check, before jitter, and the progress to store.
pub(super) fn next_check(
    outlook: Outlook,
    progress: CheckProgress,
    now: Timestamp,
) -> (Option<Timestamp>, CheckProgress) {
    let step = now.plus(wait_after(progress.checks));
    let of_deleted = if now.since(progress.ordered_at) < HOUR { HOUR } else { IDLE_WAIT };
    let at_least = |wait: Duration| step.max(now.plus(if progress.is_deleted { of_deleted } else { wait }));
    // A deleted order needs one answer soon, because its buyer may have been charged.
    let without_answer =
        |wait: Duration| step.max(now.plus(if progress.is_deleted { AFTER_REFUSAL } else { wait }));
    match outlook {
        Outlook::Over => (None, progress),
        Outlook::Ended { until } => {
            let next = now.plus(DAY);
            let last = until.unwrap_or(progress.ordered_at).plus(REINSTATABLE_FOR);
            ((next <= last).then_some(next), progress)
        }
        Outlook::NoAnswer => (Some(without_answer(Duration::ZERO)), progress),
        Outlook::Refused => (Some(without_answer(AFTER_REFUSAL)), progress),
        Outlook::Unsettled => (Some(step.max(now.plus(MINUTE))), progress),
        Outlook::Paid { until: Some(until) } if until <= now => (Some(step.max(now.plus(MINUTE))), progress),
        Outlook::Paid { until } => {
            let idle_check = now.plus(IDLE_WAIT);
            let next = until.map_or(idle_check, |until| until.plus(AFTER_PERIOD_END).min(idle_check));
            (Some(next), CheckProgress { checks: 0, ..progress })
        }
        Outlook::Unpaid { is_closed } => {
            let age = now.since(progress.ordered_at);
            if age >= UNPAID_CHECKED_FOR {
                return (None, progress);
            }
            // A deleted order without a known checkout cannot be paid, because nobody has its URL.
            if !is_closed.unwrap_or(progress.is_deleted || age >= CHECKOUT_LIVES_FOR) {
                return (Some(at_least(Duration::ZERO)), CheckProgress { closed_at: None, ..progress });
            }
            let closed_at = progress.closed_at.unwrap_or(now);
            let last = closed_at.plus(LAST_CHECK_AFTER);
            ((now < last).then_some(last), CheckProgress { closed_at: Some(closed_at), ..progress })
        }
    }
}

fn wait_after(checks: i64) -> Duration {
    let index = usize::try_from(checks.max(0)).unwrap_or(usize::MAX);
    STEPS.get(index).copied().unwrap_or(IDLE_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERED: Timestamp = Timestamp::from_unix_ms(1_771_034_601_457);

    /// The times of all checks, in seconds since the order, when Polar always gives `answer`.
    fn check_times(answer: impl Fn(Duration) -> Outlook) -> Vec<u64> {
        check_times_from(ORDERED.plus(FIRST_CHECK_AFTER), false, answer)
    }

    fn check_times_from(
        first: Timestamp,
        is_deleted: bool,
        answer: impl Fn(Duration) -> Outlook,
    ) -> Vec<u64> {
        let mut now = first;
        let mut progress = CheckProgress { checks: 0, ordered_at: ORDERED, closed_at: None, is_deleted };
        let mut all = Vec::new();
        loop {
            all.push(now.since(ORDERED).as_secs());
            progress.checks += 1;
            let (next, then) = next_check(answer(now.since(ORDERED)), progress, now);
            assert!(all.len() < 100, "the schedule does not end: {all:?}");
            let Some(next) = next else { return all };
            assert!(next > now, "no wait before the next check at {now}");
            (now, progress) = (next, then);
        }
    }

    #[test]
    fn unpaid_order_is_checked_less_often_until_its_checkout_closes() {
        let expires = Duration::from_secs(24 * 3600);
        let all = check_times(|age| Outlook::Unpaid { is_closed: Some(age >= expires) });
        assert_eq!(all[..8], [15, 45, 105, 225, 525, 1125, 2925, 6525]);
        let [.., closed, last] = all[..] else { panic!("{all:?}") };
        assert!(closed >= 24 * 3600 && last == closed + 3600, "{all:?}");
    }

    #[test]
    fn deleted_order_is_checked_a_few_times() {
        let from = ORDERED.plus(DELETED_CHECK_AFTER);
        let expires = Duration::from_secs(24 * 3600);
        let hours = |seconds: Vec<u64>| seconds.into_iter().map(|s| s / 3600).collect::<Vec<_>>();
        let open = check_times_from(from, true, |age| Outlook::Unpaid { is_closed: Some(age >= expires) });
        assert_eq!(hours(open), [0, 1, 9, 17, 25, 26]);
        let unknown = check_times_from(from, true, |_| Outlook::Unpaid { is_closed: None });
        assert_eq!(hours(unknown), [0, 1]);
        let silent = CheckProgress { checks: 1, ordered_at: ORDERED, closed_at: None, is_deleted: true };
        for silence in [Outlook::NoAnswer, Outlook::Refused] {
            assert_eq!(next_check(silence, silent, ORDERED).0, Some(ORDERED.plus(AFTER_REFUSAL)));
            let long = CheckProgress { checks: 20, ..silent };
            assert_eq!(next_check(silence, long, ORDERED).0, Some(ORDERED.plus(IDLE_WAIT)));
        }
        // It was paid after all, so its revocation is checked as early as any other.
        assert_eq!(next_check(Outlook::Unsettled, silent, ORDERED).0, Some(ORDERED.plus(MINUTE)));
    }

    #[test]
    fn unpaid_order_is_not_checked_after_a_week() {
        let unknown = check_times(|_| Outlook::Unpaid { is_closed: None });
        assert!((25 * 3600..35 * 3600).contains(unknown.last().unwrap()), "{unknown:?}");
        let times = check_times(|_| Outlook::Unpaid { is_closed: Some(false) });
        assert!((7 * 86400..8 * 86400).contains(times.last().unwrap()), "{times:?}");
    }

    #[test]
    fn active_subscription_is_checked_after_its_period() {
        let progress = CheckProgress { checks: 9, ordered_at: ORDERED, closed_at: None, is_deleted: false };
        let at = |until: Duration| {
            next_check(Outlook::Paid { until: Some(ORDERED.plus(until)) }, progress, ORDERED)
        };
        let (far, then) = at(100 * HOUR);
        assert_eq!((far, then.checks), (Some(ORDERED.plus(IDLE_WAIT)), 0));
        assert_eq!(at(HOUR).0, Some(ORDERED.plus(HOUR + AFTER_PERIOD_END)));
        // An overdue renewal is checked like a recent change.
        let late = next_check(
            Outlook::Paid { until: Some(ORDERED) },
            CheckProgress { checks: 1, ..progress },
            ORDERED,
        );
        assert_eq!(late.0, Some(ORDERED.plus(MINUTE)));
        assert_eq!(next_check(Outlook::Over, progress, ORDERED).0, None);
    }

    #[test]
    fn ended_subscription_is_checked_daily_while_reinstatable() {
        let until = ORDERED.plus(10 * DAY);
        let all = check_times(|_| Outlook::Ended { until: Some(until) });
        assert_eq!(all[..2], [15, 15 + 86400]);
        assert!((41..=42).contains(&(all[all.len() - 1] / 86400)), "{all:?}");
        let progress = CheckProgress { checks: 9, ordered_at: ORDERED, closed_at: None, is_deleted: false };
        assert_eq!(next_check(Outlook::Ended { until: None }, progress, ORDERED.plus(32 * DAY)).0, None);
    }
}
