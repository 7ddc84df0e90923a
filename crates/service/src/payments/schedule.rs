//! When Polar is asked about a slot: soon and then ever more seldom, and no more once nothing can change.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_store::Pace;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long after an order Polar is first asked whether it is paid; its webhook comes within seconds.
pub(crate) const FIRST_ASK_AFTER: Duration = Duration::from_secs(15);
/// How long after a webhook Polar is asked whether that is how things stand: those that belong together have come then.
pub(crate) const VERIFY_AFTER: Duration = Duration::from_secs(30);
/// How long after an unpaid slot's deletion Polar is asked about it, at the earliest. It may have been paid just before, with
/// its webhook lost. After that it is asked about seldom: its checkout cannot be closed, but hardly anybody pays it.
pub(crate) const DELETED_ASK_AFTER: Duration = Duration::from_secs(2 * 60);
/// How soon Polar is asked when somebody waits for it.
pub(super) const HURRY: Duration = Duration::from_secs(2);
/// How long after it was last asked about a slot can be hurried again: a page that waits looks every few seconds.
pub(super) const HURRY_AFTER: Duration = Duration::from_secs(30);
/// How often a slot can be hurried.
pub(super) const HURRIES_MAX: i64 = 5;
/// How long whoever asks may take; then another process asks.
pub(super) const CLAIM: Duration = MINUTE;

/// An ask is up to three calls, rarely five: on average 60 calls a minute at most, of the 100 that the smallest of
/// Polar's limits allows. All processes on a database share it.
pub(super) const PACE: Pace = Pace { every: Duration::from_secs(3), burst: Duration::from_secs(30) };

/// The waits between asks while something is expected.
const STEPS: [Duration; 11] = [
    FIRST_ASK_AFTER,
    Duration::from_secs(30),
    MINUTE,
    Duration::from_secs(2 * 60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    HOUR,
    Duration::from_secs(2 * 3600),
    Duration::from_secs(4 * 3600),
    SELDOM,
];
/// The wait while nothing is expected.
const SELDOM: Duration = Duration::from_secs(8 * 3600);
/// A renewal is charged within minutes of the period's end.
const AFTER_PERIOD_END: Duration = Duration::from_secs(5 * 60);
/// After a refusal: only the operator can mend it.
const AFTER_REFUSAL: Duration = Duration::from_secs(10 * 60);
/// How long after its checkout was closed a slot is asked about for the last time.
const LAST_LOOK_AFTER: Duration = HOUR;
/// A checkout can be paid for a day: one that is not known is taken as closed after that.
const CHECKOUT_LIVES_FOR: Duration = Duration::from_secs(25 * 3600);
/// Polar reinstates a subscription that has ended until another of its periods has gone by.
const REINSTATED_WITHIN: Duration = Duration::from_secs(32 * 24 * 3600);
/// After a week nobody waits any more, whatever Polar says.
const OPEN_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What can still happen to a slot's payment, as Polar has just said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It may be paid.
    Unpaid {
        /// Whether the checkout is known to be closed; `None` when it is not known at all.
        is_closed: Option<bool>,
    },
    /// It is paid until then.
    Paid {
        /// When the next payment is due.
        until: Option<Timestamp>,
    },
    /// A payment is missing, or an end is under way.
    Unsettled,
    /// It has ended, and Polar may still reinstate it.
    Ended {
        /// The end of its last period.
        until: Option<Timestamp>,
    },
    /// Nothing.
    Over,
    /// Polar did not answer.
    NoAnswer,
    /// Polar has refused to answer.
    Refused,
}

/// What is known of the asking so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// How often.
    pub asks: i64,
    /// When the slot was ordered.
    pub since: Timestamp,
    /// When its checkout was first seen closed.
    pub closed_at: Option<Timestamp>,
    /// Whether the slot has been deleted: while it is not paid it is asked about seldom.
    pub is_deleted: bool,
}

/// The next ask, before jitter, and what is then known of the asking.
pub(super) fn next(outlook: Outlook, asked: Asked, now: Timestamp) -> (Option<Timestamp>, Asked) {
    let step = now.plus(step(asked.asks));
    let of_deleted = if now.since(asked.since) < HOUR { HOUR } else { SELDOM };
    let at_least = |wait: Duration| step.max(now.plus(if asked.is_deleted { of_deleted } else { wait }));
    // A deleted slot's first answer is owed: somebody may have been charged.
    let without_answer =
        |wait: Duration| step.max(now.plus(if asked.is_deleted { AFTER_REFUSAL } else { wait }));
    match outlook {
        Outlook::Over => (None, asked),
        Outlook::Ended { until } => {
            let next = now.plus(DAY);
            let last = until.unwrap_or(asked.since).plus(REINSTATED_WITHIN);
            ((next <= last).then_some(next), asked)
        }
        Outlook::NoAnswer => (Some(without_answer(Duration::ZERO)), asked),
        Outlook::Refused => (Some(without_answer(AFTER_REFUSAL)), asked),
        Outlook::Unsettled => (Some(step.max(now.plus(MINUTE))), asked),
        Outlook::Paid { until: Some(until) } if until <= now => (Some(step.max(now.plus(MINUTE))), asked),
        Outlook::Paid { until } => {
            let seldom = now.plus(SELDOM);
            let next = until.map_or(seldom, |until| until.plus(AFTER_PERIOD_END).min(seldom));
            (Some(next), Asked { asks: 0, ..asked })
        }
        Outlook::Unpaid { is_closed } => {
            let age = now.since(asked.since);
            if age >= OPEN_MAX {
                return (None, asked);
            }
            // Nobody has the address of a checkout that is not even known of a deleted slot.
            if !is_closed.unwrap_or(asked.is_deleted || age >= CHECKOUT_LIVES_FOR) {
                return (Some(at_least(Duration::ZERO)), Asked { closed_at: None, ..asked });
            }
            let closed_at = asked.closed_at.unwrap_or(now);
            let last = closed_at.plus(LAST_LOOK_AFTER);
            ((now < last).then_some(last), Asked { closed_at: Some(closed_at), ..asked })
        }
    }
}

