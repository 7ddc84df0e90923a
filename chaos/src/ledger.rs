//! What was asked and answered: what the end is held against.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an owner asked for last, and was told is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Bought; paid or not.
    Bought,
    /// Activated or redeployed.
    Running,
    /// Stopped.
    Stopped,
    /// Deleted.
    Deleted,
}

/// An assistant, as its owner knows it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Which actor's.
    pub owner: usize,
    /// What was asked for last.
    pub wanted: Wanted,
    /// Whether the checkout page was paid.
    pub is_paid: bool,
    /// Whether its subscription was left paused.
    pub is_paused: bool,
    /// How many messages somebody wrote to its bot.
    pub said: u64,
    /// Its bot's token, once it was activated.
    pub token: Option<String>,
    /// Its worker, once it was activated.
    pub worker: Option<String>,
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Requests sent to Reef.
    pub requests: u64,
    /// Of them, sent again.
    pub retries: u64,
    /// Slots bought.
    pub bought: u64,
    /// Changes answered with 2xx.
    pub changes: u64,
    /// Callbacks looked at in the end.
    pub callbacks: u64,
    /// Messages written to bots.
    pub said: u64,
}

#[derive(Debug, Default)]
struct Inner {
    assistants: BTreeMap<String, Kept>,
    problems: Vec<String>,
    counts: Counts,
}

/// What all actors write down.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

impl Ledger {
    // A map of plain values stays whole whatever panics beside it.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot was bought.
    pub fn bought(&self, owner: usize, id: &str) {
        let mut inner = self.inner();
        inner.counts.bought += 1;
        let kept = Kept {
            owner,
            wanted: Wanted::Bought,
            is_paid: false,
            is_paused: false,
            said: 0,
            token: None,
            worker: None,
        };
        inner.assistants.insert(id.to_owned(), kept);
    }

    /// Something about an assistant has been answered.
    pub fn note(&self, id: &str, change: impl FnOnce(&mut Kept)) {
        let mut inner = self.inner();
        inner.counts.changes += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            change(kept);
        }
    }

    /// Somebody wrote to an assistant's bot.
    pub fn said(&self, id: &str) {
        let mut inner = self.inner();
        inner.counts.said += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            kept.said += 1;
        }
    }

    /// Something is wrong already.
    pub fn problem(&self, what: String) {
        self.inner().problems.push(what);
    }

    /// A request was sent.
    pub fn count_request(&self, is_again: bool) {
        let mut inner = self.inner();
        inner.counts.requests += 1;
        inner.counts.retries += u64::from(is_again);
    }

    /// So many callbacks were looked at.
    pub fn set_callbacks(&self, count: u64) {
        self.inner().counts.callbacks = count;
    }

    /// One of the assistants.
    pub fn assistant(&self, id: &str) -> Option<Kept> {
        self.inner().assistants.get(id).cloned()
    }

    /// Everything bought.
    pub fn assistants(&self) -> BTreeMap<String, Kept> {
        self.inner().assistants.clone()
    }

    /// What went wrong on the way.
    pub fn problems(&self) -> Vec<String> {
        self.inner().problems.clone()
    }

    /// How much happened.
    pub fn counts(&self) -> Counts {
        self.inner().counts
    }
}
