//! Shows an answer in a private chat while the model writes it, as a draft that the reply replaces.
//!
//! A draft disappears from the chat without a trace, so a turn that is killed leaves nothing, and drafts that do not arrive do
//! not matter. In groups, where Telegram has no drafts, the typing indicator is shown.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{Either, select};
use reef_protocols::model::{Answer, ModelError};
use reef_protocols::telegram::{Bot, DRAFT_UNITS_MAX, Message};

use super::model_request::{self, Preview, Request};
use crate::host::Host;
use crate::settings::Settings;

/// The shortest time between two drafts. Telegram allows about one message per second in a chat, and animates drafts.
const DRAFT_INTERVAL: Duration = Duration::from_millis(600);

/// The text that has arrived so far, shared between the request and the drafts.
struct Arrived {
    text: Mutex<String>,
    /// Wakes the drafts.
    changed: UnboundedSender<()>,
}

impl Arrived {
    fn with<T>(&self, change: impl FnOnce(&mut String) -> T) -> T {
        change(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Preview for &Arrived {
    fn show(&mut self, text: &str) {
        self.with(|shown| shown.push_str(text));
        // The receiver lives as long as the request.
        drop(self.changed.unbounded_send(()));
    }

    fn restart(&mut self) {
        self.with(String::clear);
    }
}

/// Asks the model, and shows in the chat that the assistant is at work.
pub(super) async fn request_answer<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
    update_id: i64,
    request: Request<'_>,
) -> Result<Answer, ModelError> {
    if !message.chat.is_private() {
        let asked = model_request::request_answer(host, settings, request, None::<&Arrived>);
        return model_request::with_typing_indicator(host, settings, message, asked).await;
    }
    let (changed, changes) = unbounded();
    let arrived = Arrived { text: Mutex::default(), changed };
    let asked = model_request::request_answer(host, settings, request, Some(&arrived));
    let answered = with_drafts(host, settings, message, update_id, (&arrived, changes), asked);
    model_request::with_typing_indicator(host, settings, message, answered).await
}

/// Sends drafts of what has arrived until `work` is done.
async fn with_drafts<H: Host, T>(
    host: &H,
    settings: &Settings,
    message: &Message,
    update_id: i64,
    (arrived, mut changes): (&Arrived, UnboundedReceiver<()>),
    work: impl Future<Output = T>,
) -> T {
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let thread = super::topic(message);
    // Any number but 0 that is the same for all drafts of the turn.
    let draft_id = update_id.max(1);
    let mut work = pin!(work);
    loop {
        if let Either::Right((done, _)) = select(changes.next(), work.as_mut()).await {
            return done;
        }
        // What else has arrived by now is part of the same draft.
        while changes.try_recv().is_ok() {}
        let text = arrived.with(|text| text.clone());
        if text.trim().is_empty() {
            continue;
        }
        let draft = pin!(host.send(bot.send_draft(message.chat.id, thread, draft_id, end_of(&text))));
        // Errors are ignored: the reply follows in any case.
        if let Either::Right((done, _)) = select(draft, work.as_mut()).await {
            return done;
        }
        let pause = pin!(host.sleep(DRAFT_INTERVAL));
        if let Either::Right((done, _)) = select(pause, work.as_mut()).await {
            return done;
        }
    }
}

/// Returns the end of a text that fits into a draft.
fn end_of(text: &str) -> &str {
    let mut units = 0;
    let fits = |(_, c): &(usize, char)| {
        units += c.len_utf16();
        units <= DRAFT_UNITS_MAX
    };
    text.char_indices().rev().take_while(fits).last().map_or("", |(start, _)| &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_of_a_long_text_is_its_end() {
        assert_eq!(end_of("short"), "short");
        let long = format!("{}😀", "é".repeat(DRAFT_UNITS_MAX));
        assert_eq!(end_of(&long).encode_utf16().count(), DRAFT_UNITS_MAX);
        assert!(end_of(&long).ends_with("é😀"));
    }
}
