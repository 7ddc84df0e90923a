//! The words for what the wire calls by code.

use reef_domain::wire::{ApiMode, PaymentStatus, Provider, Status};
use reef_service::ports::{Interval, Price};

/// Currencies without a smaller unit, as far as Polar has them.
const WHOLE_CURRENCIES: [&str; 6] = ["clp", "isk", "jpy", "krw", "pyg", "vnd"];

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
        // Also while a payment is being confirmed.
        PaymentStatus::Pending => "awaiting payment",
        PaymentStatus::Paid => "paid",
        PaymentStatus::PastDue => "past due",
        PaymentStatus::Paused => "subscription paused",
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
pub fn wait(seconds: u64) -> String {
    match seconds {
        0 | 1 => "a second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// A price as people say it: `$19 a month`.
pub fn price(price: &Price) -> String {
    let interval = match price.interval {
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
        Interval::Year => "year",
    };
    let every = match price.interval_count {
        0 | 1 => format!("a {interval}"),
        count => format!("every {count} {interval}s"),
    };
    format!("{} {every}", money(price.amount, &price.currency))
}

/// An amount in the currency's smallest unit: `$19`, `$19.50`, `19 CHF`.
fn money(amount: i64, currency: &str) -> String {
    let amount = match (WHOLE_CURRENCIES.contains(&currency), amount / 100, amount % 100) {
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
    fn prices_are_said_as_people_say_them() {
        let said = |amount, currency: &str, interval, interval_count| {
            price(&Price { amount, currency: currency.to_owned(), interval, interval_count })
        };
        assert_eq!(said(1900, "usd", Interval::Month, 1), "$19 a month");
        assert_eq!(said(1905, "eur", Interval::Year, 1), "€19.05 a year");
        assert_eq!(said(500, "chf", Interval::Week, 2), "5 CHF every 2 weeks");
        assert_eq!(said(500, "jpy", Interval::Month, 3), "500 JPY every 3 months");
    }
}
