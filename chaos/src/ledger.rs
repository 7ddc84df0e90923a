//! What customers requested and Reef confirmed, which the checks compare with the final state.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::replies::{Kill, Message};

/// The last state that an owner requested and Reef confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedState {
    /// The assistant was ordered. It may have been paid for.
    Bought,
    /// The assistant was activated or redeployed.
    Running,
    Stopped,
    Deleted,
}

/// An assistant as its owner knows it.
#[derive(Clone, Debug)]
pub struct KnownAssistant {
    /// The number of the actor.
    pub owner: usize,
    pub requested: RequestedState,
    /// Whether the checkout was paid.
    pub is_paid: bool,
    /// Whether the subscription is paused.
    pub is_paused: bool,
    pub messages: Vec<Message>,
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
    pub messages: u64,
}

#[derive(Debug, Default)]
struct Inner {
    assistants: BTreeMap<String, KnownAssistant>,
    problems: Vec<String>,
    kills: Vec<Kill>,
    last_message_number: u64,
    counts: Counts,
}

/// The shared record of all actors.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

impl Ledger {
    // A panic of another actor leaves the plain values consistent, so a poisoned lock is ignored.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a new assistant.
    pub fn record_purchase(&self, owner: usize, id: &str) {
        let mut inner = self.lock();
        inner.counts.bought += 1;
        let assistant = KnownAssistant {
            owner,
            requested: RequestedState::Bought,
            is_paid: false,
            is_paused: false,
            messages: Vec::new(),
            token: None,
            worker: None,
        };
        inner.assistants.insert(id.to_owned(), assistant);
    }

    /// Records a confirmed change of an assistant.
    pub fn record_change(&self, id: &str, change: impl FnOnce(&mut KnownAssistant)) {
        let mut inner = self.lock();
        inner.counts.changes += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            change(kept);
        }
    }

    /// Returns the number of the next message.
    pub fn next_message_number(&self) -> u64 {
        let mut inner = self.lock();
        inner.last_message_number += 1;
        inner.last_message_number
    }

    /// Records a message to an assistant's bot.
    pub fn record_message(&self, id: &str, question: Message) {
        let mut inner = self.lock();
        inner.counts.messages += 1;
        if let Some(kept) = inner.assistants.get_mut(id) {
            kept.messages.push(question);
        }
    }

    pub fn record_kill(&self, kill: Kill) {
        self.lock().kills.push(kill);
    }

    pub fn kills(&self) -> Vec<Kill> {
        self.lock().kills.clone()
    }

    /// Records a problem, which makes the run fail at its end.
    pub fn record_problem(&self, what: String) {
        self.lock().problems.push(what);
    }

    pub fn count_request(&self, is_retry: bool) {
        let mut inner = self.lock();
        inner.counts.requests += 1;
        inner.counts.retries += u64::from(is_retry);
    }

    pub fn set_callbacks(&self, count: u64) {
        self.lock().counts.callbacks = count;
    }

    pub fn find_assistant(&self, id: &str) -> Option<KnownAssistant> {
        self.lock().assistants.get(id).cloned()
    }

    pub fn assistants(&self) -> BTreeMap<String, KnownAssistant> {
        self.lock().assistants.clone()
    }

    pub fn problems(&self) -> Vec<String> {
        self.lock().problems.clone()
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }
}
