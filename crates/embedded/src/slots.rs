//! Which chats this process works on right now, and how many of each assistant.
//!
//! A turn holds its slot while the model thinks, so slots are many and shared out: an assistant whose model hangs uses
//! up its own share and nothing that others need. A chat that waits for Telegram holds none, its turn has ended.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reef_domain::ids::AssistantId;
use tokio_util::sync::CancellationToken;

/// A chat of an assistant.
pub(crate) type ChatKey = (AssistantId, i64);

/// How many slots there are, and who may have how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In the process.
    pub total: usize,
    /// Of these, kept free for assistants that have fewer than `light`.
    pub reserved: usize,
    /// Of one assistant, however many are free.
    pub per_assistant: usize,
    /// Up to so many slots an assistant gets from the reserve.
    pub light: usize,
}

/// The chats being worked on.
#[derive(Debug)]
pub(crate) struct TurnSlots {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    busy: HashMap<ChatKey, Busy>,
    /// How many of them each assistant has; never 0.
    counts: HashMap<AssistantId, usize>,
    /// Assistants that were refused a slot since the last look at what waits.
    waiting: HashSet<AssistantId>,
    /// One of them was refused for the sake of others, not because of its own limit.
    is_crowded: bool,
}

#[derive(Debug)]
struct Busy {
    cancel: CancellationToken,
    /// Something came while its task may have been looking for the last time.
    asked_again: bool,
}

/// The right to work on a chat in this process; given back when dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct TurnSlot {
    /// The chat.
    pub key: ChatKey,
    /// Fires when its worker is removed or replaced, or the process stops.
    pub cancel: CancellationToken,
    slots: Arc<TurnSlots>,
    is_released: bool,
}

impl TurnSlots {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    // Plain values stay whole whatever panics while they are locked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a slot for a chat. `None` when the chat has one, whose holder will look again, or when its assistant has
    /// its share. `halt` is what also cancels it.
    pub fn acquire(self: &Arc<Self>, key: ChatKey, halt: &CancellationToken) -> Option<TurnSlot> {
        let mut state = self.state();
        if let Some(busy) = state.busy.get_mut(&key) {
            busy.asked_again = true;
            return None;
        }
        if !state.admits(key.0, self.limits) {
            return None;
        }
        let cancel = halt.child_token();
        state.busy.insert(key, Busy { cancel: cancel.clone(), asked_again: false });
        *state.counts.entry(key.0).or_default() += 1;
        Some(TurnSlot { key, cancel, slots: Arc::clone(self), is_released: false })
    }

    /// Cancels the turns of an assistant.
    pub fn cancel(&self, assistant: AssistantId) {
        let state = self.state();
        for (_, busy) in state.busy.iter().filter(|((owner, _), _)| *owner == assistant) {
            busy.cancel.cancel();
        }
    }

    /// Whether a holder of a slot should give it back although its chat has more to do: another chat of the same
    /// assistant waits, or another assistant.
    pub fn should_yield(&self, assistant: AssistantId) -> bool {
        let state = self.state();
        state.is_crowded || state.waiting.contains(&assistant)
    }

    /// Forgets who waits: all of them are about to ask again.
    pub fn forget_waiting(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.is_crowded = false;
    }
}

impl State {
    /// Whether an assistant may have one more slot; remembers that it waits if not.
    fn admits(&mut self, assistant: AssistantId, limits: Limits) -> bool {
        let total = self.busy.len();
        let own = self.counts.get(&assistant).copied().unwrap_or_default();
        if own >= limits.per_assistant {
            self.waiting.insert(assistant);
            return false;
        }
        if total < limits.total && (own < limits.light || self.has_share(assistant, own, total, limits)) {
            return true;
        }
        self.waiting.insert(assistant);
        self.is_crowded = true;
        false
    }

    /// While half of what is not reserved is free, anybody may have it; after that, each assistant that works or waits
    /// has an equal share.
    fn has_share(&self, assistant: AssistantId, own: usize, total: usize, limits: Limits) -> bool {
        let shared = limits.total - limits.reserved;
        if total < shared / 2 {
            return true;
        }
        let others_waiting = self.waiting.iter().filter(|waiting| !self.counts.contains_key(waiting)).count();
        let is_new = usize::from(own == 0 && !self.waiting.contains(&assistant));
        let assistants = self.counts.len() + others_waiting + is_new;
        total < shared && own < shared / assistants.max(1)
    }

