//! The reads that may be answered from memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reef_domain::Timestamp;
use reef_domain::ids::{ApiKeyId, AssistantId, GrantId, UserId};
use reef_domain::wire::AssistantRecord;

use super::{CATALOGS, KeyHash, RecordList};
use crate::api_keys::ApiKeyRow;
use crate::connect::Store;
use crate::error::StoreError;

/// Users with more assistants than this have their lists read from the database, page by page.
const LIST_MAX: i64 = 500;

/// An API key that was neither revoked nor expired when it was read: what authentication needs of it.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct LiveKey {
    pub id: ApiKeyId,
    pub user_id: UserId,
    pub can_read: bool,
    pub can_write: bool,
    /// The assistants it is limited to; `None` for all assistants of its owner.
    pub grant_id: Option<GrantId>,
    expires_at: Option<Timestamp>,
    /// When its use was recorded last, in milliseconds since 1970; `i64::MIN` if never.
    last_used_ms: AtomicI64,
}

impl LiveKey {
    fn new(row: &ApiKeyRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            can_read: row.can_read,
            can_write: row.can_write,
            grant_id: row.grant_id,
            expires_at: row.expires_at,
            last_used_ms: AtomicI64::new(row.last_used_at.map_or(i64::MIN, Timestamp::unix_ms)),
        }
    }

    /// When its use was recorded last, as far as this process knows.
    #[must_use]
    pub fn last_used_at(&self) -> Option<Timestamp> {
        let ms = self.last_used_ms.load(Ordering::Relaxed);
        (ms != i64::MIN).then(|| Timestamp::from_unix_ms(ms))
    }

    /// Its use at `now` was recorded in the database.
    pub fn used(&self, now: Timestamp) {
        self.last_used_ms.store(now.unix_ms(), Ordering::Relaxed);
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

impl Store {
    /// Reads a user's and an assistant's rows from the database next time, because this process is about to confirm a
    /// change of them that another one has made, and may not have been notified yet.
    pub fn forget(&self, user: UserId, assistant: AssistantId) {
        self.cache().feed.invalidate(user.uuid());
        self.cache().feed.invalidate(assistant.uuid());
    }

    /// As [`Self::forget`], for a change of which it is not known what it has changed.
    pub fn forget_all(&self) {
        self.cache().feed.invalidate_all();
    }

    /// Finds the key with this hash that is neither revoked nor expired. May read from memory.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_known_key(
        &self,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<Option<Arc<LiveKey>>, StoreError> {
        let cache = self.cache();
        let stamp_of = |key: &Arc<LiveKey>| cache.feed.stamp(key.user_id.uuid());
        if let Some(key) = cache.keys.get_with(hash, stamp_of) {
            return Ok(key.is_live(now).then_some(key));
        }
        let Some(key) = self.find_stored_key(hash, now).await? else { return Ok(None) };
        let Some(stamp) = stamp_of(&key) else { return Ok(Some(key)) };
        // Only the row says which user's stamp applies. It is read again, because it may have changed before the stamp.
        let key = self.find_stored_key(hash, now).await?;
        if let Some(key) = &key {
            cache.keys.insert(*hash, Some(stamp), key.clone());
        }
        Ok(key)
    }

    /// Finds the key with this hash that is neither revoked nor expired, in the database.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_stored_key(
        &self,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<Option<Arc<LiveKey>>, StoreError> {
        let row = self.read_committed().await?.find_live_api_key(hash, now).await?;
        Ok(row.map(|row| Arc::new(LiveKey::new(&row))))
    }

    /// Finds the record of an assistant. May read from memory.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_known_record(
        &self,
        id: AssistantId,
    ) -> Result<Option<Arc<AssistantRecord>>, StoreError> {
        let cache = self.cache();
        let stamp = cache.feed.stamp(id.uuid());
        if let Some(record) = cache.records.get(&id, stamp) {
            return Ok(Some(record));
        }
        let found = self.read_committed().await?.find_assistant(id).await?;
        let record = found.map(|assistant| Arc::new(assistant.record()));
        if let Some(record) = &record {
            cache.records.insert(id, stamp, record.clone());
        }
        Ok(record)
    }

    /// Lists the records of all of a user's assistants, newest first. `None` when they have to be read from the database:
    /// there are too many to remember, or nothing may be remembered now. May read from memory.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_known_records(&self, user: UserId) -> Result<Option<RecordList>, StoreError> {
        let cache = self.cache();
        // Without a stamp the list could not be remembered, and the caller may need only a page of it.
        let Some(stamp) = cache.feed.stamp(user.uuid()).map(Some) else { return Ok(None) };
        if let Some(list) = cache.lists.get(&user, stamp) {
            return Ok(list);
        }
        let ever = Timestamp::from_unix_ms(0);
        let found = self.read_committed().await?.list_assistants_page(user, ever, None, LIST_MAX + 1).await?;
        let is_complete = i64::try_from(found.len()).is_ok_and(|found| found <= LIST_MAX);
        let list: Option<RecordList> =
            is_complete.then(|| found.iter().map(|assistant| Arc::new(assistant.record())).collect());
        cache.lists.insert(user, stamp, list.clone());
        Ok(list)
    }

    /// Finds when the model list of a source was last read. May read from memory.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_known_catalog_fetched_at(
        &self,
        source: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let cache = self.cache();
        let stamp = cache.feed.stamp(CATALOGS);
        if let Some(fetched_at) = cache.catalogs.get(&source, stamp) {
            return Ok(fetched_at);
        }
        let fetched_at = self.read_committed().await?.find_catalog_fetched_at(source).await?;
        cache.catalogs.insert(source, stamp, fetched_at);
        Ok(fetched_at)
    }

    /// Whether a grant of a user's key includes an assistant. May read from memory.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_known_granted(
        &self,
        user: UserId,
        grant: GrantId,
        assistant: AssistantId,
    ) -> Result<bool, StoreError> {
        let cache = self.cache();
        let stamp = cache.feed.stamp(user.uuid());
        if let Some(granted) = cache.grants.get(&grant, stamp) {
            return Ok(granted.contains(&assistant));
        }
        let granted: Arc<[_]> = self.read_committed().await?.list_granted_ids(grant).await?.into();
        let is_granted = granted.contains(&assistant);
        cache.grants.insert(grant, stamp, granted);
        Ok(is_granted)
    }
}
