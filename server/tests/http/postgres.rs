//! A separate PostgreSQL database for each test.

use std::thread;

use reef_outbound::SystemEntropy;
use reef_ports::Entropy as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use url::Url;

/// A database on the server in `TEST_DATABASE_URL`, which is dropped with this value.
pub struct TestDatabase {
    pub url: String,
    name: String,
    server: String,
}

impl TestDatabase {
    /// Creates a database. Without a server the test fails, so that PostgreSQL is never skipped.
    pub async fn create() -> Self {
        let server = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL must be set; `cargo xtask test` sets it");
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        let name = format!("test_{:016x}", u64::from_be_bytes(random));
        let mut url = Url::parse(&server).expect("TEST_DATABASE_URL must be a postgres:// URL");
        url.set_path(&name);
        execute(&server, format!("create database {name}")).await;
        Self { url: url.into(), name, server }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("drop database {} with (force)", self.name));
        // The test's runtime may be shutting down and cannot block, so this needs another thread and runtime.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("could not build a runtime").block_on(execute(&server, drop));
        });
        assert!(dropping.join().is_ok() || thread::panicking(), "a test's database could not be dropped");
    }
}

async fn execute(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL did not respond");
    // The name in the statement consists of hex digits, so this cannot inject SQL.
    connection.execute(AssertSqlSafe(sql)).await.expect("the statement failed");
}
