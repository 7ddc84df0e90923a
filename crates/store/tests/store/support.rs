//! What the tests of every area share: ids, moments, the rows others hang on, and raw SQL.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use reef_domain::ids::{AssistantId, UserId};
use reef_domain::state::Run;
use reef_domain::wire::{ApiMode, PaymentStatus};
use reef_domain::{Assistant, State, Timestamp};
use reef_store::{StoreError, Tx, UserRow};
use uuid::Uuid;

/// The moment most tests happen at; its milliseconds are not round.
pub const NOW: Timestamp = Timestamp::from_unix_ms(1_771_034_601_457);

/// `ms` after [`NOW`]; before it when negative.
pub const fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + ms)
}

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A new id, greater than all before it.
pub fn uuid() -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | u128::from(next_number()))
}

/// A worker name nobody has.
pub fn worker_name() -> String {
    format!("openclaw-{:08x}", next_number())
}

/// The `generation`-th run of a worker nobody has.
pub fn run(generation: i64) -> Run {
    Run { worker_name: worker_name(), generation }
}

/// An account that is not stored.
pub fn account(email: &str) -> UserRow {
    UserRow {
        id: UserId::new(uuid()),
        email: email.to_owned(),
        password_hash: "$argon2id$v=19$hash".to_owned(),
        callback_secret: vec![1, 2, 3],
        callback_secret_previous: None,
        callback_secret_rotated: None,
        created_at: NOW,
        email_confirmed_at: None,
    }
}

/// Stores an account with an address of its own.
pub async fn add_user(tx: &mut Tx) -> UserId {
    let user = account(&format!("user{}@example.com", next_number()));
    assert!(tx.insert_user(&user).await.expect("an account"));
    user.id
}

/// Stores a paid assistant of `user` in `state`, ordered at `created_at`.
pub async fn add_assistant(tx: &mut Tx, user: UserId, state: State, created_at: Timestamp) -> Assistant {
    let mut assistant = Assistant::ordered(AssistantId::new(uuid()), user, ApiMode::Byok, created_at);
    assistant.state = state;
    assistant.payment.status = PaymentStatus::Paid;
    tx.insert_assistant(&assistant).await.expect("an assistant");
    assistant
}

/// Stores an unpaid slot of `user`.
pub async fn add_slot(tx: &mut Tx, user: UserId) -> Assistant {
    add_assistant(tx, user, State::PendingPayment, NOW).await
}

/// Stores a slot of `user` that was ordered at `created_at` and never paid.
pub async fn add_unpaid(tx: &mut Tx, user: UserId, created_at: Timestamp) -> AssistantId {
    let assistant = Assistant::ordered(AssistantId::new(uuid()), user, ApiMode::Byok, created_at);
    tx.insert_assistant(&assistant).await.expect("an assistant");
    assistant.id
}

/// Runs SQL past the store's functions; gives how many rows it changed.
macro_rules! raw {
    ($db:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &$db.store {
            reef_store::Store::Sqlite { write, .. } => {
                sqlx::query($sql)$(.bind($arg))*.execute(write).await.expect("raw SQL").rows_affected()
            }
            reef_store::Store::Postgres(pool) => {
                sqlx::query($sql)$(.bind($arg))*.execute(pool).await.expect("raw SQL").rows_affected()
            }
        }
    };
}

/// Reads rows past the store's functions.
macro_rules! raw_rows {
    ($db:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &$db.store {
            reef_store::Store::Sqlite { write, .. } => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(write).await.expect("raw SQL")
            }
            reef_store::Store::Postgres(pool) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(pool).await.expect("raw SQL")
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
