//! Sends the conversation to the model, with retries, and shows the typing indicator until it answers.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use reef_protocols::model::{
    Answer, AnswerStream, Attachment, ModelError, TokenBudget, Turn, chat_request, read_answer,
    stream_request,
};
use reef_protocols::telegram::{Bot, Message};

use reef_protocols::HttpResponse;

use crate::host::ModelHost;
use crate::settings::Settings;

/// The waits before the second and the third attempt. They are short because a person is waiting in the chat.
const RETRY_WAITS_MS: [u64; 2] = [500, 2_000];

/// The longest wait requested by a provider after which the turn retries. For longer waits, the person gets a reply
/// that says when to come back.
const RETRY_AFTER_S_MAX: u64 = 5;

/// After this time, there are no further attempts.
const RETRY_DEADLINE_MS: i64 = 150_000;

/// How much of a streamed response is kept for the case that it is an error, in bytes.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Telegram shows the typing indicator for 5 s, so it is renewed before that.
const TYPING_INTERVAL: Duration = Duration::from_secs(4);

/// What the model is asked.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub system: &'a str,
    pub turns: &'a [Turn],
    /// The files of the last turn.
    pub attachments: &'a [Attachment],
}

/// What becomes of an answer while it is written.
pub(crate) trait Preview: crate::MaybeSend {
    /// Shows a piece of the answer.
    fn show(&mut self, text: &str);
    /// Forgets what was shown, because the model is asked again.
    fn restart(&mut self);
    /// Whether the model may be asked again after a failure. Not if what was shown cannot be taken back.
    fn may_restart(&self) -> bool {
        true
    }
}

/// Sends the conversation to the model until there is an answer: at most three times, and once more for each other
/// token budget that may help. With a preview, the answer is streamed.
pub(crate) async fn request_answer<H: ModelHost, P: Preview>(
    host: &H,
    settings: &Settings,
    request: Request<'_>,
    mut preview: Option<P>,
) -> Result<Answer, ModelError> {
    let started_ms = host.now_unix_ms();
    let mut waits_ms = RETRY_WAITS_MS.into_iter();
    let mut budget = TokenBudget::default();
    loop {
        let attempt = send_once(host, settings, request, budget, preview.as_mut()).await;
        let (error, other_budget) = match attempt {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let may_restart = preview.as_ref().is_none_or(Preview::may_restart);
        if let Some(preview) = preview.as_mut().filter(|_| may_restart) {
            preview.restart();
        }
        let may_retry = may_restart && host.now_unix_ms() - started_ms <= RETRY_DEADLINE_MS;
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

/// Asks the model once. An error comes with the token budget that may help.
async fn send_once<H: ModelHost, P: Preview>(
    host: &H,
    settings: &Settings,
    request: Request<'_>,
    budget: TokenBudget,
    preview: Option<&mut P>,
) -> Result<Answer, (ModelError, Option<TokenBudget>)> {
    let Request { system, turns, attachments } = request;
    let read = |response: &HttpResponse| {
        read_answer(settings.provider, response, host.now_unix_ms())
            .map_err(|error| (error, budget.retry_budget(error, response)))
    };
    let Some(preview) = preview else {
        let sent = host.send(chat_request(settings.model(), system, turns, attachments, budget)).await;
        return read(&sent.map_err(|error| (error.into(), None))?);
    };
    let mut stream = AnswerStream::new(settings.provider);
    // A provider may answer with an error instead of a stream, and the error may say which budget would do.
    let mut head = Vec::new();
    let http_request = stream_request(settings.model(), system, turns, attachments, budget);
    let sent = host
        .send_streamed(http_request, |bytes| {
            let left = ERROR_BYTES_MAX.saturating_sub(head.len());
            head.extend_from_slice(&bytes[..bytes.len().min(left)]);
            match stream.push(bytes) {
                Ok(text) => {
                    preview.show(&text);
                    true
                }
                // The stream returns the error again when it is finished.
                Err(_) => false,
            }
        })
        .await;
    let response = sent.map_err(|error| (error.into(), None))?;
    if response.status == 200 {
        let is_json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'));
        match stream.finish() {
            Err(_) if is_json => read(&HttpResponse { body: head, ..response }),
            finished => finished.map_err(|error| (error, budget.retry_budget(error, &response))),
        }
    } else {
        read(&response)
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
pub(super) async fn with_typing_indicator<H: ModelHost, T>(
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
