//! Managed mode: each managed assistant has an OpenRouter key of its own, whose credit grows with each paid billing period.
//!
//! A job computes the limit and state of a key from the stored credit and status and sets them, so it may run at any time and
//! any number of times. OpenRouter has no idempotency keys: a key whose creation was interrupted is found by its name.

mod create;
mod delete;
mod key_names;
mod reconcile;
mod usage;

use reef_domain::assistant::Assistant;
use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_domain::{Timestamp, Usd};
use reef_store::{ManagedKeyUsage, NewCredit, Tx};

pub(crate) use create::{CreateKeyError, CreatedKey};
pub(crate) use delete::DeleteManagedKey;
pub(crate) use reconcile::ReconcileManagedKey;
pub(crate) use usage::ReadManagedKeys;

use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// The beginning of the message of `assistant.credit_used_up`.
pub(crate) const CREDIT_CODE: &str = "CREDIT_USED_UP: ";

/// The model credit of a managed assistant, as its page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The credit of all paid billing periods.
    pub credited: Usd,
    /// The amount spent, as last read from OpenRouter.
    pub used: Usd,
    /// Whether the model is refused until credit is added.
    pub is_exhausted: bool,
}

/// The credit of an assistant and what was spent through each of its keys.
pub(crate) struct CreditAccount {
    credited: Usd,
    uses: Vec<ManagedKeyUsage>,
}

impl CreditAccount {
    /// The amount spent through all keys.
    pub(crate) fn used(&self) -> Usd {
        self.uses.iter().map(|key| key.usage).sum()
    }

    /// The limit of a key: all credit minus the amount spent through other keys.
    pub(crate) fn limit_of(&self, hash: &str) -> Usd {
        let others = self.uses.iter().filter(|key| key.hash != hash);
        self.credited.saturating_sub(others.map(|key| key.usage).sum())
    }

    /// The limit of a key that does not exist yet.
    pub(crate) fn remaining(&self) -> Usd {
        self.credited.saturating_sub(self.used())
    }
}

impl Services {
    /// Adds the credit of a paid billing period once, however often the payment is reported.
    pub(crate) async fn add_period_credit(
        &self,
        work: &mut UnitOfWork<'_>,
        a: &Assistant,
        order_id: Option<&str>,
        period_end: Option<Timestamp>,
    ) -> Result<(), Error> {
        if a.mode != ApiMode::Managed || !a.payment.can_run() {
            return Ok(());
        }
        let new = NewCredit {
            id: self.new_uuid(),
            assistant_id: a.id,
            order_id: order_id.map(str::to_owned),
            period_end,
            amount: Usd::from_dollars(self.config().managed_credit_usd),
        };
        let now = work.now;
        if work.tx.insert_credit(&new, now).await? {
            tracing::info!(assistant_id = %a.id, order_id, credit = %new.amount, "credit of a paid period added");
            work.enqueue(ReconcileManagedKey { assistant_id: a.id }).await?;
        }
        Ok(())
    }

    /// The credit account of a managed assistant. A paid one without any credit gets that of its current period first.
    pub(crate) async fn get_credit_account(&self, a: &Assistant) -> Result<CreditAccount, Error> {
        let mut tx = self.store().read().await?;
        if tx.find_credit(a.id).await?.is_none() && a.payment.can_run() {
            drop(tx);
            let mut work = self.unit_of_work().await?;
            if let Some(a) = work.tx.lock_assistant(a.id).await? {
                self.add_period_credit(&mut work, &a, None, a.payment.current_period_end).await?;
            }
            work.commit(None).await?;
            tx = self.store().read().await?;
        }
        read_credit_account(&mut tx, a.id).await
    }
}

async fn read_credit_account(tx: &mut Tx, id: AssistantId) -> Result<CreditAccount, Error> {
    let credited = tx.find_credit(id).await?.unwrap_or_default();
    Ok(CreditAccount { credited, uses: tx.list_managed_key_usage(id).await? })
}

/// The credit that pages show; `None` for a BYOK assistant and before the first payment.
pub(crate) async fn find_credit(tx: &mut Tx, a: &Assistant) -> Result<Option<Credit>, Error> {
    if a.mode != ApiMode::Managed {
        return Ok(None);
    }
    let CreditAccount { credited, uses } = read_credit_account(tx, a.id).await?;
    let used = uses.iter().map(|key| key.usage).sum();
    let is_exhausted = credited > Usd::ZERO && tx.find_exhausted_credit(a.id).await? == Some(credited);
    Ok((credited > Usd::ZERO).then_some(Credit { credited, used, is_exhausted }))
}
