//! A connection to either database.

use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, SqliteConnection,
};
use uuid::Uuid;

/// A connection.
pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Creates a database on a PostgreSQL server, and returns its URL.
pub async fn create(server: &str, name: &str) -> Result<Value> {
    let (host, _) = server.rsplit_once('/').context("the URL of the server names no database")?;
    Database::connect(server).await?.execute(&format!("create database {name}")).await?;
    Ok(json!({"url": format!("{host}/{name}")}))
}

/// Runs one expression on the connection of either kind.
macro_rules! on_either {
    ($database:expr, $connection:ident => $run:expr) => {
        match $database {
            Database::Sqlite($connection) => $run,
            Database::Postgres($connection) => $run,
        }
    };
}

impl Database {
    pub async fn connect(url: &str) -> Result<Self> {
        let connected = if url.starts_with("sqlite:") {
            SqliteConnectOptions::from_str(url)?.connect().await.map(Self::Sqlite)
        } else {
            PgConnection::connect(url).await.map(Self::Postgres)
        };
        connected.context("the database could not be opened")
    }

    /// Runs a statement of this program.
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        let safe = || AssertSqlSafe(sql.to_owned());
        let done = on_either!(self, connection => connection.execute(safe()).await.map(drop));
        done.with_context(|| format!("this statement failed: {sql}"))
    }

    pub async fn has_column(&mut self, table: &str, column: &str) -> Result<bool> {
        let (count,): (i64,) = match self {
            Self::Sqlite(connection) => {
                let sql = "select count(*) from pragma_table_info($1) where name = $2";
                sqlx::query_as(sql).bind(table).bind(column).fetch_one(connection).await?
            }
            Self::Postgres(connection) => {
                let sql = "select count(*) from information_schema.columns where table_name = $1 and column_name = $2";
                sqlx::query_as(sql).bind(table).bind(column).fetch_one(connection).await?
            }
        };
        Ok(count > 0)
    }

    /// Does at once what would be done within minutes, by autovacuum or by the next writers: the rows leave SQLite's log.
    pub async fn settle(&mut self) -> Result<()> {
        self.execute(match self {
            Self::Sqlite(_) => "pragma wal_checkpoint(truncate)",
            Self::Postgres(_) => "vacuum analyze",
        })
        .await
    }

    /// Lists the ids of a user's assistants, newest first.
    pub async fn assistants_of(&mut self, user: Uuid) -> Result<Vec<Uuid>> {
        let sql = "select id from assistants where user_id = $1 order by created_at desc, id desc";
        let ids: Vec<(Uuid,)> =
            on_either!(self, connection => sqlx::query_as(sql).bind(user).fetch_all(connection).await?);
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// Lists the users that `fill` has inserted, with each of their assistants, ordered by user.
    pub async fn assistants_of_others(&mut self) -> Result<Vec<(Uuid, Uuid)>> {
        let sql = "select user_id, assistants.id from assistants join users on users.id = user_id
            where email like '%@bench.example' order by user_id, assistants.id";
        Ok(on_either!(self, connection => sqlx::query_as(sql).fetch_all(connection).await?))
    }
}
