//! The words for what the wire calls by code.

use reef_domain::wire::{ApiMode, PaymentStatus, Provider, Status};

/// A status as people say it.
pub const fn status(status: Status) -> &'static str {
    match status {
        Status::PendingPayment => "waiting for payment",
        Status::Purchased => "ready to activate",
        Status::Deploying => "deploying",
        Status::Active => "active",
        Status::Failed => "failed",
        Status::Stopped => "stopped",
    }
}

/// How a payment stands, as people say it.
pub const fn payment(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "not paid",
        PaymentStatus::Paid => "paid",
        PaymentStatus::PastDue => "payment overdue",
        PaymentStatus::Canceled => "subscription ended",
        PaymentStatus::Refunded => "refunded",
    }
}

/// Whose model key is used, as people say it.
pub const fn mode(mode: ApiMode) -> &'static str {
    match mode {
        ApiMode::Byok => "your own model key",
        ApiMode::Managed => "managed",
    }
}

/// A provider's name.
pub const fn provider(provider: Provider) -> &'static str {
    match provider {
        Provider::Anthropic => "Anthropic",
        Provider::Openai => "OpenAI",
        Provider::Google => "Google",
        Provider::Openrouter => "OpenRouter",
    }
}

/// How long to wait, as people say it: in seconds, from two minutes on in minutes.
#[cfg(feature = "ssr")]
pub fn wait(seconds: u64) -> String {
    match seconds {
        0 | 1 => "a second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
