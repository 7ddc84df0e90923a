//! Shared by all tests: ids, times, rows that others refer to, and raw SQL.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use reef_domain::ids::{AssistantId, UserId};
use reef_domain::state::Run;
use reef_domain::wire::{ApiMode, PaymentStatus};
use reef_domain::{Assistant, State, Timestamp};
use reef_store::{StoreError, Tx, UserRow};
use uuid::Uuid;

/// The time at which most tests run. Its milliseconds are not round.
pub const NOW: Timestamp = Timestamp::from_unix_ms(1_771_034_601_457);

/// The time `ms` after [`NOW`], or before it if negative.
pub const fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + ms)
}

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A new id that is greater than all earlier ones.
pub fn uuid() -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | u128::from(next_number()))
}

/// A worker name that is not used yet.
pub fn worker_name() -> String {
    format!("openclaw-{:08x}", next_number())
}

/// A run with a worker name that is not used yet.
pub fn run(generation: i64) -> Run {
    Run { worker_name: worker_name(), generation }
}

/// A user that is not stored.
pub fn new_user(email: &str) -> UserRow {
    UserRow {
        id: UserId::new(uuid()),
        email: email.to_owned(),
        password_hash: "$argon2id$v=19$hash".to_owned(),
        signing_secret: vec![1, 2, 3],
        previous_signing_secret: None,
        signing_secret_rotated_at: None,
        created_at: NOW,
        email_confirmed_at: None,
    }
}

/// Stores a user with a unique address.
pub async fn add_user(tx: &mut Tx) -> UserId {
    let user = new_user(&format!("user{}@example.com", next_number()));
    assert!(tx.insert_user(&user).await.expect("insert should succeed"));
    user.id
}

/// Stores a paid assistant of `user` in `state`, ordered at `created_at`.
pub async fn add_assistant(tx: &mut Tx, user: UserId, state: State, created_at: Timestamp) -> Assistant {
    let mut assistant = Assistant::new(AssistantId::new(uuid()), user, ApiMode::Byok, created_at);
    assistant.state = state;
    assistant.payment.status = PaymentStatus::Paid;
    tx.insert_assistant(&assistant).await.expect("insert should succeed");
    assistant
}

/// Stores an unpaid assistant of `user`.
pub async fn add_unpaid_assistant(tx: &mut Tx, user: UserId) -> Assistant {
    add_assistant(tx, user, State::PendingPayment, NOW).await
}

/// Stores an assistant of `user` that was ordered at `created_at` and never paid.
pub async fn add_unpaid_order(tx: &mut Tx, user: UserId, created_at: Timestamp) -> AssistantId {
    let assistant = Assistant::new(AssistantId::new(uuid()), user, ApiMode::Byok, created_at);
    tx.insert_assistant(&assistant).await.expect("insert should succeed");
    assistant.id
}

/// Runs SQL directly and returns how many rows it changed.
macro_rules! raw {
    ($db:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        match $db.store.database() {
            reef_store::Database::Sqlite { write, .. } => {
                sqlx::query($sql)$(.bind($arg))*.execute(write).await.expect("raw SQL should succeed").rows_affected()
            }
            reef_store::Database::Postgres(pool) => {
                sqlx::query($sql)$(.bind($arg))*.execute(pool).await.expect("raw SQL should succeed").rows_affected()
            }
        }
    };
}

/// Reads rows with SQL directly.
macro_rules! raw_rows {
    ($db:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match $db.store.database() {
            reef_store::Database::Sqlite { write, .. } => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(write).await.expect("raw SQL should succeed")
            }
            reef_store::Database::Postgres(pool) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(pool).await.expect("raw SQL should succeed")
            }
        }
    };
}

/// Asserts that a result is [`reef_store::StoreError::Corrupt`] about the row `id` of `table`.
#[track_caller]
pub fn assert_corrupt<T: Debug>(result: Result<T, StoreError>, table: &str, id: impl Copy + ToString) {
    match result {
        Err(StoreError::Corrupt { table: in_table, id: of_row }) => {
            assert_eq!((in_table, of_row), (table, id.to_string()));
        }
        other => panic!("not a corrupt row of {table}: {other:?}"),
    }
}

pub(crate) use {raw, raw_rows};
