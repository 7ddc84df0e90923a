//! When an assistant is checked next: within the bounds in which a fault has to be noticed, at little cost while nothing is wrong.
//!
//! A failure that may pass is checked again soon, so that it is noticed within two checks: in use within two minutes
//! (50 + 30 s and jitter), else within fifteen (10 min + 30 s and jitter).

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::health::{Evidence, HealthCode, Leg};
use reef_jobs::with_jitter;
use reef_ports::Entropy;
use reef_store::HealthRow;

/// How many calls to vendors the checks of a process make in a second at most.
pub const CALLS_PER_SECOND: usize = 20;
/// When Telegram is checked at the latest after somebody has used the assistant.
pub const CHECK_BY_WHEN_USED: Duration = Duration::from_secs(50);

/// How long after its last use an assistant counts as used.
const IN_USE_FOR: Duration = Duration::from_secs(15 * 60);
const CHECK_WHEN_IDLE: Duration = Duration::from_secs(10 * 60);
/// When something that was seen for the first time is checked again.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);
/// When Telegram is checked again while something is wrong.
const RECHECK_WHEN_IDLE: Duration = Duration::from_secs(5 * 60);
const RECHECK_IN_USE: Duration = Duration::from_secs(60);
/// When a model is checked for which nothing is wrong. With its jitter it is checked once a day.
const MODEL_CHECK: Duration = Duration::from_secs(23 * 3600);
/// When a model is checked after a reply has failed for a reason that may pass.
const CONFIRM_FAILED_REPLY_AFTER: Duration = Duration::from_secs(15);
/// The bounds between which the checks of a model slow down while something is wrong.
const MODEL_RECHECK: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// The same for a failure that may pass any moment.
const MODEL_RECHECK_OF_PASSING_MAX: Duration = Duration::from_secs(15 * 60);

/// The longest wait that Telegram may ask for.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// When an assistant is checked that has just become active.
pub(super) fn first_check(entropy: &dyn Entropy) -> Duration {
    with_jitter(CHECK_BY_WHEN_USED, 20, entropy)
}

/// When a model is checked that was just seen to work.
pub(super) fn daily_check(entropy: &dyn Entropy) -> Duration {
    with_jitter(MODEL_CHECK, 4, entropy)
}

/// When Telegram is checked next. `asked_wait` is how long Telegram asked to wait.
pub(super) fn next_telegram_check(
    row: &HealthRow,
    asked_wait: Option<Duration>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Timestamp {
    let is_used = row.used_at.is_some_and(|at| now.since(at) < IN_USE_FOR);
    let legs = [&row.legs.worker, &row.legs.telegram];
    let wait = if legs.iter().any(|leg| leg.pending.is_some()) {
        CONFIRM_AFTER
    } else if legs.iter().all(|leg| leg.is_steady()) {
        if is_used { CHECK_BY_WHEN_USED } else { CHECK_WHEN_IDLE }
    } else if is_used {
        RECHECK_IN_USE
    } else {
        RECHECK_WHEN_IDLE
    };
    let wait = wait.max(asked_wait.unwrap_or_default().min(WAIT_MAX));
    let percent = if wait < CHECK_WHEN_IDLE { 5 } else { 10 };
    now.plus(with_jitter(wait, percent, entropy))
}

/// When the model is checked next.
pub(super) fn next_model_check(leg: &Leg, now: Timestamp, entropy: &dyn Entropy) -> Timestamp {
    let (least, most) = MODEL_RECHECK;
    let since = leg.since.map_or(Duration::ZERO, |since| now.since(since));
    let wait = match (leg.code, leg.pending) {
        (_, Some(pending)) if pending.evidence == Evidence::Check => CONFIRM_AFTER,
        // A check does not disprove a failed reply, so there is no hurry after the first one.
        (_, Some(pending)) => (now.since(pending.at) * 2).max(CONFIRM_FAILED_REPLY_AFTER),
        (HealthCode::NotChecked, None) => CONFIRM_AFTER,
        // Only a reply can show that these are over.
        (HealthCode::Ok | HealthCode::NoCredit | HealthCode::UnexpectedResponse, None) => {
            return now.plus(daily_check(entropy));
        }
        (HealthCode::ProviderUnavailable | HealthCode::RateLimited, None) => {
            (since / 2).clamp(least, MODEL_RECHECK_OF_PASSING_MAX)
        }
        _ => (since / 2).clamp(least, most),
    };
    now.plus(with_jitter(wait, 10, entropy))
}
