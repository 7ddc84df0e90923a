//! What came of one of Polar's events.

/// What came of an event. The inbox and the log have it as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventOutcome {
    /// An event of a kind that Reef does not act on.
    Ignored,
    /// The body of the webhook cannot be parsed.
    Unreadable,
    /// The row of the assistant cannot be read.
    CorruptRow,
    /// No assistant belongs to the event.
    UnknownAssistant,
    /// The event is about a subscription that pays for no assistant.
    OtherSubscription,
    /// The subscription pays for no assistant, so it is revoked.
    Revoking,
    /// The event is older than the applied state.
    Late,
    /// The event does not change the payment.
    NoEffect,
    /// The first payment.
    Purchased,
    /// Another payment, or a state that is paid.
    Paid,
    /// A renewal failed.
    PastDue,
    /// The subscription is paused.
    Paused,
    /// The subscription ends with its period.
    Canceled,
    /// The subscription no longer ends with its period.
    Uncanceled,
    /// A part of the payment was refunded, which ends nothing.
    RefundedInPart,
    /// The subscription has ended.
    Ended,
    /// The subscription has ended before its first payment arrived.
    EndedUnpaid,
}

impl EventOutcome {
    /// Whether the event has changed what is known of the payment.
    pub(super) const fn is_applied(self) -> bool {
        !matches!(self, Self::Late | Self::NoEffect)
    }

    /// The outcome as it is stored and logged.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Unreadable => "unreadable",
            Self::CorruptRow => "corrupt row",
            Self::UnknownAssistant => "unknown assistant",
            Self::OtherSubscription => "other subscription",
            Self::Revoking => "revoking",
            Self::Late => "late",
            Self::NoEffect => "no effect",
            Self::Purchased => "purchased",
            Self::Paid => "paid",
            Self::PastDue => "past due",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Uncanceled => "uncanceled",
            Self::RefundedInPart => "refunded in part",
            Self::Ended => "ended",
            Self::EndedUnpaid => "ended before it was paid",
        }
    }
}
