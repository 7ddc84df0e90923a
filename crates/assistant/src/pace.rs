//! When a bot may send previews of answers, so that what it sends stays below Telegram's limits: about 30 messages a second in
//! all, and 20 a minute in a group (Bot API FAQ). Drafts and edits count as messages.
//!
//! Replies never wait. They are counted, so that previews leave room for them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many previews and replies of answers that are shown already there may be in a second.
const NEXT_PER_SECOND: usize = 12;

/// How many answers may begin to be shown in a second. They have a limit of their own, because people wait for them.
const FIRST_PER_SECOND: usize = 12;

/// How many previews and replies there may be in a group in a minute. The rest of Telegram's 20 is for replies.
const GROUP_PER_MINUTE: usize = 14;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;

/// With more bots or groups than these, those that have sent nothing lately are forgotten.
const KEYS_MAX: usize = 4_096;

/// What is about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendKind {
    /// The first preview of an answer.
    FirstPreview,
    /// A later preview.
    NextPreview,
    /// A part of a reply, which does not wait.
    Reply,
}

/// The pace of all bots of a process.
#[derive(Debug, Default)]
pub struct SendPace(Mutex<Windows>);

#[derive(Debug, Default)]
struct Windows {
    first: HashMap<i64, Window>,
    next: HashMap<i64, Window>,
    groups: HashMap<(i64, i64), Window>,
}

/// The times of the latest messages, ascending. Some may be in the future.
#[derive(Debug, Default)]
struct Window(VecDeque<i64>);

impl Window {
    /// Returns the earliest time, from `at_ms` on, with fewer than `limit` messages in the `span_ms` before it.
    fn free_at(&self, at_ms: i64, limit: usize, span_ms: i64) -> i64 {
        let oldest = self.0.len().checked_sub(limit).and_then(|index| self.0.get(index));
        oldest.map_or(at_ms, |oldest| at_ms.max(oldest + span_ms))
    }

    fn push(&mut self, at_ms: i64, limit: usize) {
        // A reply may come before previews that have a place already. It is then counted at the last of these places.
        let at_ms = self.0.back().map_or(at_ms, |last| at_ms.max(*last));
        self.0.push_back(at_ms);
        while self.0.len() > limit {
            self.0.pop_front();
        }
    }

    fn is_recent(&self, now_ms: i64) -> bool {
        self.0.back().is_some_and(|last| *last > now_ms - MINUTE_MS)
    }
}

impl SendPace {
    /// Reserves a place for a message of a bot in a chat, and returns how long to wait for it. `now_ms` is a time in milliseconds
    /// that never decreases by much.
    pub fn reserve(&self, bot_id: i64, chat_id: i64, kind: SendKind, now_ms: i64) -> Duration {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.prune(now_ms);
        let at_ms = windows.reserve(bot_id, chat_id, kind, now_ms);
        let wait_ms = if kind == SendKind::Reply { 0 } else { at_ms - now_ms };
        Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))
    }
}

impl Windows {
    fn reserve(&mut self, bot_id: i64, chat_id: i64, kind: SendKind, now_ms: i64) -> i64 {
        let (windows, limit) = match kind {
            SendKind::FirstPreview => (&mut self.first, FIRST_PER_SECOND),
            SendKind::NextPreview | SendKind::Reply => (&mut self.next, NEXT_PER_SECOND),
        };
        let bot = windows.entry(bot_id).or_default();
        let mut at_ms = bot.free_at(now_ms, limit, SECOND_MS);
        // Groups have negative ids.
        if chat_id < 0 {
            let group = self.groups.entry((bot_id, chat_id)).or_default();
            at_ms = at_ms.max(group.free_at(now_ms, GROUP_PER_MINUTE, MINUTE_MS));
            group.push(if kind == SendKind::Reply { now_ms } else { at_ms }, GROUP_PER_MINUTE);
        }
        // A group that waits for a minute does not make the bot wait in other chats, and replies do not wait at all.
        let counted_ms = if kind == SendKind::Reply { now_ms } else { bot.free_at(now_ms, limit, SECOND_MS) };
        bot.push(counted_ms, limit);
        at_ms
    }

    fn prune(&mut self, now_ms: i64) {
        if self.first.len() + self.next.len() + self.groups.len() > KEYS_MAX {
            self.first.retain(|_, window| window.is_recent(now_ms));
            self.next.retain(|_, window| window.is_recent(now_ms));
            self.groups.retain(|_, window| window.is_recent(now_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_ms(pace: &SendPace, chat: i64, kind: SendKind, now_ms: i64) -> u128 {
        pace.reserve(1, chat, kind, now_ms).as_millis()
    }

    #[test]
    fn previews_of_a_bot_are_spread() {
        let pace = SendPace::default();
        let waits: Vec<_> = (1..=30).map(|chat| wait_ms(&pace, chat, SendKind::NextPreview, 5_000)).collect();
        assert_eq!((waits[0], waits[11], waits[12], waits[23], waits[24]), (0, 0, 1_000, 1_000, 2_000));
        // Those who wait for the first word do not wait for these, and other bots neither.
        assert_eq!(wait_ms(&pace, 99, SendKind::FirstPreview, 5_000), 0);
        assert_eq!(pace.reserve(2, 1, SendKind::NextPreview, 5_000).as_millis(), 0);
        assert_eq!(wait_ms(&pace, 1, SendKind::NextPreview, 60_000), 0);
    }

    #[test]
    fn replies_do_not_wait_and_postpone_previews() {
        let pace = SendPace::default();
        for chat in 1..=40 {
            assert_eq!(wait_ms(&pace, chat, SendKind::Reply, 5_000), 0);
        }
        assert_eq!(wait_ms(&pace, 1, SendKind::NextPreview, 5_000), 1_000);
    }

    #[test]
    fn group_keeps_room_for_its_reply() {
        let pace = SendPace::default();
        for second in 0..14 {
            assert_eq!(wait_ms(&pace, -5, SendKind::NextPreview, second * 4_000), 0, "{second}");
        }
        assert_eq!(wait_ms(&pace, -5, SendKind::FirstPreview, 56_000), 4_000);
        assert_eq!(wait_ms(&pace, -6, SendKind::NextPreview, 56_000), 0);
        assert_eq!(wait_ms(&pace, -5, SendKind::Reply, 56_000), 0);
        assert_eq!(wait_ms(&pace, 5, SendKind::NextPreview, 56_000), 0);
    }

    #[test]
    fn forgotten_bots_are_those_that_are_idle() {
        let pace = SendPace::default();
        for bot in 0..10_000 {
            pace.reserve(bot, 1, SendKind::Reply, bot * 1_000);
        }
        assert!(pace.0.lock().unwrap().next.len() < 5_000);
    }
}
