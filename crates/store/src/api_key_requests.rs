//! The newest requests of each API key.

use reef_domain::Timestamp;
use reef_domain::ids::ApiKeyId;
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use crate::error::StoreError;
use crate::timeout::with_timeout;
use crate::tx::{Tx, db, execute, fetch_all};

/// A request that was made with a key.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ApiKeyRequestRow {
    pub key_id: ApiKeyId,
    /// Ids are in the order of time.
    pub id: Uuid,
    pub method: String,
    /// The path, without the query string.
    pub path: String,
    pub status: i64,
    pub duration_ms: i64,
    /// The `X-Request-Id` of the response.
    pub request_id: String,
    pub answered_at: Timestamp,
}

impl Tx {
    /// Records requests, except those of deleted keys. At most 1,000 at once: a statement takes 32,766 values
    /// (<https://sqlite.org/limits.html#max_variable_number>).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_api_key_requests(&mut self, rows: &[ApiKeyRequestRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        db!(self, conn => {
            let mut statement = QueryBuilder::new(
                "with added (key_id, id, method, path, status, duration_ms, request_id, answered_at) as (",
            );
            statement.push_values(rows, |mut values, row| {
                values
                    .push_bind(row.key_id)
                    .push_bind(row.id)
                    .push_bind(&row.method)
                    .push_bind(&row.path)
                    .push_bind(row.status)
                    .push_bind(row.duration_ms)
                    .push_bind(&row.request_id)
                    .push_bind(row.answered_at);
            });
            statement.push(
                ") insert into api_key_requests
                       (key_id, id, method, path, status, duration_ms, request_id, answered_at)
                   select added.* from added join api_keys on api_keys.id = added.key_id",
            );
            with_timeout(statement.build().execute(conn)).await?;
        });
        self.record_changes();
        Ok(())
    }

    /// Deletes all but the newest `kept` requests of a key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn trim_api_key_requests(&mut self, key: ApiKeyId, kept: i64) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from api_key_requests where key_id = $1 and id <=
                    (select id from api_key_requests where key_id = $1 order by id desc limit 1 offset $2)",
            key,
            kept,
        );
        Ok(())
    }

    /// Lists the requests of a key, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_api_key_requests(
        &mut self,
        key: ApiKeyId,
        limit: i64,
    ) -> Result<Vec<ApiKeyRequestRow>, StoreError> {
        Ok(fetch_all!(
            self,
            ApiKeyRequestRow,
            "select * from api_key_requests where key_id = $1 order by id desc limit $2",
            key,
            limit,
        ))
    }

    /// Deletes the requests of keys that had expired or were revoked before `ended_before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_api_key_requests(&mut self, ended_before: Timestamp) -> Result<u64, StoreError> {
        let pruned = execute!(
            self,
            "delete from api_key_requests where key_id in
                    (select id from api_keys where revoked_at is not null and not requests_pruned and revoked_at <= $1
                     union all
                     select id from api_keys where expires_at is not null and not requests_pruned and expires_at <= $1)",
            ended_before,
        );
        // Keys stay, so those without requests must not be gone through each time. Nothing that is remembered of a key
        // depends on this.
        let revoked = "update api_keys set requests_pruned = true
                       where revoked_at is not null and not requests_pruned and revoked_at <= $1";
        execute!(self, revoked, ended_before);
        let expired = "update api_keys set requests_pruned = true
                       where expires_at is not null and not requests_pruned and expires_at <= $1";
        execute!(self, expired, ended_before);
        Ok(pruned)
    }
}
