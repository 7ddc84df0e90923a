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
    pub async fn upsert_worker(&mut self, worker: &WorkerRow) -> Result<bool, StoreError> {
        let written = execute!(
            self,
            "insert into workers (worker_name, assistant_id, generation, settings, polling, poll_offset, started_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (worker_name) do update set generation = excluded.generation, settings = excluded.settings,
                    polling = excluded.polling, poll_offset = excluded.poll_offset, started_at = excluded.started_at,
                    poll_lease_until = null, poll_lease_token = null
             where workers.generation <= excluded.generation",
            &worker.worker_name,
            worker.assistant_id,
            worker.generation,
            &worker.settings,
            worker.polling,
            worker.poll_offset,
            worker.started_at,
        );
        Ok(written == 1)
    }

    /// Finds a worker by its name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_worker(&mut self, name: &str) -> Result<Option<WorkerRow>, StoreError> {
        Ok(fetch_optional!(self, WorkerRow, select!("where worker_name = $1"), name))
    }

    /// Finds the worker of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_worker_by_assistant(
        &mut self,
        assistant: AssistantId,
    ) -> Result<Option<WorkerRow>, StoreError> {
        Ok(fetch_optional!(self, WorkerRow, select!("where assistant_id = $1"), assistant))
    }

    /// Deletes a worker unless a run newer than `generation` has replaced it; `true` when it existed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_worker(&mut self, name: &str, generation: i64) -> Result<bool, StoreError> {
        let deleted = execute!(
            self,
            "delete from workers where worker_name = $1 and generation <= $2",
            name,
            generation
        );
        Ok(deleted == 1)
    }

    /// Lists polling workers that no process polls for.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_unpolled_workers(
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
    pub async fn claim_polling_lease(
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
    pub async fn release_polling_lease(&mut self, name: &str, token: Uuid) -> Result<(), StoreError> {
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
    pub async fn postpone_polling(
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
    pub async fn release_other_polling_leases(&mut self, token: Uuid) -> Result<u64, StoreError> {
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
    pub async fn update_poll_offset(
        &mut self,
        name: &str,
        generation: i64,
        token: Uuid,
        offset: i64,
    ) -> Result<bool, StoreError> {
        let updated = execute!(
            self,
            "update workers set poll_offset = $4
             where worker_name = $1 and generation = $2 and poll_lease_token = $3",
            name,
            generation,
            token,
            offset,
        );
        Ok(updated == 1)
    }

    /// Lists the runs of the named workers that exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_worker_generations(
        &mut self,
        names: &[&str],
    ) -> Result<Vec<(String, i64)>, StoreError> {
        const SQLITE: &str = "select worker_name, generation from workers
             where worker_name in (select value from json_each($1))";
        const POSTGRES: &str = "select worker_name, generation from workers
             where worker_name = any (array(select jsonb_array_elements_text($1::jsonb)))";
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        Ok(fetch_all!(self, (String, i64), sql, Json(names)))
    }
}
