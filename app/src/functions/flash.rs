//! A new key on its way over one redirect.
//!
//! Without JavaScript the answer to a form is a redirect, and the page it leads to must show the key, once. Pages do
//! not write, so there is nothing that a first look could use up; instead the key goes sealed into the address, for
//! this account alone, and for a minute.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_service::vault::{Place, VaultError};
use reef_service::{Error, Services};
use secrecy::{ExposeSecret, SecretString};

/// How long the address shows the key.
const SHOWN_FOR: Duration = Duration::from_secs(60);

const fn place(user: &UserId) -> Place<'_> {
    Place { column: "flash.new_api_key", row: user }
}

/// Seals a new key for the address of the page that shows it.
pub(super) fn seal(services: &Services, user: UserId, key: &SecretString) -> Result<String, Error> {
    let until = services.now().plus(SHOWN_FOR);
    let text = format!("{until} {}", key.expose_secret());
    let sealed = services.vault().seal(&text, place(&user), &*services.ports().entropy);
    Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed.map_err(Error::internal)?))
}

/// The key again, if this account's address is not a minute old yet.
pub(super) fn open(services: &Services, user: UserId, sealed: &str) -> Option<String> {
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let text: Result<SecretString, VaultError> = services.vault().open(&sealed, place(&user));
    let text = text.ok()?;
    let (until, key) = text.expose_secret().split_once(' ')?;
    (services.now() < Timestamp::parse(until)?).then(|| key.to_owned())
}
