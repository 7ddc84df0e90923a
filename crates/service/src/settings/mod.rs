//! The settings of an assistant: reading them, changing them, and their revisions.

mod author;
mod revisions;

use reef_domain::Assistant;
use reef_domain::ids::AssistantId;
use reef_domain::input::Parsed;
use reef_domain::settings::{Settings, SettingsChange, SettingsRecord, differences};
use reef_domain::settings_input::{McpHeaders, SettingsPatch};
use reef_domain::wire::Scope;
use reef_store::{SettingsRevisionRow, SettingsRow, Tx};
use reef_vault::SecretLocation;
use secrecy::ExposeSecret as _;

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

pub use author::RevisionAuthor;
pub use revisions::SettingsRevision;

/// The column that sealed headers of MCP servers are bound to.
pub(crate) const MCP_HEADERS: &str = "assistant_settings.mcp_headers";

/// How many revisions of an assistant are kept.
const REVISIONS_MAX: i64 = 1_000;

/// The settings of an assistant as they are stored, opened.
struct CurrentSettings {
    settings: Settings,
    headers: McpHeaders,
    row: SettingsRow,
}

impl Services {
    /// The settings of one of the caller's assistants.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_settings(&self, caller: &Caller, id: &str) -> Result<SettingsRecord, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let current = self.read_settings(&mut tx, &assistant).await?;
        Ok(SettingsRecord::new(current.settings, current.row.revision, current.row.updated_at))
    }

    /// Changes the given settings, all or none. A change that changes nothing makes no revision.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`] and [`Error::InvalidRequest`], in this order.
    #[tracing::instrument(name = "update_settings", skip_all)]
    pub async fn update_settings(
        &self,
        caller: &Caller,
        id: &str,
        patch: Parsed<SettingsPatch>,
    ) -> Result<SettingsRecord, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let patch = patch.map_err(Error::InvalidRequest)?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let current = self.read_settings(&mut work.tx, &assistant).await?;
        let (after, headers) = patch.apply(&current.settings, &current.headers);
        self.save_settings(work, caller, &assistant, current, after, headers).await
    }

    /// Makes the settings of a revision the current ones, as a new revision. Headers of MCP servers are kept where the
    /// server with this name has any now.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], also for an unknown revision, and [`Error::InvalidRequest`].
    #[tracing::instrument(name = "restore_settings", skip_all)]
    pub async fn restore_settings(
        &self,
        caller: &Caller,
        id: &str,
        revision: &str,
        body: Parsed<()>,
    ) -> Result<SettingsRecord, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let current = self.read_settings(&mut work.tx, &assistant).await?;
        let revision = revisions::parse_number(revision).ok_or(Error::NotFound)?;
        let mut restored = match work.tx.find_settings_revision(assistant.id, revision).await? {
            Some(row) => parse_document(&row.document)?,
            None if revision == current.row.revision => current.settings.clone(),
            None => return Err(Error::NotFound),
        };
        body.map_err(Error::InvalidRequest)?;
        let mut headers = McpHeaders::new();
        for server in &mut restored.mcp_servers {
            server.header_names.clear();
            if let Some(own) = current.headers.get(&server.name) {
                server.header_names.extend(own.keys().cloned());
                headers.insert(server.name.clone(), own.clone());
            }
        }
        self.save_settings(work, caller, &assistant, current, restored, headers).await
    }

    /// Stores changed settings with their revision, and commits.
    async fn save_settings(
        &self,
        mut work: UnitOfWork<'_>,
        caller: &Caller,
        assistant: &Assistant,
        current: CurrentSettings,
        after: Settings,
        headers: McpHeaders,
    ) -> Result<SettingsRecord, Error> {
        let mut changes = differences(&current.settings, &after);
        changes.extend(header_changes(&current.headers, &headers));
        let CurrentSettings { mut row, settings: before, .. } = current;
        if !changes.is_empty() {
            let first = SettingsRevisionRow {
                document: render(&before)?,
                ..revisions::first_revision(&mut work.tx, assistant, &row).await?
            };
            work.tx.insert_settings_revision(assistant.id, &first).await?;
            row.revision += 1;
            row.updated_at = work.now;
            row.document = render(&after)?;
            row.mcp_headers = self.seal_headers(assistant.id, &headers)?;
            let author = author::of(&mut work.tx, caller).await?;
            let revision = SettingsRevisionRow {
                revision: row.revision,
                document: row.document.clone(),
                changes: render(&changes)?,
                author_type: author.kind.as_str().to_owned(),
                author_id: author.id,
                author_name: author.name,
                created_at: work.now,
            };
            work.tx.insert_settings_revision(assistant.id, &revision).await?;
            work.tx.trim_settings_revisions(assistant.id, row.revision, REVISIONS_MAX).await?;
            work.tx.save_settings(assistant.id, &row).await?;
            work.record_change(assistant);
        }
        let record = SettingsRecord::new(after, row.revision, row.updated_at);
        work.commit(Some(&record.clone().into())).await?;
        Ok(record)
    }

    /// How an assistant behaves.
    pub(crate) async fn read_behavior(&self, tx: &mut Tx, id: AssistantId) -> Result<Settings, Error> {
        match tx.find_settings(id).await? {
            Some(row) => parse_document(&row.document),
            None => Ok(Settings::default()),
        }
    }

    async fn read_settings(&self, tx: &mut Tx, assistant: &Assistant) -> Result<CurrentSettings, Error> {
        let Some(row) = tx.find_settings(assistant.id).await? else {
            let settings = Settings::default();
            let row = SettingsRow {
                revision: 1,
                document: String::new(),
                mcp_headers: None,
                updated_at: assistant.created_at,
            };
            return Ok(CurrentSettings { settings, headers: McpHeaders::new(), row });
        };
        let headers = self.open_headers(assistant.id, row.mcp_headers.as_deref())?;
        Ok(CurrentSettings { settings: parse_document(&row.document)?, headers, row })
    }

    fn seal_headers(&self, id: AssistantId, headers: &McpHeaders) -> Result<Option<Vec<u8>>, Error> {
        if headers.is_empty() {
            return Ok(None);
        }
        let place = SecretLocation { column: MCP_HEADERS, row: &id };
        let sealed = self.vault().seal(&render(headers)?, place, &*self.ports().entropy);
        sealed.map(Some).map_err(Error::internal)
    }

    fn open_headers(&self, id: AssistantId, sealed: Option<&[u8]>) -> Result<McpHeaders, Error> {
        let Some(sealed) = sealed else { return Ok(McpHeaders::new()) };
        let place = SecretLocation { column: MCP_HEADERS, row: &id };
        let text = self.vault().open(sealed, place).map_err(Error::internal)?;
        // The parser's message may quote a secret.
        serde_json::from_str(text.expose_secret())
            .map_err(|_| Error::internal("sealed headers are malformed"))
    }
}

/// Headers whose values have changed, without the values. Added and removed ones are part of the server's `headerNames`.
fn header_changes<'a>(
    before: &'a McpHeaders,
    after: &'a McpHeaders,
) -> impl Iterator<Item = SettingsChange> + 'a {
    after.iter().flat_map(move |(server, headers)| {
        let old = before.get(server);
        let is_replaced = move |(name, value): &(&'a String, &'a String)| {
            old.and_then(|old| old.get(*name)).is_some_and(|old| old != *value)
        };
        headers.iter().filter(is_replaced).map(move |(name, _)| SettingsChange {
            path: format!("mcpServers.{server}.headers.{name}"),
            from: "(secret)".into(),
            to: "(secret)".into(),
        })
    })
}

fn parse_document(document: &str) -> Result<Settings, Error> {
    serde_json::from_str(document).map_err(Error::internal)
}

fn render(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::internal)
}
