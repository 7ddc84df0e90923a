//! What a process remembers of the database: the API keys and records that clients poll.
//!
//! Reads from memory only while the [`ChangeFeed`] is alive, and never as the basis of a change: writes lock and read the
//! row. The methods of [`Store`](crate::Store) that read this way are in `reads.rs`.

mod feed;
mod reads;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use moka::sync::Cache;
use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, GrantId, UserId};
use reef_domain::wire::AssistantRecord;
use uuid::Uuid;

use crate::statements::StatementLog;

pub use feed::FOLLOWED_WITHIN;
pub(crate) use feed::{ChangeFeed, Check, Stamp};
pub use reads::LiveKey;

/// The memory that each kind of entry may take, in bytes.
const RECORDS_MAX: u64 = 32 * 1024 * 1024;
const LISTS_MAX: u64 = 32 * 1024 * 1024;
const KEYS_MAX: u64 = 8 * 1024 * 1024;
const GRANTS_MAX: u64 = 4 * 1024 * 1024;
const CATALOGS_MAX: u64 = 16 * 1024;
/// What an entry takes in addition to its value: the key, the stamp, and the cache's own bookkeeping.
const ENTRY_OVERHEAD: usize = 200;

/// Stands for the model lists among the users and assistants whose rows change.
pub(crate) const CATALOGS: Uuid = Uuid::nil();

/// The SHA-256 hash of an API key.
pub type KeyHash = [u8; 32];
/// A user's records, newest first.
pub type RecordList = Arc<[Arc<AssistantRecord>]>;

/// The entries of this process, and whether they are current.
pub(crate) struct ReadCache {
    pub feed: ChangeFeed,
    keys: Stamped<KeyHash, Arc<LiveKey>>,
    grants: Stamped<GrantId, Arc<[AssistantId]>>,
    records: Stamped<AssistantId, Arc<AssistantRecord>>,
    /// `None` for a user with too many records to remember.
    lists: Stamped<UserId, Option<RecordList>>,
    /// When the model list of each source was last read.
    catalogs: Stamped<&'static str, Option<Timestamp>>,
    /// The statements that ran, for tests. It is here because all transactions share the cache.
    pub statements: StatementLog,
}

impl fmt::Debug for ReadCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadCache")
    }
}

impl Default for ReadCache {
    fn default() -> Self {
        Self {
            feed: ChangeFeed::default(),
            keys: Stamped::new(KEYS_MAX, |key: &Arc<LiveKey>| size_of_val(&**key)),
            grants: Stamped::new(GRANTS_MAX, |ids: &Arc<[AssistantId]>| size_of_val(&**ids)),
            records: Stamped::new(RECORDS_MAX, |record: &Arc<AssistantRecord>| record_size(record)),
            lists: Stamped::new(LISTS_MAX, |list: &Option<RecordList>| {
                list.iter().flat_map(|list| list.iter()).map(|record| record_size(record)).sum()
            }),
            catalogs: Stamped::new(CATALOGS_MAX, size_of_val),
            statements: Default::default(),
        }
    }
}

/// About how much memory a record takes, in bytes.
fn record_size(record: &AssistantRecord) -> usize {
    let texts = [
        &record.name,
        record.model_id.as_ref().unwrap_or(&record.id),
        record.worker_name.as_ref().unwrap_or(&record.id),
        record.worker_url.as_ref().unwrap_or(&record.id),
        record.status_message.as_ref().unwrap_or(&record.id),
        record.polar_subscription_id.as_ref().unwrap_or(&record.id),
        record.user_callback_url.as_ref().unwrap_or(&record.id),
    ];
    size_of_val(record) + texts.into_iter().map(String::len).sum::<usize>() + 2 * record.id.len()
}

/// Values with the stamp that they had when they were read.
struct Stamped<K, V>(Cache<K, (Stamp, V)>);

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Stamped<K, V> {
    fn new(max_bytes: u64, size: impl Fn(&V) -> usize + Send + Sync + 'static) -> Self {
        let weigher = move |_: &K, (_, value): &(Stamp, V)| {
            u32::try_from(ENTRY_OVERHEAD + size(value)).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(max_bytes).weigher(weigher).build())
    }

    /// The value, if it is current.
    fn get(&self, key: &K, stamp: Option<Stamp>) -> Option<V> {
        let stamp = stamp?;
        self.0.get(key).filter(|(of, _)| *of == stamp).map(|(_, value)| value)
    }

    /// As [`Self::get`], for entries that say themselves which stamp applies to them.
    fn get_with(&self, key: &K, stamp: impl FnOnce(&V) -> Option<Stamp>) -> Option<V> {
        self.0.get(key).filter(|(of, value)| stamp(value) == Some(*of)).map(|(_, value)| value)
    }

    /// Remembers a value that was read after `stamp`.
    fn insert(&self, key: K, stamp: Option<Stamp>, value: V) {
        if let Some(stamp) = stamp {
            self.0.insert(key, (stamp, value));
        }
    }
}

/// The changes of a transaction. They are applied when this is dropped, so that no way out of a commit skips them.
#[derive(Debug)]
pub(crate) struct Invalidation {
    cache: Arc<ReadCache>,
    changed: Vec<Uuid>,
    /// Whether the transaction may be committed later, without this process noticing.
    may_commit_later: bool,
}

impl Invalidation {
    /// The rows of these users and assistants change, and it is not known when.
    pub(crate) const fn new(cache: Arc<ReadCache>, changed: Vec<Uuid>) -> Self {
        Self { cache, changed, may_commit_later: true }
    }

    /// The transaction was committed or not, and that will not change any more; or a notification follows if it does.
    pub(crate) const fn settle(&mut self) {
        self.may_commit_later = false;
    }
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        for of in &self.changed {
            self.cache.feed.invalidate(*of);
        }
        if self.may_commit_later && !self.changed.is_empty() {
            self.cache.feed.suspend();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_evicted_beyond_the_limit() {
        const MAX: u64 = 100_000;
        const VALUE: usize = 1_000;
        let feed = ChangeFeed::default();
        let cache: Stamped<u64, Vec<u8>> = Stamped::new(MAX, Vec::len);
        feed.confirm(feed.begin_check());
        let stamp = feed.stamp(Uuid::from_u128(1));
        assert!(stamp.is_some());
        for key in 0..10_000 {
            cache.insert(key, stamp, vec![0; VALUE]);
        }
        cache.0.run_pending_tasks();
        let entry = u64::try_from(ENTRY_OVERHEAD + VALUE).unwrap();
        assert!(cache.0.weighted_size() <= MAX);
        assert!((1..=MAX / entry).contains(&cache.0.entry_count()));
    }

    #[test]
    fn size_of_record_grows_with_its_texts() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let [id, user] = ids;
        let mode = reef_domain::wire::ApiMode::Byok;
        let now = Timestamp::from_unix_ms(0);
        let mut assistant = reef_domain::Assistant::new(AssistantId::new(id), UserId::new(user), mode, now);
        assistant.config.name = Some(String::new());
        let short = record_size(&assistant.record());
        assistant.config.name = Some("x".repeat(5_000));
        assert_eq!(record_size(&assistant.record()), short + 5_000);
    }
}
