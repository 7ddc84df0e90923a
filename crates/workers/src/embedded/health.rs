//! What this process has recorded of the health of assistants.
//!
//! Nearly always nothing is wrong, so that is recorded once in a while and not with each turn. What is wrong is recorded
//! immediately, and so is that it is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;

/// How often it is recorded that an assistant is used and that nothing is wrong.
const RECORD_INTERVAL: Duration = Duration::from_secs(60);
/// How often it is recorded that a poll has worked. Nobody has to use the assistant for that.
const POLL_RECORD_INTERVAL: Duration = Duration::from_secs(300);
/// From how many entries on those are forgotten that are of no more use.
const ENTRIES_MAX: usize = 10_000;

/// What this process has recorded last, so that it does not repeat itself.
#[derive(Debug, Default)]
pub(crate) struct RecordedHealth(Mutex<HashMap<(AssistantId, Source), (Timestamp, bool)>>);

/// What the recorded signals come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Turn,
    Poll,
}

impl Source {
    const fn interval(self) -> Duration {
        match self {
            Self::Turn => RECORD_INTERVAL,
            Self::Poll => POLL_RECORD_INTERVAL,
        }
    }
}

impl RecordedHealth {
    /// Whether to record a signal, which counts as recorded then.
    pub fn admit(&self, id: AssistantId, source: Source, is_fine: bool, now: Timestamp) -> bool {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = recorded.get(&(id, source));
        if is_fine && last.is_some_and(|(at, was_fine)| *was_fine && now.since(*at) < source.interval()) {
            return false;
        }
        if recorded.len() >= ENTRIES_MAX {
            recorded.retain(|(_, source), (at, _)| now.since(*at) < source.interval());
        }
        recorded.insert((id, source), (now, is_fine));
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_fine_is_recorded_once_a_minute_and_what_is_not_always() {
        let recorded = RecordedHealth::default();
        let id = AssistantId::new(Uuid::from_u128(1));
        let at = |seconds: i64| Timestamp::from_unix_ms(seconds * 1000);
        let admit = |source, is_fine, seconds| recorded.admit(id, source, is_fine, at(seconds));
        assert!(admit(Source::Turn, true, 0));
        assert!(!admit(Source::Turn, true, 59));
        assert!(admit(Source::Turn, true, 60));
        assert!(admit(Source::Turn, false, 61) && admit(Source::Turn, false, 62));
        assert!(admit(Source::Turn, true, 63), "it is over");
        assert!(admit(Source::Poll, true, 63) && !admit(Source::Poll, true, 300));
        assert!(admit(Source::Poll, true, 363));
    }
}
