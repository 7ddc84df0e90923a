//! How assistants are: their health as customers read it, the checks of Telegram and of models, and what a change causes.
//!
//! Workers record what they see while they are used; [`checks`] looks at the rest when it is due; [`evaluation`] decides what
//! that means. The status of an assistant never changes by it: that is what `deployments/health.rs` is for.

mod checks;
mod evaluation;
mod schedule;

use std::collections::BTreeMap;

use reef_domain::Assistant;
use reef_domain::health::{HealthRecord, Legs, Verdict};
use reef_domain::state::State;
use reef_domain::wire::{Provider, Scope, Status};
use reef_store::{HealthRow, Tx};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

pub use schedule::{CALLS_PER_SECOND, CHECK_BY_WHEN_USED};

/// The verdicts of the running assistants of an account, by the id of the assistant.
pub type Verdicts = BTreeMap<String, Verdict>;

impl Services {
    /// The health of one of the caller's assistants. Unless it is active, nothing is known.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_health(&self, caller: &Caller, id: &str) -> Result<HealthRecord, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        find_health_record(&mut tx, &assistant).await
    }

    /// The verdicts of all running assistants of the caller's account, for the list of assistants.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants.
    pub async fn list_verdicts(&self, caller: &Caller) -> Result<Verdicts, Error> {
        caller.require_scope_for_all(Scope::Read)?;
        let verdicts = self.store().read().await?.list_health_verdicts(caller.user_id).await?;
        Ok(verdicts.into_iter().map(|(id, verdict)| (id.to_string(), verdict)).collect())
    }
}

/// The health of an assistant, as customers read it.
pub(crate) async fn find_health_record(tx: &mut Tx, a: &Assistant) -> Result<HealthRecord, Error> {
    let State::Active { run, .. } = &a.state else { return Ok(Legs::not_running().record(a.mode)) };
    let row = tx.find_health(a.id).await?.filter(|row| row.generation == run.generation);
    Ok(row.map_or_else(Legs::not_checked, |row| row.legs).record(a.mode))
}

impl UnitOfWork<'_> {
    /// Begins or ends the checks of an assistant whose status has changed. A deployment has checked everything just before
    /// the assistant becomes active.
    pub(crate) async fn follow_status(&mut self, previous: Status, a: &Assistant) -> Result<(), Error> {
        match &a.state {
            State::Active { run, .. } => {
                let entropy = &*self.services.ports().entropy;
                let row = HealthRow {
                    assistant_id: a.id,
                    user_id: a.user_id,
                    generation: run.generation,
                    provider: a.config.provider.unwrap_or(Provider::Openrouter),
                    legs: Legs::deployed(self.now),
                    announced: Verdict::Ok,
                    mailed: Verdict::Ok,
                    mailed_at: None,
                    used_at: None,
                    telegram_signal: None,
                    model_signal: None,
                    next_telegram_check_at: self.now.plus(schedule::first_check(entropy)),
                    next_model_check_at: self.now.plus(schedule::daily_check(entropy)),
                };
                self.tx.replace_health(&row).await?;
            }
            _ if previous == Status::Active => self.tx.delete_health(a.id).await?,
            _ => {}
        }
        Ok(())
    }
}
