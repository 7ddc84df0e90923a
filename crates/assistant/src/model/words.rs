//! What a person in the chat reads when the model does not answer: why, and the way out.

use time::OffsetDateTime;

use super::limit::SOON_S;
use super::{ModelError, Reset};
use crate::settings::Renewal;

/// From here on a wait is told in minutes.
const MINUTES_FROM_S: u64 = 120;
/// From here on in days.
const DAYS_FROM_S: u64 = 48 * 3_600;
/// From here on the day is a date: a weekday would be read as the next one.
const DATE_FROM_S: u64 = 6 * 86_400;

impl ModelError {
    /// What the person in the chat is told, with the way out. `credit` is how a managed assistant's credit is renewed.
    pub fn told(self, credit: Option<Renewal>) -> String {
        let words = match self {
            Self::KeyRejected if credit.is_some() => {
                "I can't reach my model: its provider refused my key. My owner can redeploy me, which gets me a working one."
            }
            Self::KeyRejected => {
                "I can't reach my model: its provider refused my key. My owner can enter a working key and redeploy me."
            }
            Self::OutOfCredit => return credit.map_or_else(|| OWN_CREDIT_USED_UP.to_owned(), used_up),
            Self::ModelNotFound => {
                "I can't answer: the model I'm set to does not exist or isn't open to my key. My owner can choose another \
                 one and redeploy me."
            }
            Self::RateLimited { retry_after_s } => {
                let wait = retry_after_s.map_or_else(|| "in a minute".to_owned(), wait);
                return format!("I'm getting more messages than my model allows. Please try again {wait}.");
            }
            Self::LimitReached { is_daily, reset } => return limit_reached(is_daily, reset),
            Self::Overloaded => "My model is overloaded right now. Please try again in a minute.",
            Self::Unavailable => "I can't reach my model right now. Please try again in a few minutes.",
            Self::Refused => "My model declined to answer this. Try putting it differently.",
            Self::ContextTooLong => {
                "Our conversation has become too long for my model. Send /reset to start a new one, or a shorter message."
            }
            Self::SpentThinking => {
                "I used up all the room for my answer thinking, and there was none left for the answer itself. Try a \
                 simpler question, or ask it in smaller parts."
            }
            Self::Empty => "My model had no words for this. Please try again, perhaps put differently.",
            Self::Invalid => {
                "My model's provider answered something I don't understand. Please try again; if it stays like this, my \
                 owner can choose another model."
            }
        };
        words.to_owned()
    }
}

const OWN_CREDIT_USED_UP: &str = "I can't answer: the account that pays for my model is out of credit. My owner can top it up; then ask me again.";

/// That a managed assistant's credit is used up, and when there is more.
fn used_up(renewal: Renewal) -> String {
    let renewed = match renewal {
        Renewal::At(at_ms) => match OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000)) {
            Ok(at) => {
                format!(
                    "It is filled up when the next period is paid, on {} {}, {} (UTC).",
                    at.month(),
                    at.day(),
                    at.year()
                )
            }
            Err(_) => "It is filled up when the next period is paid.".to_owned(),
        },
        Renewal::Sometime => "It is filled up when the next period is paid.".to_owned(),
        Renewal::Never => {
            "It is not filled up again, because my subscription ends with its period.".to_owned()
        }
    };
    format!(
        "I can't answer: my model credit is used up. {renewed} To go on before that, my owner can set up an assistant \
         with a model key of their own."
    )
}

fn limit_reached(is_daily: bool, reset: Option<Reset>) -> String {
    match (is_daily, reset) {
        (true, Some(reset)) => format!("My model's daily limit is used up. It's back {}.", until(reset)),
        (true, None) => {
            "My model's daily limit is used up. I can answer again once its provider starts a new day."
                .to_owned()
        }
        (false, Some(reset)) => format!("My model's provider asked me to pause. I'm back {}.", until(reset)),
        (false, None) => "My model's provider asked me to pause, and did not say for how long.".to_owned(),
    }
}

/// `in 40 seconds`, `in about 12 minutes`.
fn wait(seconds: u64) -> String {
    match seconds {
        1 => "in 1 second".to_owned(),
        ..MINUTES_FROM_S => format!("in {seconds} seconds"),
        _ => format!("in about {} minutes", seconds.div_ceil(60)),
    }
}

/// As [`wait`], and for longer waits `in about 5 hours (Tuesday at 00:00 UTC)`.
fn until(reset: Reset) -> String {
    let Reset { in_s, at_unix_s } = reset;
    if in_s < SOON_S {
        return wait(in_s);
    }
    let about = if in_s < DAYS_FROM_S {
        format!("in about {} hours", (in_s + 1_800) / 3_600)
    } else {
        format!("in about {} days", (in_s + 43_200) / 86_400)
    };
    // The next whole minute: a second early would be too early.
    let minute = at_unix_s.checked_add(59).map(|at| at.div_euclid(60) * 60);
    let Some(at) = minute.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()) else { return about };
    let day =
        if in_s < DATE_FROM_S { at.weekday().to_string() } else { format!("{} {}", at.day(), at.month()) };
    format!("{about} ({day} at {:02}:{:02} UTC)", at.hour(), at.minute())
}
