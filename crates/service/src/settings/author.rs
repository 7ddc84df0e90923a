//! Who makes a revision.

use reef_domain::ids::UserId;
use reef_store::Tx;

use super::revisions::{RevisionAuthor, RevisionAuthorKind};
use crate::caller::{Caller, Credential};
use crate::error::Error;

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
