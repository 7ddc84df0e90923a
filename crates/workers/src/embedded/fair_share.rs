//! Limits how much of an assistant for everyone one person uses. Each person has a bucket of turns for an hour and one for a
//! day, which fill again evenly. A bucket is one moment: until when what was used counts as used.

use std::time::Duration;

use reef_assistant::Share;
use reef_domain::Timestamp;
use reef_domain::people::Role;
use reef_store::{StoreError, TurnShareRow};

use crate::embedded::turn_host::TurnHost;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many turns a person has in an hour, and in a day.
const TURNS_PER_HOUR: u32 = 30;
const TURNS_PER_DAY: u32 = 200;

/// How often someone is informed that their share is used up.
const REFUSAL_INTERVAL: Duration = DAY;

impl TurnHost<'_> {
    /// Counts a turn toward its author's share, unless the author is the owner or approved.
    pub(super) async fn use_share_of(&self, author: i64) -> Result<Share, StoreError> {
        let (assistant, inner) = (self.row.assistant_id, &self.embedded.inner);
        loop {
            let mut tx = inner.store.begin().await?;
            let person = tx.find_person_by_telegram_user(assistant, author).await?;
            if person.is_some_and(|person| matches!(person.role, Role::Owner | Role::Approved)) {
                return Ok(Share::Granted);
            }
            let old = tx.find_turn_share(assistant, author).await?;
            let (share, new) = charge(old.as_ref(), self.row.update_id, inner.clock.now());
            let Some(new) = new else { return Ok(share) };
            // Turns of one person in several chats may run at once. Each of them that finds the share changed reads it again.
            if tx.replace_turn_share(assistant, author, old.as_ref(), &new).await? {
                tx.commit().await?;
                return Ok(share);
            }
        }
    }
}

/// Counts a turn, and returns what is to be stored, if anything. A turn that runs again is not counted twice, and one that
/// was refused in words is refused in words again.
fn charge(old: Option<&TurnShareRow>, update_id: i64, now: Timestamp) -> (Share, Option<TurnShareRow>) {
    let row = old.copied().unwrap_or(TurnShareRow {
        hour_used_until: now,
        day_used_until: now,
        last_update_id: update_id,
        refused_at: None,
        refused_update_id: None,
    });
    if old.is_some_and(|old| old.last_update_id == update_id) {
        return (Share::Granted, None);
    }
    let used = [(row.hour_used_until, HOUR, TURNS_PER_HOUR), (row.day_used_until, DAY, TURNS_PER_DAY)]
        .map(|(used_until, period, turns)| use_one(used_until, period, turns, now));
    if let [Some(hour_used_until), Some(day_used_until)] = used {
        let new = TurnShareRow { hour_used_until, day_used_until, last_update_id: update_id, ..row };
        return (Share::Granted, Some(new));
    }
    if row.refused_update_id == Some(update_id) {
        return (Share::UsedUp { is_announced: true }, None);
    }
    let is_announced = row.refused_at.is_none_or(|at| now.since(at) >= REFUSAL_INTERVAL);
    let refused = TurnShareRow { refused_at: Some(now), refused_update_id: Some(update_id), ..row };
    (Share::UsedUp { is_announced }, is_announced.then_some(refused))
}

/// Uses one of the turns of a period. `None` if all are used.
fn use_one(used_until: Timestamp, period: Duration, turns: u32, now: Timestamp) -> Option<Timestamp> {
    let used_until = used_until.max(now).plus(period / turns);
    (used_until <= now.plus(period)).then_some(used_until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1_000)
    }

    /// Writes every `step` seconds, and returns how many turns were granted, and how many refusals were announced.
    fn write(times: i64, step: i64) -> (usize, usize) {
        let (mut stored, mut granted, mut announced) = (None, 0, 0);
        for update_id in 0..times {
            let (share, new) = charge(stored.as_ref(), update_id, at(update_id * step));
            stored = new.or(stored);
            match share {
                Share::Granted => granted += 1,
                Share::UsedUp { is_announced } => announced += usize::from(is_announced),
            }
        }
        (granted, announced)
    }

    #[test]
    fn hour_has_thirty_turns_and_one_refusal_in_words() {
        assert_eq!(write(1_000, 0), (30, 1));
        // One more every two minutes.
        assert_eq!(write(600, 1), (30 + 4, 1));
    }

    #[test]
    fn day_has_two_hundred_turns() {
        // One every two minutes is what an hour has; the day's bucket has 200 and one more every 432 seconds.
        let (granted, announced) = write(720, 120);
        assert!((380..=400).contains(&granted), "{granted}");
        assert_eq!(announced, 1);
    }

    #[test]
    fn update_is_counted_once_and_refused_again() {
        let (_, new) = charge(None, 1, at(0));
        assert_eq!(charge(new.as_ref(), 1, at(1)), (Share::Granted, None));
        let full = TurnShareRow { hour_used_until: at(3_600), ..new.unwrap() };
        let (share, refused) = charge(Some(&full), 2, at(0));
        assert_eq!(share, Share::UsedUp { is_announced: true });
        assert_eq!(charge(refused.as_ref(), 2, at(1)), (Share::UsedUp { is_announced: true }, None));
        assert_eq!(charge(refused.as_ref(), 3, at(1)), (Share::UsedUp { is_announced: false }, None));
    }
}
