//! The list of an account's sessions, and ending them.

use std::time::Duration;

use reef_domain::{ErrorChain, Timestamp};
use reef_store::SessionRow;

use crate::accounts::user_agent::describe_user_agent;
use crate::api_keys::require_session;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use data_encoding::HEXLOWER;
use reef_vault::fingerprint;

/// How old the recorded last use of a session may be before it is updated.
const TOUCH_AFTER: Duration = Duration::from_secs(5 * 60);
/// Sessions in a list, the most recently used first.
const LIST_MAX: i64 = 100;
/// The length of a handle in characters, for 128 bits.
const HANDLE_LENGTH: usize = 32;

/// A session as its owner sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Names the session in requests to end it. It grants no access, and differs from the storage id.
    pub handle: String,
    /// Whether it is the session of the current request.
    pub is_current: bool,
    /// The network address that it was opened from, if known.
    pub address: Option<String>,
    /// The browser and system that opened it, such as `Firefox on Linux`.
    pub agent: String,
    /// When the session was opened.
    pub created_at: Timestamp,
    /// When it was last used, to within five minutes.
    pub last_used_at: Timestamp,
}

fn handle_of(row: &SessionRow) -> String {
    let mut handle = HEXLOWER.encode(&fingerprint("reef session handle", &row.id));
    handle.truncate(HANDLE_LENGTH);
    handle
}

impl SessionView {
    fn of(row: SessionRow, current_row: &str) -> Self {
        Self {
            handle: handle_of(&row),
            is_current: row.id == current_row,
            agent: describe_user_agent(row.user_agent.as_deref().unwrap_or_default()),
            address: row.ip_address,
            created_at: row.created_at,
            last_used_at: row.last_used_at.unwrap_or(row.created_at),
        }
    }
}

impl Services {
    /// Lists the caller's sessions, the most recently used first, at most 100. `current_row` is the storage id of the
    /// current session ([`crate::forms::flash::session_row_id`]).
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys.
    pub async fn list_sessions(&self, caller: &Caller, current_row: &str) -> Result<Vec<SessionView>, Error> {
        require_session(caller)?;
        let mut tx = self.store().read().await?;
        let rows = tx.list_sessions(caller.user_id, self.now(), LIST_MAX).await?;
        Ok(rows.into_iter().map(|row| SessionView::of(row, current_row)).collect())
    }

    /// Ends one of the caller's sessions and its streams; the current session may end itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has no such session; [`Error::Forbidden`] for API keys.
    pub async fn revoke_session(&self, caller: &Caller, handle: &str) -> Result<(), Error> {
        require_session(caller)?;
        let mut work = self.unit_of_work().await?;
        let rows = work.tx.list_sessions(caller.user_id, work.now, LIST_MAX).await?;
        let row = rows.iter().find(|row| handle_of(row) == handle).ok_or(Error::NotFound)?;
        work.tx.delete_session(&row.id).await?;
        work.commit_access_revoked(caller.user_id).await
    }

    /// Ends all of the caller's sessions and their streams except the one stored as `current_row`. Returns how many.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys.
    pub async fn revoke_other_sessions(&self, caller: &Caller, current_row: &str) -> Result<u64, Error> {
        require_session(caller)?;
        let mut work = self.unit_of_work().await?;
        let ended = work.tx.delete_other_sessions(caller.user_id, current_row).await?;
        work.commit_access_revoked(caller.user_id).await?;
        Ok(ended)
    }

    /// Records that a session is used, at most every five minutes. A failure is only logged, so that no page fails
    /// because of it.
    pub async fn record_session_use(&self, row: &SessionRow) {
        let now = self.now();
        let is_recent = row.last_used_at.is_some_and(|last| now.since(last) < TOUCH_AFTER);
        if row.user_id.is_none() || is_recent {
            return;
        }
        let recorded = async {
            let mut tx = self.store().begin().await?;
            tx.record_session_use(&row.id, now).await?;
            tx.commit_without_sync().await
        };
        if let Err(error) = recorded.await {
            let error = tracing::field::display(ErrorChain(&error));
            tracing::warn!(error, "session use could not be recorded");
        }
    }
}
