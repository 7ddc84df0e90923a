//! Who makes a revision.

use reef_domain::ids::UserId;
use reef_store::Tx;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::{Caller, Credential};
use crate::error::Error;

/// How a revision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevisionAuthorKind {
    /// With an API key.
    Key,
    /// In the dashboard.
    Session,
}

impl RevisionAuthorKind {
    /// The value in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Session => "session",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Key, Self::Session].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Who made a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionAuthor {
    /// Whether it was made with an API key.
    pub kind: RevisionAuthorKind,
    /// The id of the key, or of the account.
    pub id: Uuid,
    /// The name of the key, or the email address of the account.
    pub name: String,
}

/// The key or the account of a caller, with its name.
pub(super) async fn of(tx: &mut Tx, caller: &Caller) -> Result<RevisionAuthor, Error> {
    match caller.credential {
        Credential::Session { .. } => account(tx, caller.user_id).await,
        Credential::ApiKey { id, .. } => {
            let key = tx.find_api_key(caller.user_id, id).await?;
            let name = key.map(|key| key.name).unwrap_or_default();
            Ok(RevisionAuthor { kind: RevisionAuthorKind::Key, id: id.uuid(), name })
        }
    }
}

/// The account, as the author of what happens in the dashboard.
pub(super) async fn account(tx: &mut Tx, user: UserId) -> Result<RevisionAuthor, Error> {
    let name = tx.find_user(user).await?.map(|user| user.email).unwrap_or_default();
    Ok(RevisionAuthor { kind: RevisionAuthorKind::Session, id: user.uuid(), name })
}
