//! What a form hands to the page it leads to, and the address must not carry: a new key, recovery codes.
//!
//! Without JavaScript the answer to a form is a redirect, and the page behind it must show what was made, once. Pages
//! write nothing, so there is nothing that a first look could use up: it is kept sealed with the session, and shown for a
//! minute.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::services::Services;
use crate::vault::{Place, fingerprint, hex};

/// How long it is shown.
pub const SHOWN_FOR: Duration = Duration::from_secs(60);
/// Table and column; the row is what the session is kept under.
pub(crate) const COLUMN: &str = "sessions.flash";

/// What a session is kept under: who reads the database can't use what they find as a cookie. The id has 128 random
/// bits, so a plain hash is enough.
#[must_use]
pub fn session_row(id: &str) -> String {
    hex(&fingerprint("reef session", id))
}

impl Services {
    /// Keeps a text for the next page of the session with this id, in the place of what was kept before. Only a page that
    /// asks by the same name (no spaces) is given it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the session has ended.
    pub async fn keep_flash(&self, session: &str, name: &str, text: &SecretString) -> Result<(), Error> {
        let row = session_row(session);
        let text = format!("{name} {}", text.expose_secret());
        let sealed = self.vault().seal(&text, Place { column: COLUMN, row: &row }, &*self.ports().entropy);
        let sealed = sealed.map_err(Error::internal)?;
        let mut tx = self.store().begin().await?;
        if !tx.set_flash(&row, &sealed, self.now().plus(SHOWN_FOR)).await? {
            return Err(Error::Unauthorized);
        }
        Ok(tx.commit().await?)
    }

    /// What was kept by this name for the session with this id, for a minute.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn flash(&self, session: &str, name: &str) -> Result<Option<SecretString>, Error> {
        let row = session_row(session);
        let kept = self.store().read().await?.flash(&row, self.now()).await?;
        let Some(sealed) = kept else { return Ok(None) };
        let text =
            self.vault().open(&sealed, Place { column: COLUMN, row: &row }).map_err(Error::internal)?;
        let text = text.expose_secret().split_once(' ').filter(|(kept, _)| *kept == name);
        Ok(text.map(|(_, text)| SecretString::from(text)))
    }
}
