//! Who is waiting in `getUpdates`: of two at once the older one is sent away, as Telegram does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// The bots that are polled.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<i64, Arc<watch::Sender<Signal>>>>);

/// Grows when something happens to a bot's poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signal {
    /// How many polls there have been: an older one is over.
    pub polls: u64,
    /// How many updates came in.
    pub updates: u64,
}

impl Polls {
    fn sender(&self, bot_id: i64) -> Arc<watch::Sender<Signal>> {
        let mut bots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bots.entry(bot_id).or_default())
    }

    /// Begins a poll, which ends the one before; answers its number and the signals to come.
    pub(super) fn begin(&self, bot_id: i64) -> (u64, watch::Receiver<Signal>) {
        let sender = self.sender(bot_id);
        sender.send_modify(|signal| signal.polls += 1);
        let signals = sender.subscribe();
        let number = signals.borrow().polls;
        (number, signals)
    }

    /// An update came in, or the webhook changed.
    pub(super) fn wake(&self, bot_id: i64) {
        self.sender(bot_id).send_modify(|signal| signal.updates += 1);
    }
}
