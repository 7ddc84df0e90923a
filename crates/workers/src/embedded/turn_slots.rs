//! Turn slots: which chats this process is working on, and how many of them belong to each assistant.
//!
//! A turn holds its slot while the model thinks. Slots are therefore numerous and shared fairly, so that an assistant
//! whose model hangs uses up only its own share. A chat in a flood wait holds no slot, because its turn has ended.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reef_domain::ids::AssistantId;
use tokio_util::sync::CancellationToken;

/// An assistant and the id of one of its chats.
pub(crate) type ChatKey = (AssistantId, i64);

/// The limits of turn slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The number of slots in this process.
    pub total: usize,
    /// How many of these are reserved for assistants with fewer than `light` slots.
    pub reserved: usize,
    /// The maximum for one assistant, even if more slots are free.
    pub per_assistant: usize,
    /// How many slots of an assistant may come from the reserve.
    pub light: usize,
}

/// The turn slots of this process.
#[derive(Debug)]
pub(crate) struct TurnSlots {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    busy: HashMap<ChatKey, Busy>,
    /// How many slots each assistant holds. Assistants without a slot have no entry.
    counts: HashMap<AssistantId, usize>,
    /// Assistants that were denied a slot since the last sweep.
    waiting: HashSet<AssistantId>,
    /// Whether one of them was denied because of other assistants, not because of its own limit.
    is_crowded: bool,
}

#[derive(Debug)]
struct Busy {
    cancel: CancellationToken,
    /// Whether an update arrived after the task may have looked for the last one.
    has_new_update: bool,
}

/// The right to run turns of a chat in this process. It is released when dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct TurnSlot {
    pub key: ChatKey,
    /// Canceled when the worker is removed or replaced, or the process stops.
    pub cancel: CancellationToken,
    slots: Arc<TurnSlots>,
    is_released: bool,
}

impl TurnSlots {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    // No code that can panic runs while the state is locked, so a poisoned lock is harmless.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a slot for a chat. `None` if the chat has a slot, whose holder will look for updates again, or if its
    /// assistant has used up its share. Canceling `halt` cancels the slot as well.
    pub fn reserve(self: &Arc<Self>, key: ChatKey, halt: &CancellationToken) -> Option<TurnSlot> {
        let mut state = self.state();
        if let Some(busy) = state.busy.get_mut(&key) {
            busy.has_new_update = true;
            return None;
        }
        if !state.may_reserve(key.0, self.limits) {
            return None;
        }
        let cancel = halt.child_token();
        state.busy.insert(key, Busy { cancel: cancel.clone(), has_new_update: false });
        *state.counts.entry(key.0).or_default() += 1;
        Some(TurnSlot { key, cancel, slots: Arc::clone(self), is_released: false })
    }

    /// Cancels all turns of an assistant.
    pub fn cancel(&self, assistant: AssistantId) {
        let state = self.state();
        for (_, busy) in state.busy.iter().filter(|((owner, _), _)| *owner == assistant) {
            busy.cancel.cancel();
        }
    }

    /// Whether a slot should be released although its chat has more updates, because another chat of the same assistant
    /// or another assistant waits.
    pub fn should_yield(&self, assistant: AssistantId) -> bool {
        let state = self.state();
        state.is_crowded || state.waiting.contains(&assistant)
    }

    /// Clears the list of waiting assistants before a sweep, which asks for slots for all of them.
    pub fn clear_waiting(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.is_crowded = false;
    }
}

impl State {
    /// Whether an assistant may have one more slot. If not, it is added to the waiting ones.
    fn may_reserve(&mut self, assistant: AssistantId, limits: Limits) -> bool {
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

    /// Whether an assistant may have one more of the unreserved slots. While half of them are free, every assistant
    /// may. After that, each assistant that holds or waits for slots has an equal share.
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
    /// Releases the slot. Returns `false` and keeps it if an update has arrived in the meantime.
    pub fn release(&mut self) -> bool {
        let mut state = self.slots.state();
        if let Some(busy) = state.busy.get_mut(&self.key)
            && busy.has_new_update
        {
            busy.has_new_update = false;
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

    fn reserve_all(slots: &Arc<TurnSlots>, owner: u128, chats: std::ops::Range<i64>) -> Vec<TurnSlot> {
        let halt = CancellationToken::new();
        chats.filter_map(|chat| slots.reserve((assistant(owner), chat), &halt)).collect()
    }

    #[test]
    fn holder_keeps_slot_when_update_arrives() {
        let (slots, halt) = (TurnSlots::new(LIMITS), CancellationToken::new());
        let key = (assistant(1), 1);
        let mut first = slots.reserve(key, &halt).unwrap();
        assert!(slots.reserve(key, &halt).is_none());
        assert!(!first.release(), "an update arrived in the meantime");
        assert!(first.release());
        let again = slots.reserve(key, &halt).unwrap();
        drop(first);
        assert!(slots.reserve(key, &halt).is_none(), "dropping a released slot does not release the new one");
        drop(again);
        assert!(slots.reserve(key, &halt).is_some());
    }

    #[test]
    fn busy_assistant_is_limited() {
        let slots = TurnSlots::new(LIMITS);
        let held = reserve_all(&slots, 1, 0..100);
        assert_eq!(held.len(), LIMITS.per_assistant);
        assert!(slots.should_yield(assistant(1)));
        slots.clear_waiting();
        assert!(!slots.should_yield(assistant(1)));
        assert_eq!(reserve_all(&slots, 2, 0..1).len(), 1);
        assert!(!slots.should_yield(assistant(2)), "only the busy assistant is at its limit");
    }

    #[test]
    fn quiet_assistant_gets_reserved_slot() {
        let slots = TurnSlots::new(LIMITS);
        let mut held: Vec<_> = (1..=3).flat_map(|owner| reserve_all(&slots, owner, 0..100)).collect();
        assert_eq!(held.len(), 8 + 4 + LIMITS.light, "only light slots were left for the third assistant");
        let quiet = reserve_all(&slots, 9, 0..1);
        assert_eq!(quiet.len(), 1);
        held.extend(quiet);
        slots.cancel(assistant(9));
        assert!(held.iter().all(|slot| slot.cancel.is_cancelled() == (slot.key.0 == assistant(9))));
    }

    #[test]
    fn released_slots_go_to_smaller_share() {
        let slots = TurnSlots::new(LIMITS);
        let mut first = reserve_all(&slots, 1, 0..100);
        let mut second = reserve_all(&slots, 2, 0..100);
        assert_eq!((first.len(), second.len()), (8, 4), "the first assistant has more");
        assert!(slots.should_yield(assistant(1)));
        first.truncate(6);
        assert!(reserve_all(&slots, 1, 200..300).is_empty(), "the first assistant has its share");
        second.extend(reserve_all(&slots, 2, 200..300));
        assert_eq!(second.len(), 6);
    }

    proptest! {
        #[test]
        fn limits_hold_and_light_assistants_get_slots(
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
                let slot = slots.reserve(key, &halt);
                prop_assert_eq!(slot.is_none() || !is_held, true, "a chat has one slot");
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
