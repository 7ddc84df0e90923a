//! API keys: shown once, kept as a hash, with a checksum so that a typo is known without a look-up.

mod grants;
mod requests;
mod rotation;

use std::time::Duration;

use reef_domain::ids::{ApiKeyId, UserId};
use reef_domain::wire::Scope;
use reef_domain::{Issue, Timestamp, text};
use reef_store::{ApiKeyRow, MailKind, Tx};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::caller::{Caller, Via};
use crate::error::Error;
use crate::services::Services;

pub use grants::{ASSISTANTS_MAX, GrantedAssistant};
pub(crate) use requests::RequestLog;
pub use requests::{KeyRequest, NewKeyRequest, REQUESTS_KEPT};
pub use rotation::Overlap;

use grants::Granted;

/// How every key begins; never to change, secret scanners know it.
pub const PREFIX: &str = "reef_live_";
/// Live keys a user may have.
pub const KEYS_MAX: i64 = 50;
const RANDOM_HEX: usize = 40;
const CHECKSUM_HEX: usize = 8;
/// What of a key is shown in lists: the prefix and four characters.
const SHOWN: usize = PREFIX.len() + 4;
/// How old a key's last use may be before it is written again.
const TOUCH_AFTER: Duration = Duration::from_secs(60);
/// The longest life a key may be given.
const EXPIRES_IN_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What a new key is to be.
#[derive(Clone, Debug, Default)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: String,
    /// May look.
    pub read: bool,
    /// May change.
    pub write: bool,
    /// After how long it ends by itself.
    pub expires_in: Option<Duration>,
    /// Ids of the assistants that it is limited to; with none it may touch all of its owner's, also later ones.
    pub assistants: Vec<String>,
}

/// A key as its owner sees it listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What its owner calls it.
    pub name: String,
    /// The part of it that may be shown.
    pub prefix: String,
    /// May look.
    pub read: bool,
    /// May change.
    pub write: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The assistants that it is limited to; `None` when it may touch all of its owner's.
    pub assistants: Option<Vec<GrantedAssistant>>,
    /// The key that was made in its place: it ends by itself when the overlap is over.
    pub replaced_by: Option<ApiKeyId>,
}

/// How it stands with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It works.
    Live,
    /// It works until its overlap with the key that replaces it is over.
    Replaced,
    /// It has ended by itself.
    Expired,
    /// It was revoked.
    Revoked,
}

impl ApiKey {
    fn of(row: ApiKeyRow, granted: &Granted) -> Self {
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            read: row.can_read,
            write: row.can_write,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            assistants: row.grant_id.map(|grant| granted.of(grant)),
            replaced_by: row.replaced_by,
        }
    }

    /// How it stands with it `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else if self.replaced_by.is_some() {
            KeyState::Replaced
        } else {
            KeyState::Live
        }
    }

    /// What it may do.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let has = [(Scope::Read, self.read), (Scope::Write, self.write)];
        has.into_iter().filter_map(|(scope, has)| has.then_some(scope)).collect()
    }
}

fn checksum(random: &str) -> String {
    format!("{:08x}", crc32fast::hash(format!("{PREFIX}{random}").as_bytes()))
}

/// Whether a text can be a key at all: prefix, length, alphabet and checksum.
pub(crate) fn is_well_formed(key: &str) -> bool {
    let Some(rest) = key.strip_prefix(PREFIX) else { return false };
    rest.len() == RANDOM_HEX + CHECKSUM_HEX
        && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && checksum(&rest[..RANDOM_HEX]) == rest[RANDOM_HEX..]
}

fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}

