//! Notifications between processes. On PostgreSQL they use NOTIFY, which arrives when the transaction is committed; a
//! SQLite database has one process.

use std::fmt;
use std::time::Duration;

use reef_domain::ids::{AssistantId, UserId};
use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::{Tx, with_timeout};

const CHANNEL: &str = "reef_notifications";
/// After this time without a notification the connection is tested.
const PING_AFTER: Duration = Duration::from_secs(5);

/// The text of [`Notification::NewJobs`].
const NEW_JOBS: &str = "work";
/// In place of an assistant, for what concerns a user. A process of an older version reads it as something it does not know.
const NO_ASSISTANT: &str = "-";

/// What a process sends to all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Notification {
    /// There are new jobs.
    NewJobs,
    /// An assistant has changed.
    AssistantChanged { user_id: UserId, assistant_id: AssistantId },
    /// An API key of this user was revoked, or a session ended.
    AccessRevoked { user_id: UserId },
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewJobs => f.write_str(NEW_JOBS),
            Self::AssistantChanged { user_id, assistant_id } => write!(f, "{user_id} {assistant_id}"),
            Self::AccessRevoked { user_id } => write!(f, "{user_id} {NO_ASSISTANT}"),
        }
    }
}

impl Notification {
    /// Parses the output of [`Display`](fmt::Display). `None` for a notification of a newer version.
    fn parse(text: &str) -> Option<Self> {
        if text == NEW_JOBS {
            return Some(Self::NewJobs);
        }
        let (user, assistant) = text.split_once(' ')?;
        let user_id = UserId::parse(user)?;
        if assistant == NO_ASSISTANT {
            return Some(Self::AccessRevoked { user_id });
        }
        Some(Self::AssistantChanged { user_id, assistant_id: AssistantId::parse(assistant)? })
    }
}

/// Receives the notifications of all processes, including this one.
pub struct NotificationListener(PgListener);

impl fmt::Debug for NotificationListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotificationListener")
    }
}

impl Store {
    /// Starts to listen; `None` on SQLite, which has no other process.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listen(&self) -> Result<Option<NotificationListener>, StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres(pool) => {
                let mut listener = with_timeout(PgListener::connect_with(pool)).await?;
                listener.ignore_pool_close_event(true);
                with_timeout(listener.listen(CHANNEL)).await?;
                Ok(Some(NotificationListener(listener)))
            }
        }
    }
}

impl NotificationListener {
    /// Waits for the next notification. `None` means that something else may have happened: the connection was lost and
    /// restored, so that some may be missing, or a newer version of Reef has sent one that this version does not know.
    /// During silence the connection is tested, for a dead one is silent too.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection cannot be restored or does not answer.
    pub async fn next(&mut self) -> Result<Option<Notification>, StoreError> {
        loop {
            if let Ok(received) = timeout(PING_AFTER, self.0.try_recv()).await {
                return Ok(received?.and_then(|received| Notification::parse(received.payload())));
            }
            with_timeout(sqlx::query("select 1").execute(&mut self.0)).await?;
        }
    }
}

impl Tx {
    /// Notifies every process when the transaction is committed; does nothing on SQLite.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn notify(&mut self, notification: Notification) -> Result<(), StoreError> {
        if let Self::Postgres(tx) = self {
            let text = notification.to_string();
            sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(text).execute(&mut **tx).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn notification_round_trips() {
        let user_id = UserId::new(Uuid::from_u128(1));
        let assistant_id = AssistantId::new(Uuid::from_u128(2));
        for notification in [
            Notification::NewJobs,
            Notification::AssistantChanged { user_id, assistant_id },
            Notification::AccessRevoked { user_id },
        ] {
            assert_eq!(Notification::parse(&notification.to_string()), Some(notification));
        }
    }

    #[test]
    fn notification_of_newer_version_is_unknown() {
        let user = UserId::new(Uuid::from_u128(1));
        for text in
            ["", "works", "something new", &user.to_string(), &format!("{user} -x"), &format!("{user} - -")]
        {
            assert_eq!(Notification::parse(text), None, "{text}");
        }
    }
}
