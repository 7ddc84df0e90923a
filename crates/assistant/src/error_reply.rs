//! The reply that people in the chat read when the model does not answer.
//!
//! Anyone may talk to the bot, so these texts reveal nothing about keys, credit, providers or models. The owner reads the
//! cause in their private chat, and on the dashboard.

use reef_protocols::model::{LONG_WAIT_S, ModelError, Reset};
use time::OffsetDateTime;

use crate::settings::CreditRenewal;

/// From this length on, a wait is shown in minutes.
const MINUTES_FROM_S: u64 = 120;
/// From this length on, a wait is shown in days.
const DAYS_FROM_S: u64 = 48 * 3_600;
/// From this length on, the day is shown as a date, because a weekday would be mistaken for the next one.
const DATE_FROM_S: u64 = 6 * 86_400;

/// Returns the reply for people in the chat. `credit` is when a managed assistant's credit is renewed, `None` with the
/// owner's own key.
pub fn error_reply(error: ModelError, credit: Option<CreditRenewal>) -> String {
    let words = match error {
        ModelError::KeyRejected | ModelError::ModelNotFound => UNAVAILABLE,
        ModelError::OutOfCredit => return credit.map_or_else(|| UNAVAILABLE.to_owned(), credit_used_up),
        ModelError::RateLimited { retry_after_s } => {
            let wait = retry_after_s.map_or_else(|| "in a minute".to_owned(), format_wait);
            return format!("I'm getting a lot of messages right now. Please try again {wait}.");
        }
        ModelError::LimitReached { is_daily, reset } => return limit_reached(is_daily, reset),
        ModelError::Overloaded => "I'm very busy right now. Please try again in a minute.",
        ModelError::Unavailable => "I can't answer right now. Please try again in a few minutes.",
        ModelError::Declined => "I can't help with that. Try asking in a different way.",
        ModelError::ContextTooLong => {
            "Our conversation has become too long. Send /reset to start a new one, or send a shorter message."
        }
        ModelError::ThinkingOnly => {
            "That was too much to answer at once. Try a simpler question, or ask it in smaller parts."
        }
        ModelError::EmptyAnswer => "I couldn't come up with an answer. Try rephrasing your question.",
        ModelError::UnexpectedResponse => "Something went wrong. Please try again later.",
    };
    words.to_owned()
}

/// Returns the reply for the owner in their private chat, if the cause is one that they can mend.
pub fn owner_error_reply(error: ModelError, credit: Option<CreditRenewal>) -> Option<String> {
    let cause = match (error, credit) {
        (ModelError::KeyRejected, None) => {
            "my model provider rejects the API key. Enter a working key in my settings."
        }
        (ModelError::OutOfCredit, None) => {
            "your account at my model provider has no credit. Add credit there, then write to me again."
        }
        (ModelError::ModelNotFound, _) => {
            "my model is not available to this key. Choose another model in my settings."
        }
        _ => return None,
    };
    Some(format!("I'm temporarily unavailable: {cause} Only you, as my owner, can read the reason."))
}

const UNAVAILABLE: &str = "I'm temporarily unavailable. Please try again later.";

/// The reply when a managed assistant's credit is used up, with the date when it is renewed, if that is known.
fn credit_used_up(renewal: CreditRenewal) -> String {
    match renewal {
        CreditRenewal::At(at_ms) => match OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000)) {
            Ok(at) => format!(
                "I'm temporarily unavailable. Please try again after {} {}, {} (UTC).",
                at.month(),
                at.day(),
                at.year()
            ),
            Err(_) => UNAVAILABLE.to_owned(),
        },
        CreditRenewal::Unknown => UNAVAILABLE.to_owned(),
        CreditRenewal::Never => "I'm currently unavailable, and I don't know when I'll be back.".to_owned(),
    }
}

fn limit_reached(is_daily: bool, reset: Option<Reset>) -> String {
    match (is_daily, reset) {
        (true, Some(reset)) => {
            format!("I've reached my daily limit. Please try again {}.", format_reset(reset))
        }
        (true, None) => "I've reached my daily limit. Please try again tomorrow.".to_owned(),
        (false, Some(reset)) => {
            format!("I'm temporarily unavailable. Please try again {}.", format_reset(reset))
        }
        (false, None) => UNAVAILABLE.to_owned(),
    }
}

/// Formats a wait as `in 40 seconds` or `in about 12 minutes`.
fn format_wait(seconds: u64) -> String {
    match seconds {
        1 => "in 1 second".to_owned(),
        ..MINUTES_FROM_S => format!("in {seconds} seconds"),
        _ => format!("in about {} minutes", seconds.div_ceil(60)),
    }
}

/// Formats a wait like [`format_wait`], and long ones as `in about 5 hours (Tuesday at 00:00 UTC)`.
fn format_reset(reset: Reset) -> String {
    let Reset { in_s, at_unix_s } = reset;
    if in_s < LONG_WAIT_S {
        return format_wait(in_s);
    }
    let about = if in_s < DAYS_FROM_S {
        format!("in about {} hours", (in_s + 1_800) / 3_600)
    } else {
        format!("in about {} days", (in_s + 43_200) / 86_400)
    };
    // The time is rounded up to the next minute, so that it is never too early.
    let minute = at_unix_s.checked_add(59).map(|at| at.div_euclid(60) * 60);
    let Some(at) = minute.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()) else { return about };
    let day =
        if in_s < DATE_FROM_S { at.weekday().to_string() } else { format!("{} {}", at.month(), at.day()) };
    format!("{about} ({day} at {:02}:{:02} UTC)", at.hour(), at.minute())
}
