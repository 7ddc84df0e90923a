//! Notifications between processes. On PostgreSQL they use NOTIFY, which arrives when the transaction is committed; a
//! SQLite database has one process.

use std::fmt;

use reef_domain::ids::{AssistantId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;
use crate::timeout::with_timeout;

pub(crate) const CHANNEL: &str = "reef_notifications";

/// The text of [`Notification::NewJobs`].
const NEW_JOBS: &str = "work";
/// In place of an assistant, for what concerns a user. A process of an older version reads it as something it does not know.
const NO_ASSISTANT: &str = "-";

/// The beginning of a message about remembered rows that have changed: users and assistants follow. A process of an older
/// version reads it as something it does not know.
const CHANGES: &str = "changed";
/// PostgreSQL takes 8,000 bytes in a message.
const CHANGES_PER_MESSAGE: usize = 200;

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
    pub(crate) fn parse(text: &str) -> Option<Self> {
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

/// Adds the notifications of a transaction and the changes of remembered rows to it, in one statement. The changes come
/// first, so that who is woken by a notification reads what is current.
pub(crate) async fn notify_all(
    tx: &mut PgConnection,
    changed: &[Uuid],
    notifications: &[Notification],
) -> Result<(), StoreError> {
    let changes = changed.chunks(CHANGES_PER_MESSAGE).map(render_changes);
    let texts: Vec<String> = changes.chain(notifications.iter().map(ToString::to_string)).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let sql = "select pg_notify($1, text) from unnest($2::text[]) with ordinality as texts(text, number) order by number";
    with_timeout(sqlx::query(sql).bind(CHANNEL).bind(texts).execute(tx)).await?;
    Ok(())
}

fn render_changes(changed: &[Uuid]) -> String {
    changed.iter().fold(CHANGES.to_owned(), |text, id| text + " " + &id.to_string())
}

/// The ids in the text of [`render_changes`]; `None` for any other text.
pub(crate) fn parse_changes(text: &str) -> Option<Vec<Uuid>> {
    let ids = text.strip_prefix(CHANGES)?.split_ascii_whitespace();
    ids.map(|id| Uuid::try_parse(id).ok()).collect()
}

#[cfg(test)]
mod tests {
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
    fn changes_round_trip_and_fit_into_message() {
        let ids: Vec<_> = (0..CHANGES_PER_MESSAGE as u128).map(Uuid::from_u128).collect();
        let text = render_changes(&ids);
        assert!(text.len() < 8000);
        assert_eq!(parse_changes(&text), Some(ids));
        assert_eq!(parse_changes(NEW_JOBS), None);
        assert_eq!(parse_changes("changed something"), None);
        assert_eq!(Notification::parse(&text), None);
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
