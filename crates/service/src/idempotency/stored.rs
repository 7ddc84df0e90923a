//! How outcomes are stored: as JSON, and sealed if they have a secret. Whoever reads the database or a backup of it must not be
//! able to use the link that a request was answered with.

use data_encoding::BASE64;
use reef_domain::ids::UserId;
use reef_ports::Entropy;
use reef_vault::{SecretLocation, Vault};
use secrecy::ExposeSecret;

use super::outcome::Outcome;
use crate::error::Error;

/// Table and column of a sealed outcome; the row is the account and the key of the request.
const COLUMN: &str = "idempotency_keys.outcome";

/// How a sealed outcome begins. JSON does not.
const SEALED: &str = "sealed:";

/// Where an outcome is stored.
#[derive(Clone, Copy)]
pub(super) struct OutcomeRow<'a> {
    pub user: UserId,
    pub key: &'a str,
}

impl OutcomeRow<'_> {
    fn name(self) -> String {
        format!("{} {}", self.user, self.key)
    }
}

/// Renders an outcome for its row.
pub(super) fn render(
    outcome: &Outcome,
    row: OutcomeRow<'_>,
    vault: &Vault,
    entropy: &dyn Entropy,
) -> Result<String, Error> {
    let json = serde_json::to_string(outcome).map_err(Error::internal)?;
    if !outcome.has_secret() {
        return Ok(json);
    }
    let location = SecretLocation { column: COLUMN, row: &row.name() };
    let sealed = vault.seal(&json, location, entropy).map_err(Error::internal)?;
    Ok(format!("{SEALED}{}", BASE64.encode(&sealed)))
}

/// Parses the outcome of a row.
pub(super) fn parse(stored: &str, row: OutcomeRow<'_>, vault: &Vault) -> Result<Outcome, Error> {
    let Some(sealed) = stored.strip_prefix(SEALED) else {
        return serde_json::from_str(stored).map_err(Error::internal);
    };
    let sealed = BASE64.decode(sealed.as_bytes()).map_err(Error::internal)?;
    let location = SecretLocation { column: COLUMN, row: &row.name() };
    let json = vault.open(&sealed, location).map_err(Error::internal)?;
    serde_json::from_str(json.expose_secret()).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use reef_domain::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::people::OwnerLink;

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn owner_link_is_sealed_for_its_row() {
        let vault = Vault::new(&BASE64.encode(&[7; 32]).into()).unwrap();
        let user = UserId::new(Uuid::from_u128(1));
        let row = OutcomeRow { user, key: "k" };
        let url = "https://t.me/bot?start=owner_0123".to_owned();
        let link = Outcome::OwnerLink(OwnerLink { url, expires_at: Timestamp::from_unix_ms(9) });
        let stored = render(&link, row, &vault, &Zeros).unwrap();
        assert!(stored.starts_with(SEALED) && !stored.contains("owner_"), "{stored}");
        assert_eq!(parse(&stored, row, &vault).unwrap(), link);
        assert!(parse(&stored, OutcomeRow { user, key: "other" }, &vault).is_err());
        let plain = render(&Outcome::Deleted, row, &vault, &Zeros).unwrap();
        assert_eq!(plain, r#"{"type":"deleted"}"#);
        assert_eq!(parse(&plain, row, &vault).unwrap(), Outcome::Deleted);
    }
}
