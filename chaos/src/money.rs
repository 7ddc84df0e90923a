//! What happens to a subscription in real life and is made good again.

/// A beginning and an end, as the sandbox calls them.
#[derive(Clone, Copy, Debug)]
pub enum Story {
    /// Paused and resumed: what ran is stopped in between.
    Paused,
    /// Paused, resumed and paused again before it is resumed for good.
    PausedTwice,
    /// A renewal fails, and is paid later: what ran goes on.
    Overdue,
    /// The same, and access is revoked meanwhile: what ran goes on too.
    Lapsed,
    /// Canceled, and taken back.
    Canceled,
}

impl Story {
    const ALL: [Self; 5] = [Self::Paused, Self::PausedTwice, Self::Overdue, Self::Lapsed, Self::Canceled];

    /// One of them.
    pub fn any(rng: &mut fastrand::Rng) -> Self {
        Self::ALL[rng.usize(..Self::ALL.len())]
    }

    /// What happens first.
    pub const fn begins(self) -> &'static [&'static str] {
        match self {
            Self::Paused => &["pause"],
            Self::PausedTwice => &["pause", "resume", "pause"],
            Self::Overdue => &["past_due"],
            Self::Lapsed => &["lapse"],
            Self::Canceled => &["cancel"],
        }
    }

    /// What makes it good.
    pub const fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Paused | Self::PausedTwice => &["resume"],
            Self::Overdue | Self::Lapsed => &["renew"],
            Self::Canceled => &["uncancel"],
        }
    }
}
