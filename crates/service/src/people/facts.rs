//! What an assistant was asked to remember.

use reef_domain::ids::FactId;
use reef_domain::input::Parsed;
use reef_domain::people::Fact;
use reef_domain::wire::Scope;

use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Outcome;
use crate::services::Services;

/// How many facts are listed.
const LISTED_MAX: i64 = 10_000;

impl Services {
    /// What conversations asked one of the caller's assistants to remember, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_facts(&self, caller: &Caller, id: &str) -> Result<Vec<Fact>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let rows = tx.list_facts(assistant.id, LISTED_MAX).await?;
        let fact = |row: reef_store::FactRow| Fact {
            id: row.id.to_string(),
            conversation_id: row.conversation_id.to_string(),
            text: row.text,
            created_at: row.created_at,
        };
        Ok(rows.into_iter().map(fact).collect())
    }

    /// Deletes a fact.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn delete_fact(
        &self,
        caller: &Caller,
        id: &str,
        fact: &str,
        body: Parsed<()>,
    ) -> Result<(), Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let fact = FactId::parse(fact).ok_or(Error::NotFound)?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        if !work.tx.delete_fact(assistant.id, fact).await? {
            return Err(Error::NotFound);
        }
        body.map_err(Error::InvalidRequest)?;
        work.commit(Some(&Outcome::Deleted)).await
    }
}
