//! What customers read for the codes of the API, and for waits and prices.

use std::time::Duration;

use reef_domain::health::Verdict;
use reef_domain::wire::{ApiMode, PaymentStatus, Provider, Status};
use reef_ports::{Interval, Price};

/// The currencies without a minor unit that Polar supports.
const CURRENCIES_WITHOUT_MINOR_UNIT: [&str; 6] = ["clp", "isk", "jpy", "krw", "pyg", "vnd"];

/// A status that stands alone, as in a badge.
pub const fn status_label(status: Status) -> &'static str {
    match status {
        Status::PendingPayment => "Awaiting payment",
        Status::Purchased => "Needs setup",
        Status::Deploying => "Deploying",
        Status::Active => "Active",
        Status::Failed => "Failed",
        Status::Stopped => "Stopped",
    }
}

/// How an assistant is, or one of the legs that it stands on.
pub const fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "Healthy",
        Verdict::Warning => "Impaired",
        Verdict::Failing => "Not replying",
        Verdict::Unknown => "Not checked",
    }
}

/// How long ago something was, to the minute, hour or day. The script of pages has the same words.
pub fn age_label(age: Duration) -> String {
    match age.as_secs() / 60 {
        0 => "just now".to_owned(),
        minutes @ 1..60 => format!("{minutes} min ago"),
        minutes @ 60..1440 => format!("{} h ago", minutes / 60),
        minutes @ 1440..2880 => format!("{} day ago", minutes / 1440),
        minutes => format!("{} days ago", minutes / 1440),
    }
}

/// A status within a sentence.
pub fn status_in_sentence(status: Status) -> String {
    status_label(status).to_lowercase()
}

/// The payment status of an assistant.
pub const fn payment_label(status: PaymentStatus) -> &'static str {
    match status {
        // Includes a payment that Polar has not confirmed yet.
        PaymentStatus::Pending => "Awaiting payment",
        PaymentStatus::Paid => "Active",
        PaymentStatus::PastDue => "Past due",
        PaymentStatus::Paused => "Paused",
        PaymentStatus::Canceled => "Canceled",
        PaymentStatus::Refunded => "Refunded",
    }
}

/// The plan of an assistant.
pub const fn plan_label(mode: ApiMode) -> &'static str {
    match mode {
        ApiMode::Byok => "Bring your own key",
        ApiMode::Managed => "Managed",
    }
}

/// The name of a provider.
pub const fn provider_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Anthropic => "Anthropic",
        Provider::Openai => "OpenAI",
        Provider::Google => "Google",
        Provider::Openrouter => "OpenRouter",
    }
}

/// A wait: in seconds if it is shorter than two minutes, otherwise in minutes.
pub fn wait_label(seconds: u64) -> String {
    match seconds {
        0 | 1 => "1 second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// A recurring price: `$19 / month`, `5 CHF / 2 weeks`.
pub fn price_label(price: &Price) -> String {
    let interval = match price.interval {
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
        Interval::Year => "year",
    };
    let period = match price.interval_count {
        0 | 1 => interval.to_owned(),
        count => format!("{count} {interval}s"),
    };
    format!("{} / {period}", money(price.amount, &price.currency))
}

/// An amount in the currency's minor unit: `$19`, `$19.50`, `19 CHF`.
fn money(amount: i64, currency: &str) -> String {
    let amount = match (CURRENCIES_WITHOUT_MINOR_UNIT.contains(&currency), amount / 100, amount % 100) {
        (true, ..) => amount.to_string(),
        (false, whole, 0) => whole.to_string(),
        (false, whole, cents) => format!("{whole}.{cents:02}"),
    };
    match currency {
        "usd" => format!("${amount}"),
        "eur" => format!("€{amount}"),
        "gbp" => format!("£{amount}"),
        other => format!("{amount} {}", other.to_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_label_has_amount_and_period() {
        let label = |amount, currency: &str, interval, interval_count| {
            price_label(&Price { amount, currency: currency.to_owned(), interval, interval_count })
        };
        assert_eq!(label(1900, "usd", Interval::Month, 1), "$19 / month");
        assert_eq!(label(1905, "eur", Interval::Year, 1), "€19.05 / year");
        assert_eq!(label(500, "chf", Interval::Week, 2), "5 CHF / 2 weeks");
        assert_eq!(label(500, "jpy", Interval::Month, 3), "500 JPY / 3 months");
    }
}
