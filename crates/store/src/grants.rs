//! Grants: the assistants that limited API keys reach.

use reef_domain::ids::{AssistantId, GrantId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// One assistant of a grant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct GrantRow {
    pub grant_id: GrantId,
    pub assistant_id: AssistantId,
    /// The same id, unless the assistant was deleted.
    pub existing_assistant_id: Option<AssistantId>,
    /// The name of the assistant, if it has one.
    pub name: Option<String>,
}

/// A user has at most 200 listed keys with 20 assistants each.
const GRANTS_MAX: i64 = 4000;

impl Tx {
    /// Adds an assistant to a grant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_grant(
        &mut self,
        grant: GrantId,
        user: UserId,
        assistant: AssistantId,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into api_key_grants (grant_id, user_id, assistant_id) values ($1, $2, $3)
             on conflict (grant_id, assistant_id) do nothing",
            grant,
            user,
            assistant,
        );
        self.invalidate(user);
        Ok(())
    }

    /// Whether a grant includes an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_granted(&mut self, grant: GrantId, assistant: AssistantId) -> Result<bool, StoreError> {
        let sql = "select count(*) from api_key_grants where grant_id = $1 and assistant_id = $2";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, grant, assistant);
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Lists the assistants of a grant, up to 100.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_granted_ids(&mut self, grant: GrantId) -> Result<Vec<AssistantId>, StoreError> {
        let sql =
            "select assistant_id from api_key_grants where grant_id = $1 order by assistant_id limit 100";
        let rows = fetch_all!(self, (AssistantId,), sql, grant);
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Lists the grants of a user's keys, ordered by grant and then by when the assistants were bought.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_grants(&mut self, user: UserId) -> Result<Vec<GrantRow>, StoreError> {
        Ok(fetch_all!(
            self,
            GrantRow,
            "select g.grant_id, g.assistant_id, a.id as existing_assistant_id, a.name from api_key_grants g
             left join assistants a on a.id = g.assistant_id and a.user_id = g.user_id
             where g.user_id = $1 order by g.grant_id, g.assistant_id limit $2",
            user,
            GRANTS_MAX,
        ))
    }
}
