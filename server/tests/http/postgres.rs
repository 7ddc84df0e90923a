//! A PostgreSQL database of a test's own, gone with it.

use std::thread;

use reef_service::ports::{Entropy as _, SystemEntropy};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use url::Url;

/// A database on the server that `TEST_DATABASE_URL` names.
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
    name: String,
    server: String,
}

impl TestDatabase {
    /// Makes one. Without a server the test fails: PostgreSQL is never skipped.
    pub async fn create() -> Self {
        let server = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL must name a PostgreSQL; `cargo xtask test` sets it");
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        let name = format!("test_{:016x}", u64::from_be_bytes(random));
        let mut url = Url::parse(&server).expect("TEST_DATABASE_URL is a postgres:// URL");
        url.set_path(&name);
        execute(&server, format!("create database {name}")).await;
        Self { url: url.into(), name, server }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("drop database {} with (force)", self.name));
        // Of its own: a runtime that is ending can't wait.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&server, drop));
        });
        assert!(dropping.join().is_ok() || thread::panicking(), "a test's database could not be dropped");
    }
}

async fn execute(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    // The name in it is made of hex digits.
    connection.execute(AssertSqlSafe(sql)).await.expect("a statement that works");
}
