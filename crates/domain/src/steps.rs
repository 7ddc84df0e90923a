//! The steps of a deployment run, as its owner follows them.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// What a run does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Telegram is asked whose bot the token is.
    Token,
    /// The model is asked something with the key.
    Model,
    /// An older worker goes, the new one starts.
    Worker,
    /// Telegram is told where messages go. Left out where the worker fetches them itself.
    Webhook,
    /// The worker is asked whether it is well.
    Ready,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Token, Self::Model, Self::Worker, Self::Webhook, Self::Ready];

    /// Its place in the order, from 1.
    #[must_use]
    pub const fn position(self) -> i64 {
        match self {
            Self::Token => 1,
            Self::Model => 2,
            Self::Worker => 3,
            Self::Webhook => 4,
            Self::Ready => 5,
        }
    }

    /// The step at a place; `None` where there is none.
    #[must_use]
    pub fn at(position: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.position() == position)
    }
}

/// How one step of a run went, or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// Which.
    pub step: Step,
    /// When it began last: a run that died begins anew.
    pub began_at: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ended_at: Option<Timestamp>,
    /// Whether the run ended with it, badly.
    pub failed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_place() {
        let places: Vec<_> = Step::ALL.into_iter().map(Step::position).collect();
        assert_eq!(places, [1, 2, 3, 4, 5]);
        for step in Step::ALL {
            assert_eq!(Step::at(step.position()), Some(step));
        }
        assert_eq!((Step::at(0), Step::at(6)), (None, None));
    }
}
