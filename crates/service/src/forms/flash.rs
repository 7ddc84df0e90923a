//! What a form leaves for the page it redirects to, and what must not be in the URL: errors with what was typed, a new API key.
//!
//! A text is sealed for one page and can be read for a minute: from the row of the session, or from a cookie of a visitor who has no
//! session. Reading changes nothing, because pages are read with GET.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::services::Services;
use data_encoding::HEXLOWER;
use reef_vault::{SecretLocation, fingerprint};

/// How long a flash is shown.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// Table and column; the row is the session's storage id.
pub(crate) const COLUMN: &str = "sessions.flash";
/// Stands for table and column of a text in a cookie; the row is the path of its page.
const COOKIE: &str = "flash cookie";

/// The id that a session is stored under. A hash, so that nobody who reads the database can use its contents as a
/// cookie. Session ids have 128 random bits, so it needs no salt.
#[must_use]
pub fn session_row_id(id: &str) -> String {
    HEXLOWER.encode(&fingerprint("reef session", id))
}

impl Services {
    /// Stores a text for a page of a session, in place of the one before. Only the page with this path, which has no
    /// spaces, can read it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the session has ended.
    pub async fn set_flash(&self, session: &str, page: &str, text: &SecretString) -> Result<(), Error> {
        let row = session_row_id(session);
        let text = format!("{page} {}", text.expose_secret());
        let sealed =
            self.vault().seal(&text, SecretLocation { column: COLUMN, row: &row }, &*self.ports().entropy);
        let sealed = sealed.map_err(Error::internal)?;
        let mut tx = self.store().begin().await?;
        if !tx.update_flash(&row, &sealed, self.now().plus(LIFETIME)).await? {
            return Err(Error::Unauthorized);
        }
        Ok(tx.commit().await?)
    }

    /// Finds the text that was stored for this page of a session within the last minute.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be read.
    pub async fn find_flash(&self, session: &str, page: &str) -> Result<Option<SecretString>, Error> {
        let row = session_row_id(session);
        let flash = self.store().read_committed().await?.find_flash(&row, self.now()).await?;
        let Some(sealed) = flash else { return Ok(None) };
        let text = self
            .vault()
            .open(&sealed, SecretLocation { column: COLUMN, row: &row })
            .map_err(Error::internal)?;
        let text = text.expose_secret().split_once(' ').filter(|(stored_page, _)| *stored_page == page);
        Ok(text.map(|(_, text)| SecretString::from(text)))
    }

    /// Seals a text for a page and the next minute, as the value of a cookie.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be sealed.
    pub fn seal_flash(&self, page: &str, text: &SecretString) -> Result<String, Error> {
        let until = self.now().plus(LIFETIME).unix_ms();
        let text = format!("{until} {}", text.expose_secret());
        let location = SecretLocation { column: COOKIE, row: &page };
        let sealed = self.vault().seal(&text, location, &*self.ports().entropy).map_err(Error::internal)?;
        Ok(BASE64URL_NOPAD.encode(&sealed))
    }

    /// Opens a text that was sealed for this page within the last minute. `None` for everything else that may be in a
    /// cookie.
    #[must_use]
    pub fn open_flash(&self, page: &str, sealed: &str) -> Option<SecretString> {
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let text = self.vault().open(&sealed, SecretLocation { column: COOKIE, row: &page }).ok()?;
        let (until, text) = text.expose_secret().split_once(' ')?;
        (self.now().unix_ms() < until.parse().ok()?).then(|| SecretString::from(text))
    }
}
