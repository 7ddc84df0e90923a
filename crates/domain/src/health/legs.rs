//! What is known about the legs of an assistant, and when something that was seen changes that.
//!
//! One failure that may pass changes nothing; it counts once it is seen again. What only its owner can mend, such as a
//! revoked token, counts immediately.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{HealthCode, Verdict};
use crate::timestamp::Timestamp;

/// How long a failure in use outweighs checks that find nothing: a provider may fail although it accepts the key.
const USE_OUTWEIGHS: Duration = Duration::from_secs(600);

/// Which leg it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegName {
    /// The worker.
    Worker,
    /// Telegram.
    Telegram,
    /// The model.
    Model,
}

/// How something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// By a check.
    Check,
    /// While the assistant was used.
    Use,
}

/// What is known about one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// What was found.
    pub code: HealthCode,
    /// Since when; `None` if nothing is known.
    pub since: Option<Timestamp>,
    /// When it was last seen.
    pub checked_at: Option<Timestamp>,
    /// Something else that was seen and does not count yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// Something that was seen and counts once it is seen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What was seen.
    pub code: HealthCode,
    /// How often in a row.
    pub count: u32,
    /// How it was seen last.
    pub evidence: Evidence,
    /// When it was seen last.
    pub at: Timestamp,
}

/// What is known about the three legs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legs {
    /// Whether the assistant runs.
    pub worker: Leg,
    /// Whether messages arrive.
    pub telegram: Leg,
    /// Whether the model replies.
    pub model: Leg,
}

impl Leg {
    const fn unknown(code: HealthCode) -> Self {
        Self { code, since: None, checked_at: None, pending: None }
    }

    const fn ok(at: Timestamp) -> Self {
        Self { code: HealthCode::Ok, since: Some(at), checked_at: Some(at), pending: None }
    }

    /// Whether nothing is wrong, and nothing was seen that may be.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.code == HealthCode::Ok && self.pending.is_none()
    }

    /// Considers what was seen at `now`. Returns whether the code has changed.
    pub fn observe(&mut self, seen: HealthCode, evidence: Evidence, now: Timestamp) -> bool {
        self.checked_at = Some(now);
        if seen == self.code {
            let outweighs = |pending: &Pending| {
                evidence == Evidence::Check
                    && pending.evidence == Evidence::Use
                    && now.since(pending.at) < USE_OUTWEIGHS
            };
            self.pending = self.pending.filter(outweighs);
            return false;
        }
        if seen == HealthCode::Ok && evidence == Evidence::Check && is_proven_by_use_only(self.code) {
            return false;
        }
        let earlier = self.pending.filter(|pending| pending.code == seen).map_or(0, |pending| pending.count);
        let count = earlier + 1;
        if count < self.times_needed(seen, evidence) {
            self.pending = Some(Pending { code: seen, count, evidence, at: now });
            return false;
        }
        *self = Self { code: seen, since: Some(now), checked_at: Some(now), pending: None };
        true
    }

    /// How often something has to be seen in a row until it counts.
    const fn times_needed(&self, seen: HealthCode, evidence: Evidence) -> u32 {
        match seen {
            // A provider that fails may still accept the key, so one check is no proof.
            HealthCode::Ok if is_passing(self.code) && matches!(evidence, Evidence::Check) => 2,
            HealthCode::UnexpectedResponse => 3,
            seen if is_passing(seen) => 2,
            _ => 1,
        }
    }
}

/// Whether a failure may pass without anyone's doing.
const fn is_passing(code: HealthCode) -> bool {
    matches!(
        code,
        HealthCode::WorkerUnreachable
            // A deployment or a stop that is in progress may be the reason.
            | HealthCode::WebhookMissing
            | HealthCode::WebhookFailing
            | HealthCode::PollingConflict
            | HealthCode::UpdatesDelayed
            | HealthCode::TelegramRateLimited
            | HealthCode::TelegramUnavailable
            | HealthCode::RateLimited
            | HealthCode::ProviderUnavailable
            | HealthCode::UnexpectedResponse
    )
}

/// Whether a check cannot see that a failure is over.
const fn is_proven_by_use_only(code: HealthCode) -> bool {
    matches!(code, HealthCode::NoCredit | HealthCode::PollingConflict | HealthCode::UnexpectedResponse)
}

impl Legs {
    /// Nothing is known yet.
    #[must_use]
    pub const fn not_checked() -> Self {
        Self::all_unknown(HealthCode::NotChecked)
    }

    /// The assistant isn't running.
    #[must_use]
    pub const fn not_running() -> Self {
        Self::all_unknown(HealthCode::NotRunning)
    }

    const fn all_unknown(code: HealthCode) -> Self {
        Self { worker: Leg::unknown(code), telegram: Leg::unknown(code), model: Leg::unknown(code) }
    }

