//! All columns with sealed values in one list, for the rotation of the secret key.

use std::fmt;

use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// A column whose values are sealed with the secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// The signing secret of a user.
    SigningSecret,
    /// The previous signing secret of a user.
    PreviousSigningSecret,
    /// The bot token of an assistant.
    BotToken,
    /// The model key of an assistant.
    ModelKey,
    /// The bot token that a change replaced.
    ReplacedBotToken,
    /// The model key that a change replaced.
    ReplacedModelKey,
    /// The settings of an embedded worker.
    WorkerSettings,
    /// What the next page of a session shows.
    SessionFlash,
    /// The secret of an authenticator app.
    TotpSecret,
    /// The token of a link in a mail that is not sent yet.
    MailToken,
    /// The secret headers of an assistant's MCP servers.
    McpHeaders,
}

/// The primary key of a row with a sealed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// The UUID of the row.
    Id(Uuid),
    /// The name of a worker or the hash of a session.
    Name(String),
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A sealed value with the key of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct SealedRow {
    pub key: RowKey,
    pub sealed: Vec<u8>,
}

/// How many values of a column begin with the same bytes, which identify the key that sealed them.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct SealedCount {
    pub prefix: Vec<u8>,
    pub count: i64,
}

/// The SQL statements for one column.
struct Statements {
    count: &'static str,
    list: &'static str,
    replace: &'static str,
}

macro_rules! statements {
    ($table:literal, $value:literal, $key:literal) => {
        Statements {
            count: concat!(
                "select substr(",
                $value,
                ", 1, $1) as prefix, count(*) as count from ",
                $table,
                " where ",
                $value,
                " is not null group by 1 order by 1 limit 1000"
            ),
            list: concat!(
                "select ",
                $key,
                ", ",
                $value,
                " from ",
                $table,
                " where substr(",
                $value,
                ", 1, $1) <> $2 order by ",
                $key,
                " limit $3 offset $4"
            ),
            replace: concat!(
                "update ",
                $table,
                " set ",
                $value,
                " = $3 where ",
                $key,
                " = $1 and ",
                $value,
                " = $2"
            ),
        }
    };
}

impl SealedColumn {
    /// Every column that has sealed values.
    pub const ALL: [Self; 11] = [
        Self::SigningSecret,
        Self::PreviousSigningSecret,
        Self::BotToken,
        Self::ModelKey,
        Self::ReplacedBotToken,
        Self::ReplacedModelKey,
        Self::WorkerSettings,
        Self::SessionFlash,
        Self::TotpSecret,
        Self::MailToken,
        Self::McpHeaders,
    ];

    /// The table and the column, separated by a dot.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SigningSecret => "users.signing_secret",
            Self::PreviousSigningSecret => "users.previous_signing_secret",
            Self::BotToken => "assistants.bot_token",
            Self::ModelKey => "assistants.model_key",
            Self::ReplacedBotToken => "replaced_configurations.bot_token",
            Self::ReplacedModelKey => "replaced_configurations.model_key",
            Self::WorkerSettings => "workers.settings",
            Self::SessionFlash => "sessions.flash",
            Self::TotpSecret => "totp.secret",
            Self::MailToken => "mails.token",
            Self::McpHeaders => "assistant_settings.mcp_headers",
        }
    }

    const fn statements(self) -> Statements {
        match self {
            Self::SigningSecret => statements!("users", "signing_secret", "id"),
            Self::PreviousSigningSecret => statements!("users", "previous_signing_secret", "id"),
            Self::BotToken => statements!("assistants", "bot_token", "id"),
            Self::ModelKey => statements!("assistants", "model_key", "id"),
            Self::ReplacedBotToken => statements!("replaced_configurations", "bot_token", "assistant_id"),
            Self::ReplacedModelKey => statements!("replaced_configurations", "model_key", "assistant_id"),
            Self::WorkerSettings => statements!("workers", "settings", "worker_name"),
            Self::SessionFlash => statements!("sessions", "flash", "id"),
            Self::TotpSecret => statements!("totp", "secret", "user_id"),
            Self::MailToken => statements!("mails", "token", "id"),
            Self::McpHeaders => statements!("assistant_settings", "mcp_headers", "assistant_id"),
        }
    }
}

impl Tx {
    /// Counts the values of a column by their first `length` bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_sealed_values(
        &mut self,
        column: SealedColumn,
        length: i32,
    ) -> Result<Vec<SealedCount>, StoreError> {
        Ok(fetch_all!(self, SealedCount, column.statements().count, length))
    }

    /// Lists up to `limit` values that do not begin with `prefix`, in the order of their rows, after the first
    /// `skip`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_sealed_values_without_prefix(
        &mut self,
        column: SealedColumn,
        prefix: &[u8],
        skip: i64,
        limit: i64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let sql = column.statements().list;
        let length = i32::try_from(prefix.len()).unwrap_or(i32::MAX);
        Ok(match column {
            SealedColumn::WorkerSettings | SealedColumn::SessionFlash => {
                fetch_all!(self, (String, Vec<u8>), sql, length, prefix, limit, skip)
                    .into_iter()
                    .map(|(name, sealed)| SealedRow { key: RowKey::Name(name), sealed })
                    .collect()
            }
            _ => fetch_all!(self, (Uuid, Vec<u8>), sql, length, prefix, limit, skip)
                .into_iter()
                .map(|(id, sealed)| SealedRow { key: RowKey::Id(id), sealed })
                .collect(),
        })
    }

    /// Replaces a value if it is still the one that was read; `false` when another process changed it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_sealed_value(
        &mut self,
        column: SealedColumn,
        row: &SealedRow,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let sql = column.statements().replace;
        let changed = match &row.key {
            RowKey::Id(id) => execute!(self, sql, id, &row.sealed, sealed),
            RowKey::Name(name) => execute!(self, sql, name, &row.sealed, sealed),
        };
        Ok(changed == 1)
    }
}
