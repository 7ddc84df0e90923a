//! What was asked and answered: what the end is held against.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::answers::{Kill, Question};

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
    /// What people wrote to its bot.
    pub questions: Vec<Question>,
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
    pub questions: u64,
}

#[derive(Debug, Default)]
struct Inner {
    assistants: BTreeMap<String, Kept>,
    problems: Vec<String>,
    kills: Vec<Kill>,
    last_question: u64,
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
            questions: Vec::new(),
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

    /// A number for the next message to any bot.
    pub fn next_question(&self) -> u64 {
        let mut inner = self.inner();
        inner.last_question += 1;
        inner.last_question
    }

    /// Somebody wrote this to an assistant's bot.
    pub fn record_question(&self, id: &str, question: Question) {
        let mut inner = self.inner();
        inner.counts.questions += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            kept.questions.push(question);
        }
    }

    /// A process was killed.
    pub fn record_kill(&self, kill: Kill) {
        self.inner().kills.push(kill);
    }

    /// When processes were killed.
    pub fn kills(&self) -> Vec<Kill> {
        self.inner().kills.clone()
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
