//! Managed mode: a model key of its own for each managed assistant, whose credit grows with each paid period.
//!
//! What should be is computed from what is (`Account`, the assistant's state) and brought about by a job that may
//! run at any time, any number of times. OpenRouter has no idempotency: its keys are found again by their names.

mod keep;
mod make;
mod usage;

use reef_domain::assistant::Assistant;
use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_domain::{Timestamp, Usd};
use reef_store::{KeyUse, NewCredit, Tx};

pub(crate) use make::{Made, NotMade};

use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;
use crate::work::Work;

const NAME_PREFIX: &str = "reef-";

/// What an assistant's keys are called at OpenRouter.
pub(crate) fn key_name(id: AssistantId) -> String {
    format!("{NAME_PREFIX}{id}")
}

/// Whose key that is; `None` when Reef has not made it.
fn assistant_of(name: &str) -> Option<AssistantId> {
    AssistantId::parse(name.strip_prefix(NAME_PREFIX)?)
}

/// A managed assistant's model credit, as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// What all paid periods have brought.
    pub credited: Usd,
    /// What has been spent, as last read from OpenRouter.
    pub used: Usd,
    /// Whether the model is refused until there is more.
    pub is_used_up: bool,
}

/// What an assistant may spend and has spent.
pub(crate) struct Account {
    credited: Usd,
    uses: Vec<KeyUse>,
}

impl Account {
    /// What has been spent through all keys.
    pub(crate) fn used(&self) -> Usd {
        self.uses.iter().map(|key| key.used).sum()
    }

    /// What may be spent through this key: all credit, less what was spent through others before it.
    pub(crate) fn limit_of(&self, hash: &str) -> Usd {
        let others = self.uses.iter().filter(|key| key.hash != hash);
        self.credited.less(others.map(|key| key.used).sum())
    }

    /// What may be spent through a key that does not exist yet.
    pub(crate) fn left(&self) -> Usd {
        self.credited.less(self.used())
    }
}

impl Services {
    /// Gives a managed assistant the credit of the period that was paid, once, however often it is told of.
    pub(crate) async fn credit_period(
        &self,
        work: &mut Work<'_>,
        a: &Assistant,
        order_id: Option<&str>,
        period_end: Option<Timestamp>,
    ) -> Result<(), Error> {
        if a.mode != ApiMode::Managed || !a.payment.entitles() {
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
        if work.tx.add_credit(&new, now).await? {
            tracing::info!(assistant_id = %a.id, order_id, credit = %new.amount, "a paid period's credit is added");
            work.enqueue(Job::ManagedKey { assistant_id: a.id }).await?;
        }
        Ok(())
    }

    /// The account of a managed assistant. One that is paid and has no credit (it is from before credit was counted)
    /// gets its present period's first.
    pub(crate) async fn credit_account(&self, a: &Assistant) -> Result<Account, Error> {
        let mut tx = self.store().read().await?;
        if tx.credit_of(a.id).await?.is_none() && a.payment.entitles() {
            drop(tx);
            let mut work = self.work().await?;
            if let Some(a) = work.tx.lock_assistant(a.id).await? {
                self.credit_period(&mut work, &a, None, a.payment.current_period_end).await?;
            }
            work.commit().await?;
            tx = self.store().read().await?;
        }
        account_in(&mut tx, a.id).await
    }
}

/// The account as it is.
async fn account_in(tx: &mut Tx, id: AssistantId) -> Result<Account, Error> {
    let credited = tx.credit_of(id).await?.unwrap_or_default();
    Ok(Account { credited, uses: tx.key_uses(id).await? })
}

/// The credit of a managed assistant as its owner sees it; `None` in the other mode and before it was paid.
pub(crate) async fn credit_in(tx: &mut Tx, a: &Assistant) -> Result<Option<Credit>, Error> {
    if a.mode != ApiMode::Managed {
        return Ok(None);
    }
    let Account { credited, uses } = account_in(tx, a.id).await?;
    let used = uses.iter().map(|key| key.used).sum();
    let is_used_up = credited > Usd::ZERO && tx.credit_used_up(a.id).await? == Some(credited);
    Ok((credited > Usd::ZERO).then_some(Credit { credited, used, is_used_up }))
}
