//! Temporary disruptions of a subscription.

/// A disruption of a subscription and its end, as actions of the sandbox.
#[derive(Clone, Copy, Debug)]
pub enum Story {
    /// The subscription is paused and resumed. A running assistant is stopped in between.
    Paused,
    /// The subscription is paused, resumed, paused and resumed again.
    PausedTwice,
    /// A renewal fails and is paid later. A running assistant keeps running.
    Overdue,
    /// A renewal fails, benefits are revoked, and it is paid later. A running assistant keeps running.
    Lapsed,
    /// The subscription is canceled and uncanceled.
    Canceled,
}

impl Story {
    const ALL: [Self; 5] = [Self::Paused, Self::PausedTwice, Self::Overdue, Self::Lapsed, Self::Canceled];

    pub fn any(rng: &mut fastrand::Rng) -> Self {
        Self::ALL[rng.usize(..Self::ALL.len())]
    }

    /// Returns the actions that begin the disruption.
    pub const fn begins(self) -> &'static [&'static str] {
        match self {
            Self::Paused => &["pause"],
            Self::PausedTwice => &["pause", "resume", "pause"],
            Self::Overdue => &["past_due"],
            Self::Lapsed => &["lapse"],
            Self::Canceled => &["cancel"],
        }
    }

    /// Returns the actions that end the disruption.
    pub const fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Paused | Self::PausedTwice => &["resume"],
            Self::Overdue | Self::Lapsed => &["renew"],
            Self::Canceled => &["uncancel"],
        }
    }
}
