//! Secrets at rest: sealed with XChaCha20-Poly1305, each bound to the row it belongs to.
//!
//! A sealed value is `2 | key id (4) | nonce (24) | ciphertext and tag`. The key id says which `SECRET_KEY` sealed it,
//! so that keys can be rotated: the first key seals, all keys open.
//!
//! `SECRET_KEY` itself only derives a key for each purpose, so that a leaked key reveals no other. Values of version 1
//! were sealed with `SECRET_KEY` itself; they can still be opened, and `reef reseal` converts them.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;

use reef_ports::Entropy;

const VERSION: u8 = 2;
/// The version of values that were sealed with `SECRET_KEY` itself.
const VERSION_1: u8 = 1;
/// Derives the key that seals.
const SEALING_PURPOSE: &str = "reef 2 seal";
/// Prefix of the purposes of derived keys.
const DERIVATION_PREFIX: &str = "reef 2 derive ";
const KEY_ID: usize = 4;
const NONCE: usize = 24;
/// The length of a key in bytes.
pub const KEY_LENGTH: usize = 32;

/// Why a value could not be sealed or opened. Contains neither keys nor secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VaultError {
    /// The key is not 32 bytes in base64.
    #[error("a secret key is 32 bytes in base64")]
    BadKey,
    /// The value is damaged, belongs to another row, or was sealed with a key that is not configured.
    #[error("a sealed value cannot be opened")]
    CannotOpen,
    /// The value could not be sealed.
    #[error("a value cannot be sealed")]
    CannotSeal,
}

struct Key {
    id: [u8; KEY_ID],
    master: [u8; KEY_LENGTH],
    sealing: [u8; KEY_LENGTH],
}

impl Key {
    fn new(master: [u8; KEY_LENGTH]) -> Self {
        let hash = Sha256::digest(master);
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&hash[..KEY_ID]);
        Self { id, master, sealing: hmac_sha256(&master, SEALING_PURPOSE) }
    }

    /// The key for values of a version.
    const fn for_version(&self, version: u8) -> Option<&[u8; KEY_LENGTH]> {
        match version {
            VERSION => Some(&self.sealing),
            VERSION_1 => Some(&self.master),
            _ => None,
        }
    }

    fn prefix(&self, version: u8) -> [u8; PREFIX_LENGTH] {
        let mut prefix = [version; PREFIX_LENGTH];
        prefix[1..].copy_from_slice(&self.id);
        prefix
    }
}

/// HMAC-SHA-256, whose output is as long as a key.
fn hmac_sha256(key: &[u8; KEY_LENGTH], text: &str) -> [u8; KEY_LENGTH] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Seals and opens secrets with the configured keys.
pub struct Vault {
    keys: Vec<Key>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} keys)", self.keys.len())
    }
}

/// How many leading bytes of a sealed value identify its key.
pub const PREFIX_LENGTH: usize = 1 + KEY_ID;
/// Table and column of an embedded worker's settings; the row is the worker's name.
pub const WORKER_SETTINGS: &str = "workers.settings";

/// Where a secret is stored. A sealed value can only be opened for the location it was sealed for.
#[derive(Clone, Copy)]
pub struct SecretLocation<'a> {
    /// Table and column, such as `assistants.bot_token`.
    pub column: &'static str,
    /// The id of the row.
    pub row: &'a dyn std::fmt::Display,
}

impl SecretLocation<'_> {
    fn bytes(&self) -> Vec<u8> {
        format!("{}/{}", self.column, self.row).into_bytes()
    }
}

impl Vault {
    /// Parses keys of 32 bytes in base64, separated by commas: the first seals, all open.
    ///
    /// # Errors
    /// [`VaultError::BadKey`] when one of them is malformed.
    pub fn new(keys: &SecretString) -> Result<Self, VaultError> {
        let keys = keys.expose_secret().split(',').map(|text| {
            let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| VaultError::BadKey)?;
            let bytes: [u8; KEY_LENGTH] = bytes.try_into().map_err(|_| VaultError::BadKey)?;
            Ok(Key::new(bytes))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// The prefixes of values that each key has sealed, in both versions. New values have the first of them.
    pub fn prefixes(&self) -> impl Iterator<Item = [u8; PREFIX_LENGTH]> {
        self.keys.iter().flat_map(|key| [VERSION, VERSION_1].map(|version| key.prefix(version)))
    }

    /// Seals a secret for its location.
    ///
    /// # Errors
    /// [`VaultError::CannotSeal`], which takes a value of many gigabytes.
    pub fn seal(
        &self,
        secret: &str,
        location: SecretLocation<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let key = self.keys.first().ok_or(VaultError::CannotSeal)?;
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce);
        let cipher = XChaCha20Poly1305::new(&key.sealing.into());
        let payload = Payload { msg: secret.as_bytes(), aad: &location.bytes() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::CannotSeal)?;
        Ok([&key.prefix(VERSION)[..], &nonce, &sealed].concat())
    }

    /// Opens what [`Self::seal`] sealed for the same location.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`] for anything else.
    pub fn open(&self, sealed: &[u8], location: SecretLocation<'_>) -> Result<SecretString, VaultError> {
        let (version, rest) = sealed.split_first().ok_or(VaultError::CannotOpen)?;
        let (id, rest) = rest.split_at_checked(KEY_ID).ok_or(VaultError::CannotOpen)?;
        let (nonce, text) = rest.split_at_checked(NONCE).ok_or(VaultError::CannotOpen)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| VaultError::CannotOpen)?;
        let key = self.keys.iter().find(|key| key.id == id).and_then(|key| key.for_version(*version));
        let cipher = XChaCha20Poly1305::new(key.ok_or(VaultError::CannotOpen)?.into());
        let opened = cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: text, aad: &location.bytes() })
            .map_err(|_| VaultError::CannotOpen)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| VaultError::CannotOpen)
    }

    /// Derives a secret from the first key, a purpose and a value. The same input gives the same secret.
    #[must_use]
    pub fn derive(&self, purpose: &str, value: &str) -> String {
        let master = self.keys.first().map_or([0; KEY_LENGTH], |key| key.master);
        HEXLOWER.encode(&hmac_sha256(&hmac_sha256(&master, &format!("{DERIVATION_PREFIX}{purpose}")), value))
    }
}