fn step(asks: i64) -> Duration {
    let index = usize::try_from(asks.max(0)).unwrap_or(usize::MAX);
    STEPS.get(index).copied().unwrap_or(SELDOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERED: Timestamp = Timestamp::from_unix_ms(1_771_034_601_457);

    /// The moments of all asks, in seconds since the order, when Polar always gives `answer`.
    fn moments(answer: impl Fn(Duration) -> Outlook) -> Vec<u64> {
        moments_from(ORDERED.plus(FIRST_ASK_AFTER), false, answer)
    }

    fn moments_from(first: Timestamp, is_deleted: bool, answer: impl Fn(Duration) -> Outlook) -> Vec<u64> {
        let mut now = first;
        let mut asked = Asked { asks: 0, since: ORDERED, closed_at: None, is_deleted };
        let mut all = Vec::new();
        loop {
            all.push(now.since(ORDERED).as_secs());
            asked.asks += 1;
            let (next, then) = next(answer(now.since(ORDERED)), asked, now);
            assert!(all.len() < 100, "it does not end: {all:?}");
            let Some(next) = next else { return all };
            assert!(next > now, "it asks without a pause at {now}");
            (now, asked) = (next, then);
        }
    }

    #[test]
    fn an_open_slot_is_asked_about_ever_more_seldom_and_no_more_an_hour_after_its_end() {
        let expires = Duration::from_secs(24 * 3600);
        let all = moments(|age| Outlook::Unpaid { is_closed: Some(age >= expires) });
        assert_eq!(all[..8], [15, 45, 105, 225, 525, 1125, 2925, 6525]);
        let [.., closed, last] = all[..] else { panic!("{all:?}") };
        assert!(closed >= 24 * 3600 && last == closed + 3600, "{all:?}");
    }

    #[test]
    fn a_deleted_slot_is_asked_about_a_few_times_in_all() {
        let from = ORDERED.plus(DELETED_ASK_AFTER);
        let expires = Duration::from_secs(24 * 3600);
        let hours = |seconds: Vec<u64>| seconds.into_iter().map(|s| s / 3600).collect::<Vec<_>>();
        let open = moments_from(from, true, |age| Outlook::Unpaid { is_closed: Some(age >= expires) });
        assert_eq!(hours(open), [0, 1, 9, 17, 25, 26]);
        let unknown = moments_from(from, true, |_| Outlook::Unpaid { is_closed: None });
        assert_eq!(hours(unknown), [0, 1]);
        let silent = Asked { asks: 1, since: ORDERED, closed_at: None, is_deleted: true };
        for silence in [Outlook::NoAnswer, Outlook::Refused] {
            assert_eq!(next(silence, silent, ORDERED).0, Some(ORDERED.plus(AFTER_REFUSAL)));
            let long = Asked { asks: 20, ..silent };
            assert_eq!(next(silence, long, ORDERED).0, Some(ORDERED.plus(SELDOM)));
        }
        // Paid after all, its subscription is being ended: that is looked after as soon as any other.
        assert_eq!(next(Outlook::Unsettled, silent, ORDERED).0, Some(ORDERED.plus(MINUTE)));
    }

    #[test]
    fn a_slot_without_a_checkout_is_given_up_after_its_day_and_any_after_a_week() {
        let unknown = moments(|_| Outlook::Unpaid { is_closed: None });
        assert!((25 * 3600..35 * 3600).contains(unknown.last().unwrap()), "{unknown:?}");
        let for_ever = moments(|_| Outlook::Unpaid { is_closed: Some(false) });
        assert!((7 * 86400..8 * 86400).contains(for_ever.last().unwrap()), "{for_ever:?}");
    }

    #[test]
    fn a_live_subscription_is_asked_about_seldom_but_soon_after_its_period() {
        let asked = Asked { asks: 9, since: ORDERED, closed_at: None, is_deleted: false };
        let at = |until: Duration| next(Outlook::Paid { until: Some(ORDERED.plus(until)) }, asked, ORDERED);
        let (far, then) = at(100 * HOUR);
        assert_eq!((far, then.asks), (Some(ORDERED.plus(SELDOM)), 0));
        assert_eq!(at(HOUR).0, Some(ORDERED.plus(HOUR + AFTER_PERIOD_END)));
        // The renewal is not there yet: as if something had just happened.
        let late = next(Outlook::Paid { until: Some(ORDERED) }, Asked { asks: 1, ..asked }, ORDERED);
        assert_eq!(late.0, Some(ORDERED.plus(MINUTE)));
        assert_eq!(next(Outlook::Over, asked, ORDERED).0, None);
    }

    #[test]
    fn an_ended_subscription_is_asked_about_daily_while_it_can_be_reinstated() {
        let until = ORDERED.plus(10 * DAY);
        let all = moments(|_| Outlook::Ended { until: Some(until) });
        assert_eq!(all[..2], [15, 15 + 86400]);
        assert!((41..=42).contains(&(all[all.len() - 1] / 86400)), "{all:?}");
        let asked = Asked { asks: 9, since: ORDERED, closed_at: None, is_deleted: false };
        assert_eq!(next(Outlook::Ended { until: None }, asked, ORDERED.plus(32 * DAY)).0, None);
    }
}
