//! Reads from memory: never older than what this store has committed, and never relied on unless all changes arrive.

mod keys;
mod lost_connections;
mod records;

use std::time::Duration;

use reef_domain::ids::{AssistantId, UserId};
use reef_domain::{Assistant, State};
use reef_store::Store;
use reef_store::testing::TestStore;
use tokio::task::JoinHandle;

use crate::support::{NOW, add_assistant, add_user, at, raw};

/// How long a condition may take to come true. It does at once, or after a check of the listener.
const LIMIT: Duration = Duration::from_secs(30);

/// Listens in the background until it is dropped, and again after a connection was lost.
struct Listening(JoinHandle<()>);

impl Listening {
    async fn start(store: &Store) -> Self {
        let (store, mut listener) =
            (store.clone(), store.listen().await.expect("the database should answer"));
        Self(tokio::spawn(async move {
            loop {
                while listener.next().await.is_ok() {}
                listener = store.listen().await.expect("the database should answer");
            }
        }))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until a condition is true.
async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(LIMIT, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} should become true"));
}

/// Stores a user with an assistant. Tests on one PostgreSQL notify each other about equal ids, so that a remembered row
/// may be read again without need.
async fn add_owner(store: &Store) -> (UserId, Assistant) {
    let mut tx = store.begin().await.expect("the database should answer");
    let user = add_user(&mut tx).await;
    let mut assistant = add_assistant(&mut tx, user, State::Purchased, NOW).await;
    assistant.config.name = Some("first".to_owned());
    assert!(tx.update_assistant(&mut assistant).await.expect("the database should answer"));
    tx.commit().await.expect("the database should answer");
    (user, assistant)
}

/// Gives the assistant another name.
async fn rename(store: &Store, id: AssistantId, name: &str) {
    let mut tx = store.begin().await.expect("the database should answer");
    let mut assistant =
        tx.lock_assistant(id).await.expect("the database should answer").expect("the row should exist");
    assistant.config.name = Some(name.to_owned());
    assert!(tx.update_assistant(&mut assistant).await.expect("the database should answer"));
    tx.commit().await.expect("the database should answer");
}

async fn known_name(store: &Store, id: AssistantId) -> Option<String> {
    store.find_known_record(id).await.expect("the database should answer").map(|record| record.name.clone())
}

async fn listed_names(store: &Store, user: UserId) -> Vec<String> {
    if let Some(listed) = store.list_known_records(user).await.expect("the database should answer") {
        return listed.iter().map(|record| record.name.clone()).collect();
    }
    let mut tx = store.read().await.expect("the database should answer");
    let listed = tx.list_assistants(user, at(0)).await.expect("the database should answer");
    listed.iter().map(|assistant| assistant.record().name).collect()
}

/// Changes the name without a notification, and back with one. Returns whether the store did not notice the change,
/// because it reads from memory.
async fn is_remembered(db: &TestStore, store: &Store, id: AssistantId) -> bool {
    let before = known_name(store, id).await.expect("the assistant should exist");
    raw!(db, "update assistants set name = 'unnoticed' where id = $1", id);
    let seen = known_name(store, id).await;
    rename(store, id, &before).await;
    assert_eq!(known_name(store, id).await.as_ref(), Some(&before));
    seen == Some(before)
}

/// Waits until the store reads from memory.
async fn wait_until_remembered(db: &TestStore, store: &Store, id: AssistantId) {
    wait_until("reading from memory", async || is_remembered(db, store, id).await).await;
}
