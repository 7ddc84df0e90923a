//! API keys: shown once, stored as a hash, with a checksum that catches typos without a lookup.

mod grants;
pub(crate) mod request_log;
mod requests;
mod rotation;

use std::time::Duration;

use reef_domain::ids::{ApiKeyId, UserId};
use reef_domain::wire::Scope;
use reef_domain::{Issue, Timestamp, validation};
use reef_store::{ApiKeyRow, KeyHash, MailKind, Tx};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::caller::{Caller, Credential};
use crate::error::Error;
use crate::services::Services;

pub use grants::{ASSISTANTS_MAX, GrantedAssistant};
pub use request_log::REQUESTS_KEPT;
pub use requests::{KeyRequest, NewKeyRequest};
pub use rotation::Overlap;

use grants::Granted;

/// The prefix of every key. Secret scanners know it, so it must never change.
pub const PREFIX: &str = "reef_live_";
/// Valid keys that a user may have.
pub const KEYS_MAX: i64 = 50;
const RANDOM_HEX: usize = 40;
const CHECKSUM_HEX: usize = 8;
/// How many characters of a key are shown in lists: the prefix and 4 more.
const SHOWN_LENGTH: usize = PREFIX.len() + 4;
/// How old the recorded last use of a key may be before it is updated.
const TOUCH_AFTER: Duration = Duration::from_secs(60);
/// The longest lifetime of a key.
const EXPIRES_IN_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The properties of a key that is to be created.
#[derive(Clone, Debug, Default)]
pub struct NewApiKey {
    /// The name its owner chose.
    pub name: String,
    /// Whether it gets the `read` scope.
    pub read: bool,
    /// Whether it gets the `write` scope.
    pub write: bool,
    /// How long the key is valid; `None` for no expiry.
    pub expires_in: Option<Duration>,
    /// Ids of the assistants that the key is limited to. If empty, it may access all of the account's assistants,
    /// including future ones.
    pub assistants: Vec<String>,
}

/// An API key as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Identifies the key without revealing it.
    pub id: ApiKeyId,
    /// The name its owner chose.
    pub name: String,
    /// The beginning of the key, which may be shown.
    pub prefix: String,
    /// Whether it has the `read` scope.
    pub read: bool,
    /// Whether it has the `write` scope.
    pub write: bool,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key expires; `None` for no expiry.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// When the key was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The assistants that the key is limited to; `None` when it may access all of the account's assistants.
    pub assistants: Option<Vec<GrantedAssistant>>,
    /// The key that replaces this one, which expires when the overlap ends.
    pub replaced_by: Option<ApiKeyId>,
}

/// Whether a key is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// The key is valid.
    Live,
    /// The key is valid until its overlap with the key that replaces it ends.
    Replaced,
    /// The key has expired.
    Expired,
    /// The key was revoked.
    Revoked,
}

impl ApiKey {
    fn from_row(row: ApiKeyRow, granted: &Granted) -> Self {
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
            assistants: row.grant_id.map(|grant| granted.assistants_of(grant)),
            replaced_by: row.replaced_by,
        }
    }

    /// The state of the key at `now`.
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

    /// The scopes that the key has.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let has = [(Scope::Read, self.read), (Scope::Write, self.write)];
        has.into_iter().filter_map(|(scope, has)| has.then_some(scope)).collect()
    }
}

fn checksum(random: &str) -> String {
    format!("{:08x}", crc32fast::hash(format!("{PREFIX}{random}").as_bytes()))
}

/// Whether a text can be a key: prefix, length, alphabet and checksum.
pub(crate) fn is_well_formed(key: &str) -> bool {
    let Some(rest) = key.strip_prefix(PREFIX) else { return false };
    rest.len() == RANDOM_HEX + CHECKSUM_HEX
        && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && checksum(&rest[..RANDOM_HEX]) == rest[RANDOM_HEX..]
}

/// The hash that a key is stored as.
pub(crate) fn hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

/// The hash of a text that can be a key; `None` for any other.
fn well_formed_hash(key: &SecretString) -> Option<KeyHash> {
    let key = key.expose_secret();
    is_well_formed(key).then(|| hash(key))
}