    fn release(&mut self, key: ChatKey) {
        self.busy.remove(&key);
        if let Entry::Occupied(mut count) = self.counts.entry(key.0) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl TurnSlot {
    /// Gives the slot back, unless something came meanwhile: then `false`, and there is more to do.
    pub fn release(&mut self) -> bool {
        let mut state = self.slots.state();
        if let Some(busy) = state.busy.get_mut(&self.key)
            && busy.asked_again
        {
            busy.asked_again = false;
            return false;
        }
        state.release(self.key);
        self.is_released = true;
        true
    }
}

impl Drop for TurnSlot {
    fn drop(&mut self) {
        if !self.is_released {
            self.slots.state().release(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const LIMITS: Limits = Limits { total: 16, reserved: 4, per_assistant: 8, light: 2 };

    fn assistant(n: u128) -> AssistantId {
        AssistantId::new(Uuid::from_u128(n))
    }

    fn take(slots: &Arc<TurnSlots>, owner: u128, chats: std::ops::Range<i64>) -> Vec<TurnSlot> {
        let halt = CancellationToken::new();
        chats.filter_map(|chat| slots.acquire((assistant(owner), chat), &halt)).collect()
    }

    #[test]
    fn chat_has_one_slot_whose_holder_learns_of_what_came_meanwhile() {
        let (slots, halt) = (TurnSlots::new(LIMITS), CancellationToken::new());
        let key = (assistant(1), 1);
        let mut first = slots.acquire(key, &halt).unwrap();
        assert!(slots.acquire(key, &halt).is_none());
        assert!(!first.release(), "something came");
        assert!(first.release());
        let again = slots.acquire(key, &halt).unwrap();
        drop(first);
        assert!(slots.acquire(key, &halt).is_none(), "a released slot is not given back twice");
        drop(again);
        assert!(slots.acquire(key, &halt).is_some());
    }

    #[test]
    fn busy_assistant_is_limited_and_yields_to_its_own_chats_alone() {
        let slots = TurnSlots::new(LIMITS);
        let held = take(&slots, 1, 0..100);
        assert_eq!(held.len(), LIMITS.per_assistant);
        assert!(slots.should_yield(assistant(1)));
        slots.forget_waiting();
        assert!(!slots.should_yield(assistant(1)));
        assert_eq!(take(&slots, 2, 0..1).len(), 1);
        assert!(!slots.should_yield(assistant(2)), "what the busy one lacks is its own affair");
    }

    #[test]
    fn quiet_assistants_get_slots_however_busy_others_are() {
        let slots = TurnSlots::new(LIMITS);
        let mut held: Vec<_> = (1..=3).flat_map(|owner| take(&slots, owner, 0..100)).collect();
        assert_eq!(held.len(), 8 + 4 + LIMITS.light, "the third one has come too late for more");
        let quiet = take(&slots, 9, 0..1);
        assert_eq!(quiet.len(), 1);
        held.extend(quiet);
        slots.cancel(assistant(9));
        assert!(held.iter().all(|slot| slot.cancel.is_cancelled() == (slot.key.0 == assistant(9))));
    }

    #[test]
    fn freed_slots_go_to_whoever_has_less_than_its_share() {
        let slots = TurnSlots::new(LIMITS);
        let mut first = take(&slots, 1, 0..100);
        let mut second = take(&slots, 2, 0..100);
        assert_eq!((first.len(), second.len()), (8, 4), "who came first has more");
        assert!(slots.should_yield(assistant(1)));
        first.truncate(6);
        assert!(take(&slots, 1, 200..300).is_empty(), "it has its share");
        second.extend(take(&slots, 2, 200..300));
        assert_eq!(second.len(), 6);
    }

    proptest! {
        #[test]
        fn limits_hold_and_nobody_new_is_refused_while_there_is_room(
            steps in prop::collection::vec((0_u128..6, 0_i64..12, any::<bool>()), 0..200),
        ) {
            let (slots, halt) = (TurnSlots::new(LIMITS), CancellationToken::new());
            let mut held: HashMap<ChatKey, TurnSlot> = HashMap::new();
            for (owner, chat, gives) in steps {
                let key = (assistant(owner), chat);
                if gives {
                    held.remove(&key);
                    continue;
                }
                let own = held.keys().filter(|held| held.0 == key.0).count();
                let (total, is_held) = (held.len(), held.contains_key(&key));
                let slot = slots.acquire(key, &halt);
                prop_assert_eq!(slot.is_none() || !is_held, true, "one slot a chat");
                if !is_held && own < LIMITS.light && total < LIMITS.total {
                    prop_assert!(slot.is_some());
                }
                if let Some(slot) = slot {
                    prop_assert!(own < LIMITS.per_assistant && total < LIMITS.total);
                    held.insert(key, slot);
                }
            }
            drop(held);
            let state = slots.state();
            prop_assert!(state.busy.is_empty() && state.counts.is_empty());
        }
    }
}
