//! Telegram's flood control: how often a bot may write to a chat.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{chats::Chat, flood_error};
use crate::{clock::now_ms, web::HandlerResult};

/// Telegram recommends one message a second in a private chat, but enforces that loosely. This limit only stops a bot that
/// runs away, so that a long conversation can be replayed in a test.
const PRIVATE: Rate = Rate { burst: 1_000, ms_per_message: 100 };
/// In a group a bot may send 20 messages a minute.
const GROUP: Rate = Rate { burst: 20, ms_per_message: 3_000 };
/// With more chats than these, those that have not been written to lately are forgotten.
const CHATS_MAX: usize = 20_000;

struct Rate {
    burst: i64,
    ms_per_message: i64,
}

/// When each chat of each bot will have its whole burst again.
#[derive(Default)]
pub(crate) struct FloodControl(Mutex<HashMap<(i64, i64), i64>>);

impl FloodControl {
    /// Counts a message or an edit, or fails with 429.
    pub(super) fn count(&self, bot_id: i64, chat: &Chat) -> HandlerResult<()> {
        let rate = if chat.is_private() { PRIVATE } else { GROUP };
        self.count_at(now_ms(), (bot_id, chat.id), &rate).map_err(flood_error)
    }

    /// The error is the wait in seconds.
    fn count_at(&self, now: i64, key: (i64, i64), rate: &Rate) -> Result<(), u32> {
        let mut chats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chats.len() >= CHATS_MAX {
            chats.retain(|_, full_at| *full_at > now);
        }
        let full_at = chats.entry(key).or_insert(now);
        let next = (*full_at).max(now) + rate.ms_per_message;
        let excess = next - now - rate.burst * rate.ms_per_message;
        if excess > 0 {
            return Err(u32::try_from((excess + 999) / 1_000).unwrap_or(u32::MAX));
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_followed_by_the_steady_rate() {
        let (flood, key) = (FloodControl::default(), (1, -5));
        for _ in 0..20 {
            assert_eq!(flood.count_at(1_000, key, &GROUP), Ok(()));
        }
        assert_eq!(flood.count_at(1_000, key, &GROUP), Err(3));
        assert_eq!(flood.count_at(1_000, (1, -6), &GROUP), Ok(()));
        assert_eq!(flood.count_at(3_500, key, &GROUP), Err(1));
        assert_eq!(flood.count_at(4_000, key, &GROUP), Ok(()));
        assert_eq!(flood.count_at(4_000, key, &GROUP), Err(3));
    }
}