impl Services {
    /// Makes a key; the only time it is seen.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a bad name, no scope, a bad expiry, more than 20 assistants, an assistant that is
    /// not the caller's, one live key too many, or without the password a short while ago; [`Error::Forbidden`] when a key
    /// asks: a key can't make a key.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        new: &NewApiKey,
    ) -> Result<(ApiKey, SecretString), Error> {
        only_people(caller)?;
        let mut issues = Vec::new();
        let name = text::name("name", &new.name).map_err(|issue| issues.push(issue)).unwrap_or_default();
        if !new.read && !new.write {
            issues.push(Issue::new("scopes", "required", "A key needs at least one scope."));
        }
        if new.expires_in.is_some_and(|life| life.is_zero() || life > EXPIRES_IN_MAX) {
            issues.push(Issue::new(
                "expiresIn",
                "invalid_value",
                "A key lives from one second to ten years.",
            ));
        }
        let assistants =
            grants::parse(&new.assistants).map_err(|issue| issues.push(issue)).unwrap_or_default();
        if !issues.is_empty() {
            return Err(Error::InvalidRequest(issues));
        }
        caller.require_password()?;
        let now = self.now();
        let (key, mut row) = self.new_key(caller.user_id, now);
        row.name = name;
        row.can_read = new.read;
        row.can_write = new.write;
        row.expires_at = new.expires_in.map(|life| now.plus(life));
        let mut work = self.work().await?;
        work.require_password(caller).await?;
        row.grant_id = self.new_grant(&mut work.tx, caller, &assistants).await?;
        leave_room(&mut work.tx, caller.user_id, now, 0).await?;
        work.tx.insert_api_key(&row).await?;
        let granted = Granted::to(&mut work.tx, caller.user_id).await?;
        work.security_notice(caller.user_id, MailKind::KeyCreated, &row.name).await?;
        work.commit().await?;
        Ok((ApiKey::of(row, &granted), key))
    }

    /// A new key, and what is kept of it: nothing that it may do yet.
    fn new_key(&self, user_id: UserId, now: Timestamp) -> (SecretString, ApiKeyRow) {
        let random = self.random_hex::<{ RANDOM_HEX / 2 }>();
        let key = format!("{PREFIX}{random}{}", checksum(&random));
        let row = ApiKeyRow {
            id: ApiKeyId::new(self.new_uuid()),
            user_id,
            name: String::new(),
            hash: hash(&key),
            prefix: key[..SHOWN].to_owned(),
            can_read: false,
            can_write: false,
            created_at: now,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            grant_id: None,
            replaced_by: None,
        };
        (SecretString::from(key), row)
    }

    /// The caller's keys that are not revoked, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks.
    pub async fn api_keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
        only_people(caller)?;
        let mut tx = self.store().read().await?;
        let keys = tx.api_keys_of(caller.user_id).await?;
        let granted = Granted::to(&mut tx, caller.user_id).await?;
        Ok(keys.into_iter().map(|row| ApiKey::of(row, &granted)).collect())
    }

    /// One of the caller's keys, also one that was revoked.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] when a key asks.
    pub async fn api_key(&self, caller: &Caller, id: &str) -> Result<ApiKey, Error> {
        only_people(caller)?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().read().await?;
        let row = tx.api_key(caller.user_id, id).await?.ok_or(Error::NotFound)?;
        let granted = Granted::to(&mut tx, caller.user_id).await?;
        Ok(ApiKey::of(row, &granted))
    }

    /// Revokes one of the caller's keys; it is dead at once, and what it has open is told to look.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live key; [`Error::Forbidden`] when a key asks.
    pub async fn revoke_api_key(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        only_people(caller)?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().begin().await?;
        if !tx.revoke_api_key(caller.user_id, id, self.now()).await? {
            return Err(Error::NotFound);
        }
        Ok(self.commit_end_of_access(tx, caller.user_id).await?)
    }

    /// Revokes the key itself, whoever holds it: for the operator's command line.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not a live key.
    pub async fn revoke_api_key_itself(&self, key: &SecretString) -> Result<(), Error> {
        let Some(row) = self.look_up(key).await? else { return Err(Error::NotFound) };
        self.revoke_api_key(&Caller::session(row.user_id), &row.id.to_string()).await
    }

    /// Who holds this key.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for anything that is not a live key.
    pub async fn authenticate(&self, key: &SecretString) -> Result<Caller, Error> {
        let row = self.look_up(key).await?.ok_or(Error::Unauthorized)?;
        let now = self.now();
        if row.last_used_at.is_none_or(|last| now.since(last) >= TOUCH_AFTER) {
            let mut tx = self.store().begin().await?;
            tx.touch_api_key(row.id, now).await?;
            tx.commit().await?;
        }
        Ok(Caller {
            user_id: row.user_id,
            via: Via::Key { id: row.id, read: row.can_read, write: row.can_write, grant: row.grant_id },
        })
    }

    /// Whether the key that the caller came with, a while ago, is still live.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn is_still_live(&self, caller: &Caller) -> Result<bool, Error> {
        let Via::Key { id, .. } = caller.via else { return Ok(true) };
        let now = self.now();
        let key = self.store().read().await?.api_key(caller.user_id, id).await?;
        Ok(key.is_some_and(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now)))
    }

    /// The key that the caller came with.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the caller came without one, or it was revoked meanwhile.
    pub async fn own_api_key(&self, caller: &Caller) -> Result<ApiKey, Error> {
        let Via::Key { id, .. } = caller.via else { return Err(Error::Unauthorized) };
        let mut tx = self.store().read().await?;
        let row = tx.api_key(caller.user_id, id).await?.filter(|row| row.revoked_at.is_none());
        let row = row.ok_or(Error::Unauthorized)?;
        let granted = Granted::to(&mut tx, caller.user_id).await?;
        Ok(ApiKey::of(row, &granted))
    }

    async fn look_up(&self, key: &SecretString) -> Result<Option<ApiKeyRow>, Error> {
        let key = key.expose_secret();
        if !is_well_formed(key) {
            return Ok(None);
        }
        let mut tx = self.store().read().await?;
        Ok(tx.live_api_key(&hash(key), self.now()).await?)
    }

    /// A caller for an account that the operator speaks for.
    #[must_use]
    pub const fn on_behalf_of(user: UserId) -> Caller {
        Caller::session(user)
    }
}

/// Passes when the account may have another live key beside those it has, `ending` of which end by the same commit.
async fn leave_room(tx: &mut Tx, user: UserId, now: Timestamp, ending: i64) -> Result<(), Error> {
    if tx.count_live_api_keys(user, now).await? - ending >= KEYS_MAX {
        return Err(Error::invalid_field("", "too_many_keys", "You have 50 live keys; revoke one first."));
    }
    Ok(())
}

pub(crate) const fn only_people(caller: &Caller) -> Result<(), Error> {
    match caller.via {
        Via::Session { .. } => Ok(()),
        Via::Key { .. } => Err(Error::Forbidden { needed: Scope::Write }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_known_without_a_look_up() {
        let random = "0123456789abcdef0123456789abcdef01234567";
        let key = format!("{PREFIX}{random}{}", checksum(random));
        assert!(is_well_formed(&key));
        for bad in [
            key.replace("reef_live_0", "reef_live_1"),
            key.to_uppercase(),
            format!("{key} "),
            key[..50].to_owned(),
            String::new(),
        ] {
            assert!(!is_well_formed(&bad), "{bad}");
        }
    }
}
