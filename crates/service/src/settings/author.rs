//! Who makes a revision.

use reef_domain::ids::UserId;
use reef_domain::settings::AuthorKind;
use reef_store::Tx;
use uuid::Uuid;

use crate::caller::{Caller, Credential};
use crate::error::Error;

/// Who made a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionAuthor {
    /// Whether it was made with an API key.
    pub kind: AuthorKind,
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
            Ok(RevisionAuthor { kind: AuthorKind::Key, id: id.uuid(), name })
        }
    }
}

/// The account, as the author of what happens in the dashboard.
pub(super) async fn account(tx: &mut Tx, user: UserId) -> Result<RevisionAuthor, Error> {
    let name = tx.find_user(user).await?.map(|user| user.email).unwrap_or_default();
    Ok(RevisionAuthor { kind: AuthorKind::Session, id: user.uuid(), name })
}
