//! Temporary disruptions of a subscription.

/// A disruption of a subscription and its end, as actions of the sandbox.
#[derive(Clone, Copy, Debug)]
pub enum Disruption {
    /// The subscription is paused and resumed. A running assistant is stopped in between.
    Paused,
    /// The subscription is paused, resumed, paused and resumed again.
    PausedTwice,
    /// A renewal fails and is paid later. A running assistant keeps running.
    PastDue,
    /// A renewal fails, benefits are revoked, and it is paid later. A running assistant keeps running.
    Lapsed,
    /// The subscription is canceled and uncanceled.
    Canceled,
}

impl Disruption {
    const ALL: [Self; 5] = [Self::Paused, Self::PausedTwice, Self::PastDue, Self::Lapsed, Self::Canceled];

    pub fn random(rng: &mut fastrand::Rng) -> Self {
        Self::ALL[rng.usize(..Self::ALL.len())]
    }

    /// Returns the actions that begin the disruption.
    pub const fn start_actions(self) -> &'static [&'static str] {
        match self {
            Self::Paused => &["pause"],
            Self::PausedTwice => &["pause", "resume", "pause"],
            Self::PastDue => &["past_due"],
            Self::Lapsed => &["lapse"],
            Self::Canceled => &["cancel"],
        }
    }

    /// Returns the actions that end the disruption.
    pub const fn end_actions(self) -> &'static [&'static str] {
        match self {
            Self::Paused | Self::PausedTwice => &["resume"],
            Self::PastDue | Self::Lapsed => &["renew"],
            Self::Canceled => &["uncancel"],
        }
    }
}
