//! Long polls in `getUpdates`. If a bot has two at once, the older one is terminated, as at Telegram.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// The signals of the bots that are polled, by bot id.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<i64, Arc<watch::Sender<Signal>>>>);

/// Counters that grow when a bot's poll must continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signal {
    /// The number of polls that have started. A poll with a lower number is terminated.
    pub polls: u64,
    /// The number of updates and webhook changes.
    pub updates: u64,
}

impl Polls {
    fn sender(&self, bot_id: i64) -> Arc<watch::Sender<Signal>> {
        let mut bots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bots.entry(bot_id).or_default())
    }

    /// Starts a poll, which terminates the previous one. Returns its number and a receiver of signals.
    pub(super) fn start(&self, bot_id: i64) -> (u64, watch::Receiver<Signal>) {
        let sender = self.sender(bot_id);
        sender.send_modify(|signal| signal.polls += 1);
        let signals = sender.subscribe();
        let number = signals.borrow().polls;
        (number, signals)
    }

    /// Wakes the poll of a bot after a new update or a change of its webhook.
    pub(super) fn wake(&self, bot_id: i64) {
        self.sender(bot_id).send_modify(|signal| signal.updates += 1);
    }
}
