//! Shows an answer while the model writes it: in a private chat as a draft that the reply replaces, elsewhere as a message that
//! is edited until the reply is its text.
//!
//! A draft disappears from the chat without a trace, so a turn that is killed leaves nothing, and drafts that do not arrive do
//! not matter. A message stays, so the host records which one it is before anything else happens.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{Either, select};
use reef_protocols::model::{Answer, ModelError};
use reef_protocols::telegram::Message;

use super::TurnError;
use super::model_request::{self, Preview, Request};
use super::shown::{Shown, find_preview};
use crate::host::{Host, MemoryError};
use crate::settings::Settings;

/// The text that has arrived so far, shared between the request and the previews.
struct Arrived {
    text: Mutex<String>,
    /// Wakes the previews.
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

/// Asks the model, and shows in the chat what it writes. A failure of the model is `Ok(Err(…))`.
pub(super) async fn request_answer<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
    update_id: i64,
    request: Request<'_>,
) -> Result<Result<Answer, ModelError>, TurnError> {
    let preview = find_preview(host, update_id, message).await?;
    let shown = Shown::new(host, settings, message, update_id, preview);
    let (changed, changes) = unbounded();
    let arrived = Arrived { text: Mutex::default(), changed };
    let asked = model_request::request_answer(host, settings, request, Some(&arrived));
    let answered = with_preview(host, shown, (&arrived, changes), asked);
    Ok(model_request::with_typing_indicator(host, settings, message, answered).await?)
}

/// Shows what has arrived until `work` is done.
async fn with_preview<H: Host, T>(
    host: &H,
    mut shown: Shown<'_, H>,
    (arrived, mut changes): (&Arrived, UnboundedReceiver<()>),
    work: impl Future<Output = T>,
) -> Result<T, MemoryError> {
    let mut work = pin!(work);
    loop {
        if let Either::Right((done, _)) = select(changes.next(), work.as_mut()).await {
            return Ok(done);
        }
        // What else has arrived by now is part of the same preview.
        while changes.try_recv().is_ok() {}
        if !shown.can_show(&arrived.with(|text| text.clone())) {
            let pause = pin!(host.sleep(shown.pause_without_change()));
            if let Either::Right((done, _)) = select(pause, work.as_mut()).await {
                return Ok(done);
            }
            continue;
        }
        let wait = shown.reserve();
        if !wait.is_zero() {
            let pause = pin!(host.sleep(wait));
            if let Either::Right((done, _)) = select(pause, work.as_mut()).await {
                return Ok(done);
            }
            while changes.try_recv().is_ok() {}
        }
        let text = arrived.with(|text| text.clone());
        let patience = shown.patience();
        let pause = {
            let sent = pin!(shown.show(&text));
            match select(sent, work.as_mut()).await {
                Either::Left((pause, _)) => pause?,
                Either::Right((done, sent)) => {
                    // An edit that arrives after the reply would replace it, and a draft would be shown below it for a while.
                    match patience {
                        None => drop(sent.await?),
                        Some(limit) => drop(select(sent, pin!(host.sleep(limit))).await),
                    }
                    return Ok(done);
                }
            }
        };
        let pause = pin!(host.sleep(pause));
        if let Either::Right((done, _)) = select(pause, work.as_mut()).await {
            return Ok(done);
        }
    }
}
