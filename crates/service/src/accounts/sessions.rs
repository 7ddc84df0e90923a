//! Where somebody is signed in: the list, and ending what is on it.

use std::time::Duration;

use reef_domain::{Chain, Timestamp};
use reef_store::SessionRow;

use super::agent::plain_words;
use crate::api_keys::only_people;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::vault::{fingerprint, hex};

/// How old a session's last use may be before it is written again.
const TOUCH_AFTER: Duration = Duration::from_secs(5 * 60);
/// Sessions listed at once, the most recently used first.
const LISTED: i64 = 100;
/// The length of a handle, in characters: 128 bits.
const HANDLE: usize = 32;

/// A session as its owner sees it listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// By what it is named when it is to end. Opens nothing, and is not what the session is kept under.
    pub handle: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
    /// From where it was opened, if that is known.
    pub address: Option<String>,
    /// With what, in plain words.
    pub agent: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to five minutes.
    pub last_used_at: Timestamp,
}

fn handle_of(row: &SessionRow) -> String {
    let mut handle = hex(&fingerprint("reef session handle", &row.id));
    handle.truncate(HANDLE);
    handle
}

impl SessionView {
    fn of(row: SessionRow, current_row: &str) -> Self {
        Self {
            handle: handle_of(&row),
            is_current: row.id == current_row,
            agent: plain_words(row.agent.as_deref().unwrap_or_default()),
            address: row.address,
            created_at: row.created_at,
            last_used_at: row.last_used_at.unwrap_or(row.created_at),
        }
    }
}

impl Services {
    /// The caller's sessions, the most recently used first, at most a hundred. `current_row` is what the session that
    /// asks is kept under ([`crate::flash::session_row`]).
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks.
    pub async fn sessions(&self, caller: &Caller, current_row: &str) -> Result<Vec<SessionView>, Error> {
        only_people(caller)?;
        let mut tx = self.store().read().await?;
        let rows = tx.sessions_of(caller.user_id, self.now(), LISTED).await?;
        Ok(rows.into_iter().map(|row| SessionView::of(row, current_row)).collect())
    }

    /// Ends one of the caller's sessions, also the one that asks, and whatever it has open.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is none of theirs or has ended; [`Error::Forbidden`] when a key asks.
    pub async fn revoke_session(&self, caller: &Caller, handle: &str) -> Result<(), Error> {
        only_people(caller)?;
        let mut tx = self.store().begin().await?;
        let rows = tx.sessions_of(caller.user_id, self.now(), LISTED).await?;
        let row = rows.iter().find(|row| handle_of(row) == handle).ok_or(Error::NotFound)?;
        tx.delete_session(&row.id).await?;
        Ok(self.commit_end_of_access(tx, caller.user_id).await?)
    }

    /// Ends all of the caller's sessions but the one kept under `current_row`, and whatever they have open; gives how
    /// many.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks.
    pub async fn revoke_other_sessions(&self, caller: &Caller, current_row: &str) -> Result<u64, Error> {
        only_people(caller)?;
        let mut tx = self.store().begin().await?;
        let ended = tx.end_other_sessions(caller.user_id, current_row).await?;
        self.commit_end_of_access(tx, caller.user_id).await?;
        Ok(ended)
    }

    /// Notes that somebody's session is used, once in five minutes. Whatever goes wrong with that is logged: no page
    /// fails for it.
    pub async fn note_session_use(&self, row: &SessionRow) {
        let now = self.now();
        let is_noted = row.last_used_at.is_some_and(|last| now.since(last) < TOUCH_AFTER);
        if row.user_id.is_none() || is_noted {
            return;
        }
        let noted = async {
            let mut tx = self.store().begin().await?;
            tx.touch_session(&row.id, now).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            let error = tracing::field::display(Chain(&error));
            tracing::warn!(error, "a session's last use could not be noted");
        }
    }
}
