//! The revisions of settings, newest first.

use reef_domain::input::Parsed;
use reef_domain::query::{self, Page};
use reef_domain::settings::{AuthorKind, SettingsChange};
use reef_domain::wire::Scope;
use reef_domain::{Assistant, Timestamp};
use reef_store::{SettingsRevisionRow, SettingsRow, Tx};

use super::author::{self, RevisionAuthor};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// A revision of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsRevision {
    /// Increases by one with each change; 1 are the settings that the assistant was bought with.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub author: RevisionAuthor,
    /// What differs from the revision before; never a secret.
    pub changes: Vec<SettingsChange>,
}

impl TryFrom<SettingsRevisionRow> for SettingsRevision {
    type Error = Error;

    fn try_from(row: SettingsRevisionRow) -> Result<Self, Error> {
        let kind = AuthorKind::parse(&row.author_type)
            .ok_or_else(|| Error::internal("a revision has an unknown kind of author"))?;
        Ok(Self {
            revision: row.revision,
            created_at: row.created_at,
            author: RevisionAuthor { kind, id: row.author_id, name: row.author_name },
            changes: serde_json::from_str(&row.changes).map_err(Error::internal)?,
        })
    }
}

/// Parses a number in a path in the one accepted form, without sign or leading zeros.
pub(super) fn parse_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == text)
}

/// The revision before the first change, if that is not stored yet.
pub(super) async fn first_revision(
    tx: &mut Tx,
    assistant: &Assistant,
    row: &SettingsRow,
) -> Result<SettingsRevisionRow, Error> {
    let author = author::account(tx, assistant.user_id).await?;
    Ok(SettingsRevisionRow {
        revision: row.revision,
        document: row.document.clone(),
        changes: "[]".to_owned(),
        author_type: author.kind.as_str().to_owned(),
        author_id: author.id,
        author_name: author.name,
        created_at: row.updated_at,
    })
}

impl Services {
    /// The revisions of an assistant's settings, newest first, and the revision after which the next page begins. All of them
    /// without a page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn list_settings_revisions(
        &self,
        caller: &Caller,
        id: &str,
        page: Parsed<Option<Page<i64>>>,
    ) -> Result<(Vec<SettingsRevision>, Option<i64>), Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let page = page.map_err(Error::InvalidRequest)?;
        let before = page.and_then(|page| page.after).unwrap_or(i64::MAX);
        let limit = page.map_or(super::REVISIONS_MAX + 1, |page| page.limit);
        let mut rows = tx.list_settings_revisions(assistant.id, before, limit + 1).await?;
        if rows.is_empty() && page.and_then(|page| page.after).is_none() {
            // Nothing has changed yet, so the first revision is not stored.
            let current = self.read_settings(&mut tx, &assistant).await?;
            rows.push(first_revision(&mut tx, &assistant, &current.row).await?);
        }
        let limit = usize::try_from(limit).unwrap_or(query::LIMIT_MAX as usize);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(|row| row.revision);
        let revisions = rows.into_iter().map(SettingsRevision::try_from).collect::<Result<_, _>>()?;
        Ok((revisions, next))
    }
}
