//! The steps of a deployment, which pages show to its owner while they run.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// A step of a deployment. Variants are in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Verifies the bot token with Telegram.
    Token,
    /// Sends a short request to the model with the key.
    Model,
    /// Deletes the older worker, if any, and starts the new one.
    Worker,
    /// Sets the bot's webhook at Telegram. Skipped if the worker polls for updates.
    Webhook,
    /// Waits until the worker answers its health check.
    Ready,
}

impl Step {
    /// Every step, in the order in which they run.
    pub const ALL: [Self; 5] = [Self::Token, Self::Model, Self::Worker, Self::Webhook, Self::Ready];

    /// The position of the step in the run, starting at 1. It is stored in the database.
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

    /// The step at a position; `None` if no step has it.
    #[must_use]
    pub fn from_position(position: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.position() == position)
    }
}

/// The progress of one step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// The step that is described.
    pub step: Step,
    /// When the step last started. It starts again if the process died during the run.
    pub began_at: Timestamp,
    /// When the step ended; `None` while it is running.
    pub ended_at: Option<Timestamp>,
    /// Whether the step failed and ended the run.
    pub failed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_order() {
        let positions: Vec<_> = Step::ALL.into_iter().map(Step::position).collect();
        assert_eq!(positions, [1, 2, 3, 4, 5]);
        for step in Step::ALL {
            assert_eq!(Step::from_position(step.position()), Some(step));
        }
        assert_eq!((Step::from_position(0), Step::from_position(6)), (None, None));
    }
}
