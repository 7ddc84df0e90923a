//! Which chats this process works on right now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reef_domain::ids::AssistantId;
use tokio_util::sync::CancellationToken;

/// A chat of an assistant.
pub(crate) type ChatKey = (AssistantId, i64);

/// The chats being worked on, at most so many.
#[derive(Debug)]
pub(crate) struct Chats {
    max: usize,
    busy: Mutex<HashMap<ChatKey, Busy>>,
    /// Somebody found no seat since the last look at what waits.
    crowded: AtomicBool,
}

#[derive(Debug)]
struct Busy {
    cancel: CancellationToken,
    /// Something came while its task may have been looking for the last time.
    asked_again: bool,
}

/// The right to work on a chat in this process; given back when dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The chat.
    pub key: ChatKey,
    /// Fires when its worker is removed or replaced, or the process stops.
    pub cancel: CancellationToken,
    chats: Arc<Chats>,
    is_left: bool,
}

impl Chats {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, busy: Mutex::default(), crowded: AtomicBool::new(false) })
    }

    // A map of plain values stays whole whatever panics beside it.
    fn busy(&self) -> MutexGuard<'_, HashMap<ChatKey, Busy>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat at a chat. `None` when somebody sits there, who is told to look again, or when all seats are
    /// taken. `halt` is what also cancels it.
    pub fn take(self: &Arc<Self>, key: ChatKey, halt: &CancellationToken) -> Option<Seat> {
        let mut busy = self.busy();
        let is_full = busy.len() >= self.max;
        match busy.entry(key) {
            Entry::Occupied(mut there) => there.get_mut().asked_again = true,
            Entry::Vacant(_) if is_full => self.crowded.store(true, Ordering::Relaxed),
            Entry::Vacant(free) => {
                let cancel = halt.child_token();
                free.insert(Busy { cancel: cancel.clone(), asked_again: false });
                return Some(Seat { key, cancel, chats: Arc::clone(self), is_left: false });
            }
        }
        None
    }

    /// Cancels the turns of an assistant.
    pub fn cancel(&self, assistant: AssistantId) {
        let busy = self.busy();
        for (_, chat) in busy.iter().filter(|((owner, _), _)| *owner == assistant) {
            chat.cancel.cancel();
        }
    }

    /// Whether somebody waits for a seat.
    pub fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Forgets who waits: all of them are about to ask again.
    pub fn ask_again(&self) {
        self.crowded.store(false, Ordering::Relaxed);
    }
}

impl Seat {
    /// Gives the seat back, unless something came meanwhile: then `false`, and there is more to do.
    pub fn leave(&mut self) -> bool {
        let mut busy = self.chats.busy();
        if let Some(chat) = busy.get_mut(&self.key)
            && chat.asked_again
        {
            chat.asked_again = false;
            return false;
        }
        busy.remove(&self.key);
        self.is_left = true;
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.is_left {
            self.chats.busy().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(chat: i64) -> ChatKey {
        (AssistantId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(), chat)
    }

    #[test]
    fn one_sits_at_a_chat_and_hears_of_what_came_meanwhile() {
        let (chats, halt) = (Chats::new(2), CancellationToken::new());
        let mut first = chats.take(key(1), &halt).unwrap();
        assert!(chats.take(key(1), &halt).is_none());
        assert!(!first.leave(), "something came");
        assert!(first.leave());
        let again = chats.take(key(1), &halt).unwrap();
        drop(first);
        assert!(chats.take(key(1), &halt).is_none(), "a seat that was left is not given back twice");
        drop(again);
        assert!(chats.take(key(1), &halt).is_some());
    }

    #[test]
    fn seats_are_limited_and_cancelled_per_assistant() {
        let (chats, halt) = (Chats::new(1), CancellationToken::new());
        let seat = chats.take(key(1), &halt).unwrap();
        assert!(chats.take(key(2), &halt).is_none());
        assert!(chats.is_crowded());
        chats.ask_again();
        assert!(!chats.is_crowded());
        chats.cancel(key(1).0);
        assert!(seat.cancel.is_cancelled() && !halt.is_cancelled());
    }
}
