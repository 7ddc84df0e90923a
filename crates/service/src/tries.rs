//! Guessing passwords is slow: after a few tries each one has to wait longer than the last.
//!
//! A try is counted before the password is looked at, so that many at once gain nothing, and taken back when it was
//! right. Tries are rows: a restart forgets none, and every process sees the same.
//!
//! A browser that has signed in with the account before counts for itself alone: what others try, from however many
//! networks, does not make its owner wait.

use std::time::Duration;

use reef_domain::ids::UserId;
use reef_store::Tx;
use sha2::{Digest as _, Sha256};

use crate::accounts::Device;
use crate::client::ClientAddress;
use crate::error::Error;
use crate::services::Services;
use crate::vault::hex;

/// How long after the last one tries are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// How patient Reef is.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// So many tries without a wait.
    free: u32,
    /// The wait after the last free one; it doubles with each that follows.
    first_wait: Duration,
}

/// With one account from one address: its owner, mistaken, waits seconds.
const PAIR: Patience = Patience { free: 5, first_wait: Duration::from_secs(10) };
/// With one account from everywhere, whoever guesses has many addresses.
const ACCOUNT: Patience = Patience { free: 50, first_wait: Duration::from_secs(60) };
/// From one address with any account.
const ADDRESS: Patience = Patience { free: 50, first_wait: Duration::from_secs(10) };
/// Accounts opened from one address, a day.
const SIGN_UPS: Patience = Patience { free: 100, first_wait: Duration::from_secs(60) };

/// Mails that somebody has sent to themselves.
const MAILS: Patience = Patience { free: 3, first_wait: Duration::from_secs(60) };
/// Links to a new password asked for from one network, for any account.
const RESETS: Patience = Patience { free: 20, first_wait: Duration::from_secs(60) };
/// Said when somebody asks for one mail too many.
pub(crate) const MANY_MAILS: &str = "A few mails were asked for already: look for them, or wait a while";

impl Patience {
    /// The wait after this many tries.
    fn wait_after(self, tries: i64) -> Option<Duration> {
        let beyond = tries.checked_sub(i64::from(self.free)).filter(|beyond| *beyond >= 0)?;
        let doublings = u32::try_from(beyond).unwrap_or(u32::MAX).min(16);
        Some((self.first_wait * 2_u32.pow(doublings)).min(WAIT_MAX))
    }
}

/// What tries are counted for, in the order in which every process locks them: networks first, the widest before all.
#[derive(Clone, Debug)]
pub(crate) struct TryOf {
    networks: Vec<(String, Patience)>,
    subjects: Vec<(String, Patience)>,
    /// Whose account it is, where a new password forgets the tries.
    owner: Option<String>,
}

/// Of what was typed only a hash is kept: it may be a password.
fn hashed(email: &str) -> String {
    hex(&Sha256::digest(email.trim().to_lowercase().as_bytes())[..16])
}

fn owner_of_sign_ins(email: &str) -> String {
    format!("sign-in to {}", hashed(email))
}

fn owner_of_proofs(user: UserId) -> String {
    format!("password of {user}")
}

/// The networks that an address is in. A wider one has room for a few customers.
fn networks(what: &str, from: ClientAddress, patience: Patience) -> Vec<(String, Patience)> {
    let wider = from.wider_networks().into_iter().zip([4, 2]).map(|((network, length), times)| {
        let free = patience.free.saturating_mul(times);
        (format!("{what} from {network}/{length}"), Patience { free, ..patience })
    });
    wider.chain([(format!("{what} from {from}"), patience)]).collect()
}

/// What is secret of an account, guessed at from somewhere. A device counts for itself alone.
fn guess(what: &str, whose: &str, from: ClientAddress, device: Option<&Device>) -> TryOf {
    if let Some(device) = device {
        let subjects = vec![(format!("{whose} on {}", device.as_str()), PAIR)];
        return TryOf { networks: Vec::new(), subjects, owner: None };
    }
    let subjects = vec![(whose.to_owned(), ACCOUNT), (format!("{whose} from {from}"), PAIR)];
    TryOf { networks: networks(what, from, ADDRESS), subjects, owner: None }
}

