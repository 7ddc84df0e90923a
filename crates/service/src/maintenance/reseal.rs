//! Rotation of the secret key: values that older keys have sealed are sealed again with the first key.
//!
//! It may be interrupted and repeated, and runs while other processes serve: a value is only replaced if it is still
//! the one that was read, and every process opens with all of its keys.

use reef_store::{SealedColumn, SealedRow};
use secrecy::ExposeSecret as _;

use crate::accounts::TOTP_SECRET;
use crate::assistants::{BOT_TOKEN, MODEL_KEY};
use crate::callbacks::signing::COLUMN as CALLBACK_SECRET;
use crate::error::Error;
use crate::forms::flash::COLUMN as FLASH;
use crate::mail::COLUMN as MAIL_TOKEN;
use crate::services::Services;
use crate::settings::MCP_HEADERS;
use reef_vault::{PREFIX_LENGTH, SecretLocation, VaultError, WORKER_SETTINGS};

/// Values per transaction. Writers of other processes wait for at most one of them.
const BATCH: i64 = 100;

/// The result of resealing one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResealReport {
    /// Table and column, such as `assistants.bot_token`.
    pub column: &'static str,
    /// How many values were sealed again with the first key.
    pub resealed: u64,
    /// How many values no configured key opens.
    pub unreadable: u64,
}

/// How many sealed values there are, by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealedCounts {
    /// Sealed with the first key.
    pub first: i64,
    /// Sealed with another configured key.
    pub older: i64,
    /// Sealed with a key that is not configured.
    pub unknown: i64,
}

/// The column name that values of a column were sealed for.
const fn location_column(column: SealedColumn) -> &'static str {
    match column {
        SealedColumn::SigningSecret | SealedColumn::PreviousSigningSecret => CALLBACK_SECRET,
        SealedColumn::BotToken | SealedColumn::ReplacedBotToken => BOT_TOKEN,
        SealedColumn::ModelKey | SealedColumn::ReplacedModelKey => MODEL_KEY,
        SealedColumn::WorkerSettings => WORKER_SETTINGS,
        SealedColumn::SessionFlash => FLASH,
        SealedColumn::TotpSecret => TOTP_SECRET,
        SealedColumn::MailToken => MAIL_TOKEN,
        SealedColumn::McpHeaders => MCP_HEADERS,
    }
}

impl Services {
    /// Seals all values with the first key that other keys have sealed. Returns the result of each column.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails. Values that were resealed until then stay so.
    pub async fn reseal(&self) -> Result<Vec<ResealReport>, Error> {
        let mut all = Vec::new();
        for column in SealedColumn::ALL {
            all.push(self.reseal_column(column).await?);
        }
        Ok(all)
    }

    async fn reseal_column(&self, column: SealedColumn) -> Result<ResealReport, Error> {
        let first = self.vault().prefixes().next().ok_or_else(|| Error::internal(VaultError::CannotSeal))?;
        let mut report = ResealReport { column: column.name(), resealed: 0, unreadable: 0 };
        loop {
            // Values that cannot be opened are skipped and left as they are.
            let skip = i64::try_from(report.unreadable).map_err(Error::internal)?;
            let rows = {
                let mut tx = self.store().read().await?;
                tx.list_sealed_values_without_prefix(column, &first, skip, BATCH).await?
            };
            if rows.is_empty() {
                return Ok(report);
            }
            let mut tx = self.store().begin().await?;
            for row in &rows {
                match self.reseal_value(column, row) {
                    // If another process has replaced the value meanwhile, the next batch finds it again if it is still
                    // old.
                    Ok(sealed) => {
                        report.resealed += u64::from(tx.replace_sealed_value(column, row, &sealed).await?);
                    }
                    Err(error) => {
                        tracing::error!(column = column.name(), row = %row.key, %error, "sealed value could not be resealed");
                        report.unreadable += 1;
                    }
                }
            }
            tx.commit().await?;
        }
    }

    fn reseal_value(&self, column: SealedColumn, row: &SealedRow) -> Result<Vec<u8>, VaultError> {
        let location = SecretLocation { column: location_column(column), row: &row.key };
        let secret = self.vault().open(&row.sealed, location)?;
        self.vault().seal(secret.expose_secret(), location, &*self.ports().entropy)
    }

    /// Counts the sealed values by the key that sealed them.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn count_sealed_by_key(&self) -> Result<SealedCounts, Error> {
        let known: Vec<_> = self.vault().prefixes().collect();
        let length = i32::try_from(PREFIX_LENGTH).map_err(Error::internal)?;
        let mut counts = SealedCounts::default();
        let mut tx = self.store().read().await?;
        for column in SealedColumn::ALL {
            for found in tx.count_sealed_values(column, length).await? {
                match known.iter().position(|prefix| *prefix == *found.prefix) {
                    Some(0) => counts.first += found.count,
                    Some(_) => counts.older += found.count,
                    None => counts.unknown += found.count,
                }
            }
        }
        Ok(counts)
    }
}
