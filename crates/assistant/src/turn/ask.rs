//! Asks the model, with patience, and shows the chat that somebody is at work.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use crate::host::Host;
use crate::memory::Turn;
use crate::model::{Answer, Budget, ModelError, chat_request, read_answer};
use crate::settings::Settings;
use crate::telegram::{Bot, Message};

/// The waits before the second and the third try: somebody sits in front of the chat.
const WAITS_MS: [u64; 2] = [500, 2_000];

/// A provider that asks for more patience than this is not asked again: the person is told when to come back.
const RETRY_AFTER_S_MAX: u64 = 5;

/// No further try after this long: the person has waited enough.
const PATIENCE_MS: i64 = 150_000;

/// Telegram shows the typing sign for 5 s.
const TYPING_EVERY: Duration = Duration::from_secs(4);

/// Asks until there is an answer: at most three times, and once more with each other budget that can help.
pub(super) async fn ask<H: Host>(
    host: &H,
    settings: &Settings,
    system: &str,
    turns: &[Turn],
) -> Result<Answer, ModelError> {
    let started_ms = host.now_unix_ms();
    let mut waits_ms = WAITS_MS.into_iter();
    let mut budget = Budget::default();
    loop {
        let answered = host.send(chat_request(settings, system, turns, budget)).await;
        let (error, other_budget) = match answered {
            Ok(response) => match read_answer(settings.provider, &response, host.now_unix_ms()) {
                Ok(answer) => return Ok(answer),
                Err(error) => (error, budget.after(error, &response)),
            },
            Err(error) => (error.into(), None),
        };
        let is_patient = host.now_unix_ms() - started_ms <= PATIENCE_MS;
        if let Some(other) = other_budget.filter(|_| is_patient) {
            budget = other;
            continue;
        }
        match waits_ms.next().and_then(|wait_ms| wait_before_retry_ms(error, wait_ms)) {
            Some(wait_ms) if is_patient => host.sleep(Duration::from_millis(wait_ms)).await,
            _ => return Err(budget.final_error(error)),
        }
    }
}

/// How long to wait before asking again after `error`; `None` if that is no use.
fn wait_before_retry_ms(error: ModelError, wait_ms: u64) -> Option<u64> {
    match error {
        ModelError::RateLimited { retry_after_s: Some(asked_s) } => {
            (asked_s <= RETRY_AFTER_S_MAX).then(|| wait_ms.max(asked_s * 1000))
        }
        error => error.is_retryable().then_some(wait_ms),
    }
}

/// Shows the typing sign at once and as long as `work` takes.
pub(super) async fn while_typing<H: Host, T>(
    host: &H,
    settings: &Settings,
    message: &Message,
    work: impl Future<Output = T>,
) -> T {
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let mut work = pin!(work);
    loop {
        let sign = pin!(host.send(bot.send_typing(message.chat.id, super::topic(message))));
        // An ornament: whatever is wrong with Telegram will show when the answer is sent, which never waits for the sign.
        if let Either::Right((done, _)) = select(sign, work.as_mut()).await {
            return done;
        }
        let pause = pin!(host.sleep(TYPING_EVERY));
        if let Either::Right((done, _)) = select(pause, work.as_mut()).await {
            return done;
        }
    }
}