impl Services {
    /// Creates a key and returns it. The key itself cannot be read again.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid name, no scope, an invalid expiry, more than 20 assistants, an
    /// assistant of another account, too many keys, or when the password was not given recently; [`Error::Forbidden`]
    /// for API keys, so that a leaked key cannot create others.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        new: &NewApiKey,
    ) -> Result<(ApiKey, SecretString), Error> {
        require_session(caller)?;
        let mut issues = Vec::new();
        let name =
            validation::name("name", &new.name).map_err(|issue| issues.push(issue)).unwrap_or_default();
        if !new.read && !new.write {
            issues.push(Issue::new("scopes", "required", "A key needs at least one scope."));
        }
        if new.expires_in.is_some_and(|life| life.is_zero() || life > EXPIRES_IN_MAX) {
            issues.push(Issue::new(
                "expiresIn",
                "invalid_value",
                "Expiration must be between 1 second and 10 years.",
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
        let mut work = self.unit_of_work().await?;
        work.require_password(caller).await?;
        row.grant_id = self.create_grant(&mut work.tx, caller, &assistants).await?;
        require_room_for_key(&mut work.tx, caller.user_id, now, 0).await?;
        work.tx.insert_api_key(&row).await?;
        let granted = Granted::load(&mut work.tx, caller.user_id).await?;
        work.enqueue_security_notice(caller.user_id, MailKind::KeyCreated, &row.name).await?;
        work.commit(None).await?;
        Ok((ApiKey::from_row(row, &granted), key))
    }

    /// A new key and its row, without any scope.
    fn new_key(&self, user_id: UserId, now: Timestamp) -> (SecretString, ApiKeyRow) {
        let random = self.random_hex::<{ RANDOM_HEX / 2 }>();
        let key = format!("{PREFIX}{random}{}", checksum(&random));
        let row = ApiKeyRow {
            id: ApiKeyId::new(self.new_uuid()),
            user_id,
            name: String::new(),
            hash: hash(&key).to_vec(),
            prefix: key[..SHOWN_LENGTH].to_owned(),
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

    /// Lists the caller's keys that are not revoked, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys.
    pub async fn list_api_keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
        require_session(caller)?;
        let mut tx = self.store().read().await?;
        let keys = tx.list_api_keys(caller.user_id).await?;
        let granted = Granted::load(&mut tx, caller.user_id).await?;
        Ok(keys.into_iter().map(|row| ApiKey::from_row(row, &granted)).collect())
    }

    /// Gets one of the caller's keys, including revoked ones.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has no such key; [`Error::Forbidden`] for API keys.
    pub async fn get_api_key(&self, caller: &Caller, id: &str) -> Result<ApiKey, Error> {
        require_session(caller)?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().read().await?;
        let row = tx.find_api_key(caller.user_id, id).await?.ok_or(Error::NotFound)?;
        let granted = Granted::load(&mut tx, caller.user_id).await?;
        Ok(ApiKey::from_row(row, &granted))
    }

    /// Revokes one of the caller's keys at once, and ends the streams it has open.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has no such valid key; [`Error::Forbidden`] for API keys.
    pub async fn revoke_api_key(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        require_session(caller)?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let mut work = self.unit_of_work().await?;
        if !work.tx.revoke_api_key(caller.user_id, id, work.now).await? {
            return Err(Error::NotFound);
        }
        work.commit_access_revoked(caller.user_id).await
    }

    /// Revokes a key by the key itself, for the operator's command line.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not a valid key.
    pub async fn revoke_api_key_by_secret(&self, key: &SecretString) -> Result<(), Error> {
        let hash = well_formed_hash(key).ok_or(Error::NotFound)?;
        let key = self.store().find_stored_key(&hash, self.now()).await?.ok_or(Error::NotFound)?;
        self.revoke_api_key(&Caller::operator(key.user_id), &key.id.to_string()).await
    }

    /// Gets the caller that a key belongs to, and records the key's use.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for anything that is not a valid key.
    pub async fn authenticate(&self, key: &SecretString) -> Result<Caller, Error> {
        let hash = well_formed_hash(key).ok_or(Error::Unauthorized)?;
        self.authenticate_hash(&hash, Scope::Write).await
    }

    /// As [`Self::authenticate`], by the hash of a well-formed key. For a request that only reads, what this process
    /// remembers of the key is enough.
    pub(crate) async fn authenticate_hash(&self, hash: &KeyHash, needed: Scope) -> Result<Caller, Error> {
        let now = self.now();
        let found = match needed {
            Scope::Read => self.store().find_known_key(hash, now).await?,
            Scope::Write => self.store().find_stored_key(hash, now).await?,
        };
        let key = found.ok_or(Error::Unauthorized)?;
        if key.last_used_at().is_none_or(|last| now.since(last) >= TOUCH_AFTER) {
            let mut tx = self.store().begin().await?;
            tx.record_api_key_use(key.id, now).await?;
            tx.commit_without_sync().await?;
            key.used(now);
        }
        Ok(Caller {
            user_id: key.user_id,
            credential: Credential::ApiKey {
                id: key.id,
                read: key.can_read,
                write: key.can_write,
                grant: key.grant_id,
            },
        })
    }

    /// Whether the caller's key is still valid. For long requests, which outlive their authentication.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn is_still_live(&self, caller: &Caller) -> Result<bool, Error> {
        let Credential::ApiKey { id, .. } = caller.credential else { return Ok(true) };
        let now = self.now();
        let key = self.store().read().await?.find_api_key(caller.user_id, id).await?;
        Ok(key.is_some_and(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now)))
    }

    /// Gets the key that the caller authenticated with.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] without a key, or when it was revoked meanwhile.
    pub async fn get_own_api_key(&self, caller: &Caller) -> Result<ApiKey, Error> {
        let Credential::ApiKey { id, .. } = caller.credential else { return Err(Error::Unauthorized) };
        let mut tx = self.store().read().await?;
        let row = tx.find_api_key(caller.user_id, id).await?.filter(|row| row.revoked_at.is_none());
        let row = row.ok_or(Error::Unauthorized)?;
        let granted = Granted::load(&mut tx, caller.user_id).await?;
        Ok(ApiKey::from_row(row, &granted))
    }
}

/// Requires that the account may have another key. `ending` keys end in the same transaction.
async fn require_room_for_key(tx: &mut Tx, user: UserId, now: Timestamp, ending: i64) -> Result<(), Error> {
    if tx.count_live_api_keys(user, now).await? - ending >= KEYS_MAX {
        return Err(Error::invalid_field(
            "",
            "too_many_keys",
            "You have reached the limit of 50 API keys. Revoke one first.",
        ));
    }
    Ok(())
}

pub(crate) const fn require_session(caller: &Caller) -> Result<(), Error> {
    match caller.credential {
        Credential::Session { .. } => Ok(()),
        Credential::ApiKey { .. } => Err(Error::Forbidden { needed: Scope::Write }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_key_is_rejected_without_lookup() {
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
