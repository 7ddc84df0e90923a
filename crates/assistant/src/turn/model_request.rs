//! Sends the conversation to the model, with retries, and shows the typing indicator until it answers.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use reef_protocols::model::{Answer, ModelError, TokenBudget, Turn, chat_request, read_answer};
use reef_protocols::telegram::{Bot, Message};

use crate::host::Host;
use crate::settings::Settings;

/// The waits before the second and the third attempt. They are short because a person is waiting in the chat.
const RETRY_WAITS_MS: [u64; 2] = [500, 2_000];

/// The longest wait requested by a provider after which the turn retries. For longer waits, the person gets a reply
/// that says when to come back.
const RETRY_AFTER_S_MAX: u64 = 5;

/// After this time, there are no further attempts.
const RETRY_DEADLINE_MS: i64 = 150_000;

/// Telegram shows the typing indicator for 5 s, so it is renewed before that.
const TYPING_INTERVAL: Duration = Duration::from_secs(4);

/// Sends the conversation to the model until there is an answer: at most three times, and once more for each other
/// token budget that may help.
pub(super) async fn request_answer<H: Host>(
    host: &H,
    settings: &Settings,
    system: &str,
    turns: &[Turn],
) -> Result<Answer, ModelError> {
    let started_ms = host.now_unix_ms();
    let mut waits_ms = RETRY_WAITS_MS.into_iter();
    let mut budget = TokenBudget::default();
    loop {
        let answered = host.send(chat_request(settings.model(), system, turns, &[], budget)).await;
        let (error, other_budget) = match answered {
            Ok(response) => match read_answer(settings.provider, &response, host.now_unix_ms()) {
                Ok(answer) => return Ok(answer),
                Err(error) => (error, budget.retry_budget(error, &response)),
            },
            Err(error) => (error.into(), None),
        };
        let may_retry = host.now_unix_ms() - started_ms <= RETRY_DEADLINE_MS;
        if let Some(other) = other_budget.filter(|_| may_retry) {
            budget = other;
            continue;
        }
        match waits_ms.next().and_then(|wait_ms| wait_before_retry_ms(error, wait_ms)) {
            Some(wait_ms) if may_retry => host.sleep(Duration::from_millis(wait_ms)).await,
            _ => return Err(budget.final_error(error)),
        }
    }
}

/// Returns how long to wait before the next attempt after `error`, or `None` if another attempt would not help.
fn wait_before_retry_ms(error: ModelError, wait_ms: u64) -> Option<u64> {
    match error {
        ModelError::RateLimited { retry_after_s: Some(asked_s) } => {
            (asked_s <= RETRY_AFTER_S_MAX).then(|| wait_ms.max(asked_s * 1000))
        }
        error => error.is_retryable().then_some(wait_ms),
    }
}

/// Shows the typing indicator until `work` is done.
pub(super) async fn with_typing_indicator<H: Host, T>(
    host: &H,
    settings: &Settings,
    message: &Message,
    work: impl Future<Output = T>,
) -> T {
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let mut work = pin!(work);
    loop {
        let indicator = pin!(host.send(bot.send_typing(message.chat.id, super::topic(message))));
        // Errors are ignored and the answer never waits for the indicator: a problem with Telegram will show when the
        // answer is sent.
        if let Either::Right((done, _)) = select(indicator, work.as_mut()).await {
            return done;
        }
        let pause = pin!(host.sleep(TYPING_INTERVAL));
        if let Either::Right((done, _)) = select(pause, work.as_mut()).await {
            return done;
        }
    }
}
