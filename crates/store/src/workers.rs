//! What the embedded worker host should be running.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_all, fetch_optional};

/// A worker that should be running.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct WorkerRow {
    /// The assistant's name for life.
    pub worker_name: String,
    /// Whose memory it uses.
    pub assistant_id: AssistantId,
    /// The run that started it.
    pub generation: i64,
    /// Its settings, sealed.
    pub settings: Vec<u8>,
    /// Fetches its updates itself instead of being sent them.
    pub polling: bool,
    /// The next update to fetch.
    pub poll_offset: i64,
    /// When it was started.
    pub started_at: Timestamp,
}

/// The columns of [`WorkerRow`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select worker_name, assistant_id, generation, settings, polling, poll_offset, started_at from workers ",
            $rest
        )
    };
}

impl Tx {
    /// Starts or replaces a worker; `false` when one of a newer run is there.
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

    /// The worker with this name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker(&mut self, name: &str) -> Result<Option<WorkerRow>, StoreError> {
        Ok(fetch_optional!(self, WorkerRow, select!("where worker_name = $1"), name))
    }

    /// The worker of this assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker_of(&mut self, assistant: AssistantId) -> Result<Option<WorkerRow>, StoreError> {
        Ok(fetch_optional!(self, WorkerRow, select!("where assistant_id = $1"), assistant))
    }

    /// Removes a worker unless a run newer than `generation` has replaced it; `true` when it was there.
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

    /// Polling workers that nobody polls for.
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

    /// Takes or keeps the right to poll for a worker until `until`; `false` when another holds it, or the
    /// worker is of another run.
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

    /// Frees a worker for others to poll for, if `token` holds it.
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

    /// Frees a worker that `token` holds; nobody polls for it before `until`, whatever is restarted.
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

    /// Frees every worker that is not polled by `token`'s holder: for the only process on a database, at its start.
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

    /// Notes up to where updates have been fetched; `false` when somebody else polls now, or the worker is of
    /// another run.
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

    /// The runs of those of the named workers that are there.
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
