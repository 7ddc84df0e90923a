//! What customers have requested and Reef has confirmed, which the checks compare with the final state.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::answers::{Kill, Question};

/// The state that an owner has requested last and Reef has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The assistant was bought, and may be paid.
    Bought,
    /// The assistant was activated or redeployed.
    Running,
    Stopped,
    Deleted,
}

/// An assistant from the view of its owner.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The number of the actor.
    pub owner: usize,
    pub wanted: Wanted,
    /// Whether the checkout was paid.
    pub is_paid: bool,
    /// Whether the subscription is paused.
    pub is_paused: bool,
    pub questions: Vec<Question>,
    /// The token of the bot, after the activation.
    pub token: Option<String>,
    /// The name of the worker, after the activation.
    pub worker: Option<String>,
}

/// The numbers that are printed at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub requests: u64,
    pub retries: u64,
    pub bought: u64,
    pub changes: u64,
    pub callbacks: u64,
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

/// The shared record of all actors.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

impl Ledger {
    // A panic of another actor leaves the plain values consistent, so a poisoned lock is ignored.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a new assistant.
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

    /// Records a confirmed change of an assistant.
    pub fn note(&self, id: &str, change: impl FnOnce(&mut Kept)) {
        let mut inner = self.inner();
        inner.counts.changes += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            change(kept);
        }
    }

    /// Returns the number of the next message.
    pub fn next_question(&self) -> u64 {
        let mut inner = self.inner();
        inner.last_question += 1;
        inner.last_question
    }

    /// Records a message to an assistant's bot.
    pub fn record_question(&self, id: &str, question: Question) {
        let mut inner = self.inner();
        inner.counts.questions += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            kept.questions.push(question);
        }
    }

    pub fn record_kill(&self, kill: Kill) {
        self.inner().kills.push(kill);
    }

    pub fn kills(&self) -> Vec<Kill> {
        self.inner().kills.clone()
    }

    /// Records a problem, which fails the run in the end.
    pub fn problem(&self, what: String) {
        self.inner().problems.push(what);
    }

    pub fn count_request(&self, is_again: bool) {
        let mut inner = self.inner();
        inner.counts.requests += 1;
        inner.counts.retries += u64::from(is_again);
    }

    pub fn set_callbacks(&self, count: u64) {
        self.inner().counts.callbacks = count;
    }

    pub fn assistant(&self, id: &str) -> Option<Kept> {
        self.inner().assistants.get(id).cloned()
    }

    pub fn assistants(&self) -> BTreeMap<String, Kept> {
        self.inner().assistants.clone()
    }

    pub fn problems(&self) -> Vec<String> {
        self.inner().problems.clone()
    }

    pub fn counts(&self) -> Counts {
        self.inner().counts
    }
}
