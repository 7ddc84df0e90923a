//! API keys of many users, inserted as Reef would have stored them.

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, Postgres, Sqlite};
use uuid::Uuid;

use crate::database::Database;
use crate::sql::Dialect;

/// Inserts a key for each user, and returns the keys.
pub async fn insert(
    database: &mut Database,
    dialect: Dialect,
    users: &[Uuid],
    now: u64,
) -> Result<Vec<String>> {
    let keys: Vec<_> = (0..users.len()).map(key).collect();
    let (time, yes) = (dialect.time(&now.to_string()), dialect.true_value());
    let sql = format!(
        "insert into api_keys (id, user_id, name, hash, prefix, can_read, can_write, created_at)
         values ($1, $2, 'bench', $3, 'reef_live_', {yes}, {yes}, {time})"
    );
    match database {
        Database::Sqlite(connection) => {
            let mut tx = connection.begin_with("begin immediate").await?;
            for (user, key) in users.iter().zip(&keys) {
                let (id, hash) = (Uuid::from_u128(user.as_u128() ^ 1), hash(key));
                let insert = sqlx::query::<Sqlite>(sqlx::AssertSqlSafe(sql.clone()));
                insert.bind(id).bind(user).bind(hash).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        }
        Database::Postgres(connection) => {
            let mut tx = connection.begin().await?;
            for (user, key) in users.iter().zip(&keys) {
                let (id, hash) = (Uuid::from_u128(user.as_u128() ^ 1), hash(key));
                let insert = sqlx::query::<Postgres>(sqlx::AssertSqlSafe(sql.clone()));
                insert.bind(id).bind(user).bind(hash).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        }
    }
    Ok(keys)
}

/// The form of Reef's keys: a prefix, 40 hexadecimal digits and their checksum.
fn key(number: usize) -> String {
    let text = format!("reef_live_{number:040x}");
    let checksum = crc32fast::hash(text.as_bytes());
    format!("{text}{checksum:08x}")
}

fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}
