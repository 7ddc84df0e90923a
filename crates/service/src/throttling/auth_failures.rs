//! Invalid API keys, counted by the address they come from, and in IPv6 also by its /56 and /48.
//!
//! An address that has sent too many is answered 429, and its keys are no longer looked up freely. Valid keys from
//! there keep working: those that were valid recently are always looked up, others only a few at a time.

use reef_domain::wire::Scope;
use secrecy::{ExposeSecret as _, SecretString};

use crate::api_keys::{self, is_well_formed};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::throttling::ClientAddress;

use crate::throttling::subjects::{Network, RequestSubject};
use crate::throttling::windows::Quota;

fn too_many(quota: Quota) -> Error {
    let message = "Too many invalid API keys from this address. Wait and try again";
    Error::RateLimited { message, retry_after_seconds: quota.resets_in_seconds }
}

/// The subjects that an address's invalid keys are counted under, the narrowest network first.
fn failure_subjects(from: ClientAddress) -> Vec<String> {
    let wider = from.wider_networks().into_iter().rev();
    let wider = wider.map(|(network, length)| Network::Wider(network, length));
    let networks = std::iter::once(Network::Own(from)).chain(wider);
    networks.map(|network| RequestSubject::WrongKeys(network).to_string()).collect()
}

impl Services {
    /// Authenticates a key that was sent from an address with a request that `needed` a scope. For one that only reads,
    /// what this process remembers of the key is enough.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for anything that is not a valid key, or [`Error::RateLimited`] when the address has
    /// sent too many of those.
    pub async fn authenticate_from(
        &self,
        key: &SecretString,
        needed: Scope,
        from: ClientAddress,
    ) -> Result<Caller, Error> {
        let (counts, subjects) = (self.rate_limits(), failure_subjects(from));
        let networks = || counts.failures.iter().zip(&subjects);
        let quotas = networks().filter_map(|(windows, subject)| windows.peek(subject, self.now()));
        let limited = quotas.filter(|quota| quota.remaining == 0).max_by_key(|quota| quota.resets_in_seconds);
        let is_well_formed = is_well_formed(key.expose_secret());
        let hash = api_keys::hash(key.expose_secret());
        let _admitted = match limited {
            Some(quota) if !is_well_formed => return Err(too_many(quota)),
            Some(quota) => Some(counts.admission.admit(&hash).ok_or_else(|| too_many(quota))?),
            None => None,
        };
        let found = match is_well_formed {
            true => self.authenticate_hash(&hash, needed).await,
            false => Err(Error::Unauthorized),
        };
        match (&found, limited) {
            (Ok(_), _) => counts.admission.record(hash, true),
            (Err(Error::Unauthorized), limited) => {
                counts.admission.record(hash, false);
                if let Some(quota) = limited {
                    return Err(too_many(quota));
                }
                for (windows, subject) in networks() {
                    windows.open_and_count(subject, self.now());
                }
            }
            _ => {}
        }
        found
    }
}
