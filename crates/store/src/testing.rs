//! Databases for tests: each test gets its own SQLite file, or its own schema on PostgreSQL.

mod population;

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::durability::WalSync;
use crate::statements::StatementStats;
use crate::{Database, Store, StoreError};

pub use population::Population;

/// A database for one test, deleted after it.
#[derive(Debug)]
pub struct TestStore {
    /// The store, with all migrations applied.
    pub store: Store,
    folder: Option<TempDir>,
    schema: Option<Schema>,
}

/// A schema that is dropped with its test.
#[derive(Debug)]
struct Schema {
    name: String,
    options: PgConnectOptions,
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (name, options) = (std::mem::take(&mut self.name), self.options.clone());
        // `drop` cannot await, and the runtime of the test may be shutting down, so this runs on a thread with its own runtime.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(delete_schema(&name, options)).map_err(io::Error::other)
        });
        // A schema that remains does no harm: the next run uses other names.
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::warn!("test schema could not be dropped");
        }
    }
}

async fn delete_schema(name: &str, options: PgConnectOptions) -> Result<(), StoreError> {
    // A transaction that the test left open must not block the drop for long.
    let admin = Store::connect_postgres(options.options([("lock_timeout", "2s")]), 1).await?;
    if let Database::Postgres(pool) = admin.database() {
        // The name consists of letters and hex digits: see `TestStore::postgres`.
        sqlx::query(AssertSqlSafe(format!("drop schema {name} cascade"))).execute(pool).await?;
    }
    admin.close().await;
    Ok(())
}

impl TestStore {
    /// Creates a SQLite database in a directory of its own.
    ///
    /// # Panics
    /// When it cannot be created: a test without its database must not pass.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("temporary directory should be created");
        let url = format!("sqlite://{}", folder.path().join("reef.db").display());
        let store = Store::connect(&url).await.expect("SQLite should open");
        store.migrate().await.expect("migrations should apply");
        Self { store, folder: Some(folder), schema: None }
    }

    /// As [`Self::sqlite`], but `sync` is called instead of syncing the file. It blocks a thread of the runtime's pool.
    ///
    /// # Panics
    /// When it cannot be created.
    pub async fn sqlite_with_sync(sync: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("temporary directory should be created");
        let options = SqliteConnectOptions::new().filename(folder.path().join("reef.db"));
        let connected = Store::connect_sqlite(options, |_| WalSync::with_sync(Box::new(sync))).await;
        let store = connected.expect("SQLite should open");
        store.migrate().await.expect("migrations should apply");
        Self { store, folder: Some(folder), schema: None }
    }

    /// Creates a schema on the PostgreSQL server that `TEST_DATABASE_URL` names.
    ///
    /// # Panics
    /// When the variable is missing or the server does not answer: PostgreSQL is never skipped.
    pub async fn postgres() -> Self {
        let url = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL must name a PostgreSQL; `cargo xtask test` sets it");
        let options =
            PgConnectOptions::from_str(&url).expect("TEST_DATABASE_URL should be a postgres:// URL");
        let mut random = [0_u8; 8];
        #[expect(clippy::disallowed_methods, reason = "only the names of test databases depend on it")]
        getrandom::fill(&mut random).expect("random bytes should be available");
        let schema = format!("test_{:016x}", u64::from_be_bytes(random));
        let admin = Store::connect_postgres(options.clone(), 1).await.expect("PostgreSQL should answer");
        if let Database::Postgres(pool) = admin.database() {
            // The name consists of letters and hex digits.
            sqlx::query(AssertSqlSafe(format!("create schema {schema}")))
                .execute(pool)
                .await
                .expect("schema should be created");
        }
        admin.close().await;
        let schema = Schema { name: schema, options };
        let schema_options = schema.options.clone().options([("search_path", &schema.name)]);
        let store = Store::connect_postgres(schema_options, 4).await.expect("PostgreSQL should answer");
        store.migrate().await.expect("migrations should apply");
        Self { store, folder: None, schema: Some(schema) }
    }

    /// Opens the same database again, as another process does. On PostgreSQL the connections have the name of the schema.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn connect_again(&self) -> Store {
        let Some(schema) = &self.schema else {
            let file = self.file().expect("a SQLite database should have a file");
            return Store::connect(&format!("sqlite://{}", file.display()))
                .await
                .expect("SQLite should open");
        };
        let options = schema.options.clone().options([("search_path", &schema.name)]);
        let options = options.application_name(&schema.name);
        Store::connect_postgres(options, 4).await.expect("PostgreSQL should answer")
    }

    /// The name of the schema on PostgreSQL.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_ref().map(|schema| schema.name.as_str())
    }

    /// The SQLite file, for tests that read its bytes.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().join("reef.db"))
    }
}

impl Store {
    /// Starts to record which statements run, and forgets those that were recorded before.
    pub fn record_statements(&self) {
        self.cache().statements.start();
    }

    /// The statements that ran since [`Self::record_statements`], those that took the most time first.
    #[must_use]
    pub fn recorded_statements(&self) -> Vec<StatementStats> {
        self.cache().statements.list()
    }
}

/// Expands each test into one in the module `sqlite` and one in the module `postgres`. The body gets a [`TestStore`].
#[macro_export]
macro_rules! on_both_databases {
    ($(async fn $name:ident($store:ident: TestStore) $body:block)+) => {
        mod sqlite {
            #[allow(unused_imports, reason = "some bodies need nothing from outside")]
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let $store = $crate::testing::TestStore::sqlite().await;
                $body
            })+
        }
        mod postgres {
            #[allow(unused_imports, reason = "some bodies need nothing from outside")]
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let $store = $crate::testing::TestStore::postgres().await;
                $body
            })+
        }
    };
}
