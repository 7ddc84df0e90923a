//! Fresh databases for tests: a file each on SQLite, a schema each on PostgreSQL.

use std::path::PathBuf;
use std::str::FromStr;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use crate::{Store, StoreError};

/// A database of a test's own, gone with it.
#[derive(Debug)]
pub struct TestStore {
    /// The store, migrated.
    pub store: Store,
    folder: Option<TempDir>,
    schema: Option<Schema>,
}

/// A schema that goes with its test.
#[derive(Debug)]
struct Schema {
    name: String,
    options: PgConnectOptions,
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (name, options) = (std::mem::take(&mut self.name), self.options.clone());
        // Dropping can't await, and the test's own runtime may be ending: a thread with a runtime of its own.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(drop_schema(&name, options)).map_err(std::io::Error::other)
        });
        // A schema that stays behind fails no test; the next run has names of its own.
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::warn!("a test's schema could not be dropped");
        }
    }
}

async fn drop_schema(name: &str, options: PgConnectOptions) -> Result<(), StoreError> {
    // A transaction that the test has left open must not hold its end up.
    let admin = Store::connect_postgres(options.options([("lock_timeout", "2s")]), 1).await?;
    if let Store::Postgres(pool) = &admin {
        // The name is made of hex digits below.
        sqlx::query(AssertSqlSafe(format!("drop schema {name} cascade"))).execute(pool).await?;
    }
    admin.close().await;
    Ok(())
}

impl TestStore {
    /// On SQLite, in a folder of its own.
    ///
    /// # Panics
    /// When it can't be made: a test without its database must not pass.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("reef.db").display());
        let store = Store::connect(&url).await.expect("a SQLite file");
        store.migrate().await.expect("migrations");
        Self { store, folder: Some(folder), schema: None }
    }

    /// On the PostgreSQL that `TEST_DATABASE_URL` names, in a schema of its own.
    ///
    /// # Panics
    /// When the variable is missing or the server does not answer: PostgreSQL is never skipped.
    pub async fn postgres() -> Self {
        let url = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL must name a PostgreSQL; `cargo xtask test` sets it");
        let options = PgConnectOptions::from_str(&url).expect("TEST_DATABASE_URL is a postgres:// URL");
        let mut random = [0_u8; 8];
        #[expect(clippy::disallowed_methods, reason = "test databases only need different names")]
        getrandom::fill(&mut random).expect("randomness");
        let schema = format!("test_{:016x}", u64::from_be_bytes(random));
        let admin = Store::connect_postgres(options.clone(), 1).await.expect("PostgreSQL answers");
        if let Store::Postgres(pool) = &admin {
            // The name is made of hex digits above.
            sqlx::query(AssertSqlSafe(format!("create schema {schema}")))
                .execute(pool)
                .await
                .expect("a schema");
        }
        admin.close().await;
        let schema = Schema { name: schema, options };
        let in_it = schema.options.clone().options([("search_path", &schema.name)]);
        let store = Store::connect_postgres(in_it, 4).await.expect("PostgreSQL answers");
        store.migrate().await.expect("migrations");
        Self { store, folder: None, schema: Some(schema) }
    }

    /// The schema on PostgreSQL.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_ref().map(|schema| schema.name.as_str())
    }

    /// The SQLite file, for tests that look at its bytes.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().join("reef.db"))
    }
}

/// Expands one test body into `sqlite_…` and `postgres_…`. The body gets a [`TestStore`].
#[macro_export]
macro_rules! on_both_databases {
    ($(async fn $name:ident($store:ident: TestStore) $body:block)+) => {
        mod sqlite {
            #[allow(unused_imports, reason = "a body may need nothing from outside")]
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let $store = $crate::testing::TestStore::sqlite().await;
                $body
            })+
        }
        mod postgres {
            #[allow(unused_imports, reason = "a body may need nothing from outside")]
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let $store = $crate::testing::TestStore::postgres().await;
                $body
            })+
        }
    };
}
