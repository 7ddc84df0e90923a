//! Rotation: a new key in the place of another, which goes on for a while.

use std::time::Duration;

use reef_domain::ids::ApiKeyId;
use reef_store::MailKind;
use secrecy::SecretString;

use super::grants::Granted;
use super::{ApiKey, KeyState, leave_room};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How long the old key goes on beside the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Not at all.
    None,
    /// An hour.
    Hour,
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
}

impl Overlap {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Hour, Self::Day, Self::Week];

    /// The word for it in forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "now",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Reads what [`Self::as_str`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|overlap| overlap.as_str() == text)
    }

    const fn length(self) -> Option<Duration> {
        const HOUR: Duration = Duration::from_secs(3600);
        match self {
            Self::None => None,
            Self::Hour => Some(HOUR),
            Self::Day => Some(HOUR.saturating_mul(24)),
            Self::Week => Some(HOUR.saturating_mul(7 * 24)),
        }
    }
}

impl Services {
    /// Makes a key in the place of one of the caller's: with the same name, scopes and assistants, living as long from
    /// now on as the old one was to live. The only time it is seen. The old one ends after the overlap, or earlier if it
    /// was to end earlier; without an overlap it is revoked at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key or it was revoked; [`Error::InvalidRequest`] when it has expired, was
    /// rotated before, both would be one live key too many, or without the password a short while ago; [`Error::Forbidden`] when a key asks.
    pub async fn rotate_api_key(
        &self,
        caller: &Caller,
        id: &str,
        overlap: Overlap,
    ) -> Result<(ApiKey, SecretString), Error> {
        caller.require_password()?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let now = self.now();
        let mut work = self.work().await?;
        work.require_password(caller).await?;
        let tx = &mut work.tx;
        let old = tx.api_key(caller.user_id, id).await?.ok_or(Error::NotFound)?;
        let granted = Granted::to(tx, caller.user_id).await?;
        match ApiKey::of(old.clone(), &granted).state(now) {
            KeyState::Live => {}
            KeyState::Revoked => return Err(Error::NotFound),
            KeyState::Expired => {
                return Err(Error::invalid_field("", "expired", "This key has expired; make a new one."));
            }
            KeyState::Replaced => {
                let message = "This key was rotated before; rotate the one that replaces it.";
                return Err(Error::invalid_field("", "already_rotated", message));
            }
        }
        let ends_at = overlap.length().map(|length| now.plus(length));
        leave_room(tx, caller.user_id, now, i64::from(ends_at.is_none())).await?;
        let (key, mut row) = self.new_key(caller.user_id, now);
        row.name = old.name;
        row.can_read = old.can_read;
        row.can_write = old.can_write;
        row.grant_id = old.grant_id;
        row.expires_at = old.expires_at.map(|end| now.plus(end.since(old.created_at)));
        tx.insert_api_key(&row).await?;
        tx.replace_api_key(old.id, row.id, ends_at, now).await?;
        work.security_notice(caller.user_id, MailKind::KeyRotated, &row.name).await?;
        if ends_at.is_none() {
            work.commit_end_of_access(caller.user_id).await?;
        } else {
            work.commit().await?;
        }
        Ok((ApiKey::of(row, &granted), key))
    }
}