impl TryOf {
    /// To sign in. An address without an account counts like any other.
    pub(crate) fn signing_in(email: &str, from: ClientAddress, device: Option<&Device>) -> Self {
        let owner = owner_of_sign_ins(email);
        Self { owner: Some(owner.clone()), ..guess("sign-in", &owner, from, device) }
    }

    /// To give a code beside the password. A new password does not forget these: whoever reads the account's mail could
    /// guess codes without end.
    pub(crate) fn giving_a_code(user: UserId, from: ClientAddress, device: Option<&Device>) -> Self {
        guess("code", &format!("code of {user}"), from, device)
    }

    /// To open an account. This machine's own address tells nobody apart: it is the operator, or everybody behind a proxy
    /// that was not named.
    pub(crate) fn signing_up(from: ClientAddress) -> Self {
        let networks = if from.is_this_machine() { Vec::new() } else { networks("sign-up", from, SIGN_UPS) };
        Self { networks, subjects: Vec::new(), owner: None }
    }

    /// To have a link to a new password sent. An address without an account counts like any other, and this machine's own
    /// address tells nobody apart.
    pub(crate) fn resetting(email: &str, from: ClientAddress) -> Self {
        let networks = if from.is_this_machine() { Vec::new() } else { networks("reset", from, RESETS) };
        Self { networks, subjects: vec![(format!("reset of {}", hashed(email)), MAILS)], owner: None }
    }

    /// To have a mail sent by an account.
    pub(crate) fn mailing(user: UserId) -> Self {
        Self { networks: Vec::new(), subjects: vec![(format!("mail by {user}"), MAILS)], owner: None }
    }

    /// To prove once more, by the password, that one is who is signed in. Only sessions of the account can try, so nobody
    /// else's tries count; a device has its own count also here, for a session may be stolen.
    pub(crate) fn proving(user: UserId, device: Option<&Device>) -> Self {
        let owner = owner_of_proofs(user);
        let subject =
            device.map_or_else(|| owner.clone(), |device| format!("{owner} on {}", device.as_str()));
        Self { networks: Vec::new(), subjects: vec![(subject, PAIR)], owner: Some(owner) }
    }
}

/// An account has another password: what was tried against the one before makes nobody wait any more.
pub(crate) async fn forget_tries_at_password(tx: &mut Tx, user: UserId, email: &str) -> Result<(), Error> {
    for owner in [owner_of_sign_ins(email), owner_of_proofs(user)] {
        tx.forget_tries_against(&owner).await?;
    }
    Ok(())
}

impl Services {
    /// Counts a try that is about to be made.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when it has to wait; it is not counted then.
    pub(crate) async fn begin_try(&self, what: &TryOf, message: &'static str) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let (networks, owner) = (what.networks.iter().map(|one| (one, None)), what.owner.as_deref());
        for ((subject, patience), owner) in networks.chain(what.subjects.iter().map(|one| (one, owner))) {
            let tries = tx.count_try(subject, owner, now, now.plus(FORGOTTEN_AFTER)).await?;
            if let Some(until) = tries.blocked_until.filter(|until| *until > now) {
                let seconds = until.since(now).as_millis().div_ceil(1000);
                let retry_after_seconds = u64::try_from(seconds).unwrap_or(WAIT_MAX.as_secs());
                return Err(Error::RateLimited { message, retry_after_seconds });
            }
            if let Some(wait) = patience.wait_after(tries.count) {
                tx.block_tries(subject, now.plus(wait)).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// The try was right: the account's are forgotten, the networks' others are not.
    pub(crate) async fn try_succeeded(&self, what: &TryOf) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        for (subject, _) in &what.networks {
            tx.take_back_try(subject).await?;
        }
        for (subject, _) in &what.subjects {
            tx.forget_tries(subject).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<_> =
            (4..14).map(|tries| PAIR.wait_after(tries).map_or(0, |wait| wait.as_secs())).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(PAIR.wait_after(i64::MAX), Some(WAIT_MAX));
    }
}
