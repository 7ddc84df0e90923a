//! Every column with sealed values, in one list: what a change of the secret key has to go over.

use std::fmt;

use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// A column whose values are sealed with the secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// An account's callback secret.
    CallbackSecret,
    /// The one before it.
    CallbackSecretPrevious,
    /// An assistant's bot token.
    BotToken,
    /// An assistant's model key.
    ModelKey,
    /// The bot token that a change has replaced.
    ReplacedBotToken,
    /// The model key that a change has replaced.
    ReplacedModelKey,
    /// An embedded worker's settings.
    WorkerSettings,
    /// What a session's next page shows.
    SessionFlash,
    /// What an account's codes are made from.
    TotpSecret,
    /// The secret of a link in a mail that is not sent yet.
    MailToken,
}

/// What names a row of a table with sealed values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// An id.
    Id(Uuid),
    /// A worker's name, or what a session is kept under.
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

/// A sealed value and the row it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The row.
    pub key: RowKey,
    /// The value, sealed.
    pub sealed: Vec<u8>,
}

/// How many values of a column begin with the same bytes: those that tell which key sealed them.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct SealedCount {
    /// The first bytes, as many as were asked for.
    pub prefix: Vec<u8>,
    /// How many values.
    pub count: i64,
}

/// The statements about one column.
struct Texts {
    count: &'static str,
    others: &'static str,
    replace: &'static str,
}

macro_rules! texts {
    ($table:literal, $value:literal, $key:literal) => {
        Texts {
            count: concat!(
                "select substr(",
                $value,
                ", 1, $1) as prefix, count(*) as count from ",
                $table,
                " where ",
                $value,
                " is not null group by 1 order by 1 limit 1000"
            ),
            others: concat!(
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
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::CallbackSecret,
        Self::CallbackSecretPrevious,
        Self::BotToken,
        Self::ModelKey,
        Self::ReplacedBotToken,
        Self::ReplacedModelKey,
        Self::WorkerSettings,
        Self::SessionFlash,
        Self::TotpSecret,
        Self::MailToken,
    ];

    /// Table and column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallbackSecret => "users.signing_secret",
            Self::CallbackSecretPrevious => "users.previous_signing_secret",
            Self::BotToken => "assistants.bot_token",
            Self::ModelKey => "assistants.model_key",
            Self::ReplacedBotToken => "replaced_configurations.bot_token",
            Self::ReplacedModelKey => "replaced_configurations.model_key",
            Self::WorkerSettings => "workers.settings",
            Self::SessionFlash => "sessions.flash",
            Self::TotpSecret => "totp.secret",
            Self::MailToken => "mails.token",
        }
    }

    const fn texts(self) -> Texts {
        match self {
            Self::CallbackSecret => texts!("users", "signing_secret", "id"),
            Self::CallbackSecretPrevious => texts!("users", "previous_signing_secret", "id"),
            Self::BotToken => texts!("assistants", "bot_token", "id"),
            Self::ModelKey => texts!("assistants", "model_key", "id"),
            Self::ReplacedBotToken => texts!("replaced_configurations", "bot_token", "assistant_id"),
            Self::ReplacedModelKey => texts!("replaced_configurations", "model_key", "assistant_id"),
            Self::WorkerSettings => texts!("workers", "settings", "worker_name"),
            Self::SessionFlash => texts!("sessions", "flash", "id"),
            Self::TotpSecret => texts!("totp", "secret", "user_id"),
            Self::MailToken => texts!("mails", "token", "id"),
        }
    }
}

impl Tx {
    /// How many values of a column there are by their first `length` bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_sealed(
        &mut self,
        column: SealedColumn,
        length: i32,
    ) -> Result<Vec<SealedCount>, StoreError> {
        Ok(fetch_all!(self, SealedCount, column.texts().count, length))
    }

    /// Up to `limit` values that do not begin with `prefix`, in the order of their rows, without the first `skip`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sealed_otherwise(
        &mut self,
        column: SealedColumn,
        prefix: &[u8],
        skip: i64,
        limit: i64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let sql = column.texts().others;
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

    /// Writes a value over the one that was read; `false` when somebody has changed it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_sealed(
        &mut self,
        column: SealedColumn,
        row: &SealedRow,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let sql = column.texts().replace;
        let changed = match &row.key {
            RowKey::Id(id) => execute!(self, sql, id, &row.sealed, sealed),
            RowKey::Name(name) => execute!(self, sql, name, &row.sealed, sealed),
        };
        Ok(changed == 1)
    }
}
