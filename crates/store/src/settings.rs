//! The settings of assistants and their revisions. An assistant without stored settings has the default ones.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// The stored settings of an assistant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct SettingsRow {
    pub revision: i64,
    /// The settings as JSON.
    pub document: String,
    /// The secret headers of MCP servers, sealed.
    pub mcp_headers: Option<Vec<u8>>,
    pub updated_at: Timestamp,
}

/// A revision of the settings.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct SettingsRevisionRow {
    pub revision: i64,
    /// The settings as JSON.
    pub document: String,
    /// What differs from the revision before, as JSON.
    pub changes: String,
    /// Either `key` or `session`.
    pub author_type: String,
    /// The id of the key or of the account.
    pub author_id: Uuid,
    pub author_name: String,
    pub created_at: Timestamp,
}

impl Tx {
    /// Finds the settings of an assistant. `None`: they are the default.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_settings(&mut self, assistant: AssistantId) -> Result<Option<SettingsRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            SettingsRow,
            "select revision, document, mcp_headers, updated_at from assistant_settings where assistant_id = $1",
            assistant,
        ))
    }

    /// Stores the settings of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_settings(
        &mut self,
        assistant: AssistantId,
        settings: &SettingsRow,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into assistant_settings (assistant_id, revision, document, mcp_headers, updated_at)
             values ($1, $2, $3, $4, $5)
             on conflict (assistant_id) do update set revision = excluded.revision, document = excluded.document,
               mcp_headers = excluded.mcp_headers, updated_at = excluded.updated_at",
            assistant,
            settings.revision,
            &settings.document,
            &settings.mcp_headers,
            settings.updated_at,
        );
        Ok(())
    }

    /// Inserts a revision. Does nothing if it is stored already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_settings_revision(
        &mut self,
        assistant: AssistantId,
        row: &SettingsRevisionRow,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into settings_revisions
                 (assistant_id, revision, document, changes, author_type, author_id, author_name, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (assistant_id, revision) do nothing",
            assistant,
            row.revision,
            &row.document,
            &row.changes,
            &row.author_type,
            row.author_id,
            &row.author_name,
            row.created_at,
        );
        Ok(())
    }

    /// Lists up to `limit` revisions before `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_settings_revisions(
        &mut self,
        assistant: AssistantId,
        before: i64,
        limit: i64,
    ) -> Result<Vec<SettingsRevisionRow>, StoreError> {
        Ok(fetch_all!(
            self,
            SettingsRevisionRow,
            "select revision, document, changes, author_type, author_id, author_name, created_at
             from settings_revisions where assistant_id = $1 and revision < $2 order by revision desc limit $3",
            assistant,
            before,
            limit,
        ))
    }

    /// Finds a revision.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_settings_revision(
        &mut self,
        assistant: AssistantId,
        revision: i64,
    ) -> Result<Option<SettingsRevisionRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            SettingsRevisionRow,
            "select revision, document, changes, author_type, author_id, author_name, created_at
             from settings_revisions where assistant_id = $1 and revision = $2",
            assistant,
            revision,
        ))
    }

    /// Deletes revisions other than the newest `keep`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn trim_settings_revisions(
        &mut self,
        assistant: AssistantId,
        newest: i64,
        keep: i64,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from settings_revisions where assistant_id = $1 and revision <= $2",
            assistant,
            newest - keep,
        );
        Ok(())
    }
}