/// SHA-256 of a purpose and a secret: it finds equal secrets without the key.
#[must_use]
pub fn fingerprint(purpose: &str, secret: &str) -> Vec<u8> {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(secret).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Randomness that differs in every call.
    #[derive(Default)]
    struct Counter(AtomicU8);

    impl Entropy for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn key(fill: u8) -> String {
        BASE64.encode(&[fill; KEY_LENGTH])
    }

    fn vault(keys: &str) -> Vault {
        Vault::new(&SecretString::from(keys)).unwrap()
    }

    const LOCATION: SecretLocation<'static> =
        SecretLocation { column: "assistants.bot_token", row: &"row-1" };

    #[test]
    fn value_opens_only_at_its_location() {
        let vault = vault(&key(1));
        let sealed = vault.seal("hush", LOCATION, &Counter::default()).unwrap();
        assert!(!sealed.windows(4).any(|window| window == b"hush"));
        assert_eq!(vault.open(&sealed, LOCATION).unwrap().expose_secret(), "hush");
        for elsewhere in [
            SecretLocation { row: &"row-2", ..LOCATION },
            SecretLocation { column: "assistants.model_key", ..LOCATION },
        ] {
            assert_eq!(vault.open(&sealed, elsewhere).err(), Some(VaultError::CannotOpen));
        }
        for cut in [0, 1, 5, 29, sealed.len() - 1] {
            assert!(vault.open(&sealed[..cut], LOCATION).is_err());
        }
    }

    #[test]
    fn keys_rotate() {
        let sealed = vault(&key(1)).seal("hush", LOCATION, &Counter::default()).unwrap();
        let rotated = vault(&format!("{}, {}", key(2), key(1)));
        assert_eq!(rotated.open(&sealed, LOCATION).unwrap().expose_secret(), "hush");
        assert!(vault(&key(2)).open(&sealed, LOCATION).is_err());
        let again = rotated.seal("hush", LOCATION, &Counter::default()).unwrap();
        let prefixes: Vec<_> = rotated.prefixes().collect();
        assert!(again.starts_with(&prefixes[0]) && sealed.starts_with(&prefixes[2]));
        assert!(vault(&key(2)).open(&again, LOCATION).is_ok());
    }

    #[test]
    fn version_1_value_opens_and_is_recognized_as_old() {
        let place = LOCATION.bytes();
        let payload = Payload { msg: b"hush", aad: &place };
        let text = XChaCha20Poly1305::new(&[1; KEY_LENGTH].into())
            .encrypt(&XNonce::from([9; NONCE]), payload)
            .unwrap();
        let id = &Sha256::digest([1; KEY_LENGTH])[..KEY_ID];
        let old = [&[1][..], id, &[9; NONCE], &text].concat();
        let vault = vault(&key(1));
        assert_eq!(vault.open(&old, LOCATION).unwrap().expose_secret(), "hush");
        let prefixes: Vec<_> = vault.prefixes().collect();
        assert!(old.starts_with(&prefixes[1]) && prefixes[0] != prefixes[1]);
        // A new value cannot be passed off as an old one by changing its version.
        let mut new = vault.seal("hush", LOCATION, &Counter::default()).unwrap();
        assert!(new.starts_with(&prefixes[0]));
        for version in [0, 1, 3] {
            new[0] = version;
            assert!(vault.open(&new, LOCATION).is_err(), "{version}");
        }
    }

    #[test]
    fn derived_keys_differ_by_purpose() {
        let (one, other) = (vault(&key(1)), vault(&key(2)));
        assert_eq!(one.derive("a", "x"), one.derive("a", "x"));
        let all = [
            one.derive("a", "x"),
            one.derive("a", "y"),
            one.derive("b", "x"),
            one.derive("a x", ""),
            one.derive("", "a x"),
            other.derive("a", "x"),
            HEXLOWER.encode(&hmac_sha256(&[1; KEY_LENGTH], "x")),
            HEXLOWER.encode(&hmac_sha256(&[1; KEY_LENGTH], SEALING_PURPOSE)),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn key_of_wrong_length_is_rejected() {
        for bad in ["", "x", "AAAA", &format!("{},", key(1))] {
            assert_eq!(Vault::new(&SecretString::from(bad)).err(), Some(VaultError::BadKey), "{bad}");
        }
    }
}
