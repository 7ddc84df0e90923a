//! What a form passes to the page it redirects to, and what must not be in the URL: a new API key, recovery codes.
//!
//! Without JavaScript a form is answered by a redirect, and the page behind it has to show a secret once. A GET changes
//! nothing, so the first view cannot consume it: the secret is sealed with the session and shown for a minute.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::services::Services;
use data_encoding::HEXLOWER;
use reef_vault::{SecretLocation, fingerprint};

/// How long a flash is shown.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// Table and column; the row is the session's storage id.
pub(crate) const COLUMN: &str = "sessions.flash";

/// The id that a session is stored under. A hash, so that nobody who reads the database can use its contents as a
/// cookie. Session ids have 128 random bits, so it needs no salt.
#[must_use]
pub fn session_row_id(id: &str) -> String {
    HEXLOWER.encode(&fingerprint("reef session", id))
}

impl Services {
    /// Stores a text for the next page of a session, in place of the one before. Only a page that asks for the same
    /// `name`, which has no spaces, can read it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the session has ended.
    pub async fn set_flash(&self, session: &str, name: &str, text: &SecretString) -> Result<(), Error> {
        let row = session_row_id(session);
        let text = format!("{name} {}", text.expose_secret());
        let sealed =
            self.vault().seal(&text, SecretLocation { column: COLUMN, row: &row }, &*self.ports().entropy);
        let sealed = sealed.map_err(Error::internal)?;
        let mut tx = self.store().begin().await?;
        if !tx.update_flash(&row, &sealed, self.now().plus(LIFETIME)).await? {
            return Err(Error::Unauthorized);
        }
        Ok(tx.commit().await?)
    }

    /// Finds the text that was stored for a session under this name within the last minute.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be read.
    pub async fn find_flash(&self, session: &str, name: &str) -> Result<Option<SecretString>, Error> {
        let row = session_row_id(session);
        let flash = self.store().read().await?.find_flash(&row, self.now()).await?;
        let Some(sealed) = flash else { return Ok(None) };
        let text = self
            .vault()
            .open(&sealed, SecretLocation { column: COLUMN, row: &row })
            .map_err(Error::internal)?;
        let text = text.expose_secret().split_once(' ').filter(|(stored_name, _)| *stored_name == name);
        Ok(text.map(|(_, text)| SecretString::from(text)))
    }
}
