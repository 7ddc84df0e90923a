//! The workers that the embedded worker host runs.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_all, fetch_optional};

/// A worker that should be running.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct WorkerRow {
    /// The name that its assistant has for life.
    pub worker_name: String,
    pub assistant_id: AssistantId,
    /// The run that started it.
    pub generation: i64,
    /// The sealed settings of the worker.
    pub settings: Vec<u8>,
    /// Whether it polls for updates instead of receiving webhooks.
    pub polling: bool,
    /// The id of the next update to poll for.
    pub poll_offset: i64,
    pub started_at: Timestamp,
}

/// Selects the columns of [`WorkerRow`], followed by `$rest`.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select worker_name, assistant_id, generation, settings, polling, poll_offset, started_at from workers ",
            $rest
        )
    };
}

impl Tx {
    /// Starts a worker or replaces one of the same or an older run; `false` when one of a newer run exists.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_worker(&mut self, w: &WorkerRow) -> Result<bool, StoreError> {
        let put = execute!(
            self,
            "insert into workers (worker_name, assistant_id, generation, settings, polling, poll_offset, started_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (worker_name) do update set generation = excluded.generation, settings = excluded.settings,
                    polling = excluded.polling, poll_offset = excluded.poll_offset, started_at = excluded.started_at,
                    poll_lease_until = null, poll_lease_token = null
             where workers.generation <= excluded.generation",
            &w.worker_name,
            w.assistant_id,
            w.generation,
            &w.settings,
            w.polling,
            w.poll_offset,
            w.started_at,
        );
        Ok(put == 1)
    }

    /// Finds a worker by its name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker(&mut self, name: &str) -> Result<Option<WorkerRow>, StoreError> {
        Ok(fetch_optional!(self, WorkerRow, select!("where worker_name = $1"), name))
    }

    /// Finds the worker of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker_of(&mut self, assistant: AssistantId) -> Result<Option<WorkerRow>, StoreError> {
        Ok(fetch_optional!(self, WorkerRow, select!("where assistant_id = $1"), assistant))
    }

    /// Deletes a worker unless a run newer than `generation` has replaced it; `true` when it existed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_worker(&mut self, name: &str, generation: i64) -> Result<bool, StoreError> {
        let gone = execute!(
            self,
            "delete from workers where worker_name = $1 and generation <= $2",
            name,
            generation
        );
        Ok(gone == 1)
    }

    /// Lists polling workers that no process polls for.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unpolled_workers(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<WorkerRow>, StoreError> {
        Ok(fetch_all!(
            self,
            WorkerRow,
            select!(
                "where polling and (poll_lease_until is null or poll_lease_until <= $1)
                 order by worker_name limit $2"
            ),
            now,
            limit,
        ))
    }

    /// Takes or extends the lease to poll for a worker until `until`; `false` when another process has it, or when
    /// the worker belongs to another run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lease_polling(
        &mut self,
        name: &str,
        generation: i64,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let leased = execute!(
            self,
            "update workers set poll_lease_until = $5, poll_lease_token = $3
             where worker_name = $1 and generation = $2 and polling
               and (poll_lease_token = $3 or poll_lease_until is null or poll_lease_until <= $4)",
            name,
            generation,
            token,
            now,
            until,
        );
        Ok(leased == 1)
    }

    /// Releases the lease to poll for a worker, if `token` has it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_polling(&mut self, name: &str, token: Uuid) -> Result<(), StoreError> {
        execute!(
            self,
            "update workers set poll_lease_until = null, poll_lease_token = null
             where worker_name = $1 and poll_lease_token = $2",
            name,
            token,
        );
        Ok(())
    }

    /// Releases the lease to poll for a worker, if `token` has it. No process polls before `until`, even after a
    /// restart.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rest_polling(
        &mut self,
        name: &str,
        token: Uuid,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update workers set poll_lease_until = $3, poll_lease_token = null
             where worker_name = $1 and poll_lease_token = $2",
            name,
            token,
            until,
        );
        Ok(())
    }

    /// Releases every lease to poll that the holder of `token` does not have; returns how many. Only for the one
    /// process of a database, when it starts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn free_polling_leases(&mut self, token: Uuid) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update workers set poll_lease_until = null, poll_lease_token = null
             where poll_lease_token is not null and poll_lease_token <> $1",
            token,
        ))
    }

    /// Stores the id of the next update to poll for; `false` when another process has the lease, or when the worker
    /// belongs to another run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_poll_offset(
        &mut self,
        name: &str,
        generation: i64,
        token: Uuid,
        offset: i64,
    ) -> Result<bool, StoreError> {
        let noted = execute!(
            self,
            "update workers set poll_offset = $4
             where worker_name = $1 and generation = $2 and poll_lease_token = $3",
            name,
            generation,
            token,
            offset,
        );
        Ok(noted == 1)
    }

    /// Lists the runs of the named workers that exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker_generations(&mut self, names: &[&str]) -> Result<Vec<(String, i64)>, StoreError> {
        const SQLITE: &str = "select worker_name, generation from workers
             where worker_name in (select value from json_each($1))";
        const POSTGRES: &str = "select worker_name, generation from workers
             where worker_name in (select jsonb_array_elements_text($1::jsonb))";
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        Ok(fetch_all!(self, (String, i64), sql, Json(names)))
    }
}
