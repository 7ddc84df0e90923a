//! Rotating an API key: a new key replaces another, which stays valid for a while.

use std::time::Duration;

use reef_domain::ids::ApiKeyId;
use reef_store::MailKind;
use secrecy::SecretString;

use crate::api_keys::grants::Granted;
use crate::api_keys::{ApiKey, KeyState, require_room_for_key};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How long the old key stays valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The old key is revoked at once.
    None,
    /// The old key stays valid for an hour.
    Hour,
    /// The old key stays valid for 24 hours.
    Day,
    /// The old key stays valid for seven days.
    Week,
}

impl Overlap {
    /// All options, the shortest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Hour, Self::Day, Self::Week];

    /// The value of the option in forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "now",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Parses what [`Self::as_str`] returns.
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
    /// Replaces one of the caller's keys with a new one of the same name, scopes, assistants and lifetime, and returns
    /// it. The new key cannot be read again. The old key expires after the overlap, or earlier if it was due to;
    /// without an overlap it is revoked at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has no such key or it was revoked; [`Error::InvalidRequest`] when it has
    /// expired, was rotated before, would exceed the limit of keys, or when the password was not given recently;
    /// [`Error::Forbidden`] for API keys.
    pub async fn rotate_api_key(
        &self,
        caller: &Caller,
        id: &str,
        overlap: Overlap,
    ) -> Result<(ApiKey, SecretString), Error> {
        caller.require_password()?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let now = self.now();
        let mut work = self.unit_of_work().await?;
        work.require_password(caller).await?;
        let tx = &mut work.tx;
        let old = tx.find_api_key(caller.user_id, id).await?.ok_or(Error::NotFound)?;
        let granted = Granted::load(tx, caller.user_id).await?;
        match ApiKey::from_row(old.clone(), &granted).state(now) {
            KeyState::Live => {}
            KeyState::Revoked => return Err(Error::NotFound),
            KeyState::Expired => {
                return Err(Error::invalid_field("", "expired", "This key has expired. Create a new one."));
            }
            KeyState::Replaced => {
                let message = "This key was already rotated. Rotate its replacement instead.";
                return Err(Error::invalid_field("", "already_rotated", message));
            }
        }
        let ends_at = overlap.length().map(|length| now.plus(length));
        require_room_for_key(tx, caller.user_id, now, i64::from(ends_at.is_none())).await?;
        let (key, mut row) = self.new_key(caller.user_id, now);
        row.name = old.name;
        row.can_read = old.can_read;
        row.can_write = old.can_write;
        row.grant_id = old.grant_id;
        row.expires_at = old.expires_at.map(|end| now.plus(end.since(old.created_at)));
        tx.insert_api_key(&row).await?;
        tx.replace_api_key(caller.user_id, old.id, row.id, ends_at, now).await?;
        work.enqueue_security_notice(caller.user_id, MailKind::KeyRotated, &row.name).await?;
        if ends_at.is_none() {
            work.commit_access_revoked(caller.user_id).await?;
        } else {
            work.commit(None).await?;
        }
        Ok((ApiKey::from_row(row, &granted), key))
    }
}
