//! What workers see while they run, which the service evaluates.

use reef_domain::Timestamp;
use reef_domain::health::HealthCode;
use reef_domain::ids::AssistantId;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// What a worker has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSignal {
    /// The assistant.
    pub assistant_id: AssistantId,
    /// The run of the worker. What is seen of an earlier one is ignored.
    pub generation: i64,
    /// What it has seen of Telegram, if anything.
    pub telegram: Option<HealthCode>,
    /// What it has seen of the model, if anything.
    pub model: Option<HealthCode>,
    /// Whether somebody has used the assistant.
    pub is_use: bool,
}

impl Tx {
    /// Records what a worker has seen at `now`. What differs from what is known is evaluated without delay, the rest with the
    /// next check. If the assistant is used, that is at `check_by` at the latest.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_health_signal(
        &mut self,
        signal: HealthSignal,
        now: Timestamp,
        check_by: Timestamp,
    ) -> Result<(), StoreError> {
        let is_ok = |code: Option<HealthCode>| code.is_none_or(|code| code == HealthCode::Ok);
        let is_fine = is_ok(signal.telegram) && is_ok(signal.model);
        execute!(
            self,
            "update assistant_health set
                    telegram_signal = coalesce($3, telegram_signal),
                    model_signal = coalesce($4, model_signal),
                    signal_at = case when $5 and is_steady then signal_at else $6 end,
                    used_at = case when $7 then $6 else used_at end,
                    next_telegram_check_at = case when $7 and next_telegram_check_at > $8 then $8
                                                  else next_telegram_check_at end
             where assistant_id = $1 and generation = $2",
            signal.assistant_id,
            signal.generation,
            signal.telegram.map(HealthCode::as_str),
            signal.model.map(HealthCode::as_str),
            is_fine,
            now,
            signal.is_use,
            check_by,
        );
        Ok(())
    }

    /// Lists assistants of which something was seen that has to be evaluated, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_health_signals(&mut self, limit: i64) -> Result<Vec<AssistantId>, StoreError> {
        let rows: Vec<(AssistantId,)> = fetch_all!(
            self,
            (AssistantId,),
            "select assistant_id from assistant_health where signal_at is not null order by signal_at limit $1",
            limit,
        );
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}
