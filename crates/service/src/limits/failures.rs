//! Wrong API keys, counted by the address they come from, in IPv6 also by its /56 and /48.
//!
//! An address that has sent too many is answered 429 and no longer has keys looked up as it likes. A good key from
//! there goes on working: one that was good a moment ago is looked up as ever, and of the others a few at a time are.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api_keys::is_well_formed;
use crate::caller::Caller;
use crate::client::ClientAddress;
use crate::error::Error;
use crate::services::Services;

use super::{Quota, of_failures};

/// Unknown keys of limited addresses that are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 2;
/// Keys remembered as good. Beyond, all are forgotten.
const REMEMBERED_MAX: usize = 10_000;

type KeyHash = [u8; 32];

/// Which keys of a limited address are looked up.
#[derive(Debug)]
pub(super) struct Admission {
    /// Hashes of keys that were good when they were last looked up. It admits to the look-up, to nothing else.
    good: Mutex<HashSet<KeyHash>>,
    lane: Semaphore,
}

impl Default for Admission {
    fn default() -> Self {
        Self { good: Mutex::default(), lane: Semaphore::new(LOOKED_UP_AT_ONCE) }
    }
}

/// A look-up that may be made.
enum Admitted<'a> {
    Known,
    OneOfFew { _place: SemaphorePermit<'a> },
}

impl Admission {
    fn admit(&self, hash: &KeyHash) -> Option<Admitted<'_>> {
        if self.good.lock().unwrap_or_else(PoisonError::into_inner).contains(hash) {
            return Some(Admitted::Known);
        }
        self.lane.try_acquire().ok().map(|place| Admitted::OneOfFew { _place: place })
    }

    fn note(&self, hash: KeyHash, is_good: bool) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_good {
            good.remove(&hash);
        } else if !good.contains(&hash) {
            if good.len() >= REMEMBERED_MAX {
                good.clear();
            }
            good.insert(hash);
        }
    }
}

fn too_many(quota: Quota) -> Error {
    let message = "Too many wrong API keys from this address; wait and try again";
    Error::RateLimited { message, retry_after_seconds: quota.resets_in }
}

impl Services {
    /// Who holds this key, asked from an address.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for anything that is not a live key, [`Error::RateLimited`] instead when the address has
    /// sent too many of them.
    pub async fn authenticate_from(&self, key: &SecretString, from: ClientAddress) -> Result<Caller, Error> {
        let (counts, subjects) = (self.counts(), of_failures(from));
        let networks = || counts.failures.iter().zip(&subjects);
        let used_up = networks().filter_map(|(windows, subject)| windows.look(subject, self.now()));
        let limited = used_up.filter(|quota| quota.remaining == 0).max_by_key(|quota| quota.resets_in);
        let is_well_formed = is_well_formed(key.expose_secret());
        let hash = KeyHash::from(Sha256::digest(key.expose_secret().as_bytes()));
        let _admitted = match limited {
            Some(quota) if !is_well_formed => return Err(too_many(quota)),
            Some(quota) => Some(counts.admission.admit(&hash).ok_or_else(|| too_many(quota))?),
            None => None,
        };
        let found = self.authenticate(key).await;
        match (&found, limited) {
            (Ok(_), _) => counts.admission.note(hash, true),
            (Err(Error::Unauthorized), limited) => {
                counts.admission.note(hash, false);
                if let Some(quota) = limited {
                    return Err(too_many(quota));
                }
                for (windows, subject) in networks() {
                    windows.count_anew(subject, self.now());
                }
            }
            _ => {}
        }
        found
    }
}