    /// Everything works: a deployment has just checked it.
    #[must_use]
    pub const fn deployed(at: Timestamp) -> Self {
        Self { worker: Leg::ok(at), telegram: Leg::ok(at), model: Leg::ok(at) }
    }

    fn all(&self) -> [&Leg; 3] {
        [&self.worker, &self.telegram, &self.model]
    }

    /// The worst verdict of the legs that something is known about.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.all().into_iter().map(|leg| leg.code.verdict()).fold(Verdict::Unknown, Verdict::worse)
    }

    /// When a leg was last seen.
    #[must_use]
    pub fn checked_at(&self) -> Option<Timestamp> {
        self.all().into_iter().filter_map(|leg| leg.checked_at).max()
    }

    /// Whether nothing is wrong with any leg, and nothing was seen that may be.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.all().into_iter().all(Leg::is_steady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ApiMode;

    const START: Timestamp = Timestamp::from_unix_ms(1_771_034_601_457);

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn passing_failure_counts_when_seen_twice_in_a_row() {
        let mut leg = Leg::ok(START);
        assert!(!leg.observe(HealthCode::TelegramUnavailable, Evidence::Check, after(1)));
        assert!(!leg.observe(HealthCode::Ok, Evidence::Check, after(2)));
        assert!(leg.is_steady(), "a single failure is forgotten");
        assert!(!leg.observe(HealthCode::TelegramUnavailable, Evidence::Check, after(3)));
        assert!(leg.observe(HealthCode::TelegramUnavailable, Evidence::Check, after(4)));
        assert_eq!((leg.code, leg.since), (HealthCode::TelegramUnavailable, Some(after(4))));
        assert!(!leg.observe(HealthCode::Ok, Evidence::Check, after(5)));
        assert!(leg.observe(HealthCode::Ok, Evidence::Check, after(6)));
    }

    #[test]
    fn what_only_the_owner_can_mend_counts_immediately() {
        for code in [
            HealthCode::TokenRejected,
            HealthCode::OtherWebhook,
            HealthCode::KeyRejected,
            HealthCode::NoCredit,
            HealthCode::ModelNotFound,
            HealthCode::WorkerMissing,
        ] {
            let mut leg = Leg::ok(START);
            assert!(leg.observe(code, Evidence::Check, after(1)), "{code}");
            assert_eq!(leg.code.verdict(), Verdict::Failing, "{code}");
        }
    }

    #[test]
    fn check_does_not_outweigh_a_failed_reply_of_the_last_minutes() {
        let mut leg = Leg::ok(START);
        leg.observe(HealthCode::ProviderUnavailable, Evidence::Use, after(1));
        leg.observe(HealthCode::Ok, Evidence::Check, after(30));
        assert!(leg.observe(HealthCode::ProviderUnavailable, Evidence::Use, after(60)));
        let mut leg = Leg::ok(START);
        leg.observe(HealthCode::ProviderUnavailable, Evidence::Use, after(1));
        leg.observe(HealthCode::Ok, Evidence::Check, after(700));
        assert!(leg.is_steady(), "an old failure is forgotten");
    }

    #[test]
    fn only_a_reply_proves_that_there_is_credit() {
        let mut leg = Leg::ok(START);
        leg.observe(HealthCode::NoCredit, Evidence::Use, after(1));
        for second in 2..9 {
            assert!(!leg.observe(HealthCode::Ok, Evidence::Check, after(second)));
        }
        assert!(leg.observe(HealthCode::Ok, Evidence::Use, after(9)));
    }

    #[test]
    fn verdict_is_the_worst_of_what_is_known() {
        let mut legs = Legs::not_checked();
        assert_eq!((legs.verdict(), legs.checked_at()), (Verdict::Unknown, None));
        legs.worker = Leg::ok(after(1));
        assert_eq!((legs.verdict(), legs.checked_at()), (Verdict::Ok, Some(after(1))));
        legs.model = Leg { code: HealthCode::RateLimited, ..Leg::ok(after(2)) };
        assert_eq!(legs.verdict(), Verdict::Warning);
        legs.telegram = Leg { code: HealthCode::TokenRejected, ..Leg::ok(after(3)) };
        assert_eq!((legs.verdict(), legs.checked_at()), (Verdict::Failing, Some(after(3))));
        assert_eq!(Legs::not_running().verdict(), Verdict::Unknown);
        assert!(Legs::deployed(START).is_steady());
    }

    #[test]
    fn every_code_has_a_sentence_without_internals() {
        for code in HealthCode::ALL {
            for leg in [LegName::Worker, LegName::Telegram, LegName::Model] {
                for mode in ApiMode::ALL {
                    let message = code.message(leg, *mode);
                    assert!(message.ends_with('.') && message.len() < 200, "{code}: {message}");
                    assert!(!message.contains("worker") && !message.contains('_'), "{code}: {message}");
                }
            }
        }
    }
}
