//! The steps of deployment runs, for pages to show.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::steps::{Step, StepRecord};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// How many runs before the current one keep their steps.
const GENERATIONS_KEPT: i64 = 10;

#[derive(FromRow)]
struct Row {
    position: i64,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    failed: bool,
}

impl Tx {
    /// Records that a run starts a step. The step before it has succeeded, and what an earlier attempt of the run
    /// recorded from this step on is deleted.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when there is no such assistant.
    pub async fn start_deployment_step(
        &mut self,
        assistant: AssistantId,
        generation: i64,
        step: Step,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let position = step.position();
        execute!(
            self,
            "delete from deployment_steps
             where assistant_id = $1 and (generation < $2 or (generation = $3 and position >= $4))",
            assistant,
            generation - GENERATIONS_KEPT,
            generation,
            position,
        );
        self.finish_deployment_step(assistant, generation, false, now).await?;
        execute!(
            self,
            "insert into deployment_steps (assistant_id, generation, position, started_at, failed)
             values ($1, $2, $3, $4, $5)",
            assistant,
            generation,
            position,
            now,
            false,
        );
        Ok(())
    }

    /// Records that the current step of a run has ended. Does nothing when no step is open.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_deployment_step(
        &mut self,
        assistant: AssistantId,
        generation: i64,
        failed: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update deployment_steps set ended_at = $3, failed = $4
             where assistant_id = $1 and generation = $2 and ended_at is null",
            assistant,
            generation,
            now,
            failed,
        );
        Ok(())
    }

    /// Lists the steps that a run has started, in their order.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_deployment_steps(
        &mut self,
        assistant: AssistantId,
        generation: i64,
    ) -> Result<Vec<StepRecord>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self,
            Row,
            "select position, started_at, ended_at, failed from deployment_steps
             where assistant_id = $1 and generation = $2 order by position",
            assistant,
            generation,
        );
        let read = |row: Row| {
            let step = Step::from_position(row.position);
            let step = step.ok_or_else(|| StoreError::corrupt("deployment_steps", assistant))?;
            Ok(StepRecord { step, began_at: row.started_at, ended_at: row.ended_at, failed: row.failed })
        };
        rows.into_iter().map(read).collect()
    }
}
