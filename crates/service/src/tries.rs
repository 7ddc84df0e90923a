//! Guessing passwords is slow: after a few tries each one has to wait longer than the last.
//!
//! A try is counted before the password is looked at, so that many at once gain nothing, and taken back when it was
//! right. Tries are rows: a restart forgets none, and every process sees the same.
//!
//! A browser that has signed in with the account before counts for itself alone: what others try, from however many
//! networks, does not make its owner wait. While they make the account wait, a provider's network that has hardly failed
//! with it still has a few attempts: an owner with a new browser is rarely where the attacker is.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_store::{Tries, Tx};
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
/// Failed attempts with one account from a provider's network until it waits with everybody else.
const FROM_CLEAN_NETWORK: i64 = 2;
/// With one account that has to wait, from all clean networks together: what an attacker with many providers gets
/// beyond [`ACCOUNT`].
const CLEAN_NETWORKS: Patience = Patience { free: 50, first_wait: WAIT_MAX };
/// Accounts opened from one address, a day.
const SIGN_UPS: Patience = Patience { free: 100, first_wait: Duration::from_secs(60) };

/// Mails that somebody has sent to themselves.
const MAILS: Patience = Patience { free: 3, first_wait: Duration::from_secs(60) };
/// Links to a new password asked for from one network, for any account.
const RESETS: Patience = Patience { free: 20, first_wait: Duration::from_secs(60) };
/// Said when somebody asks for one mail too many.
pub(crate) const MANY_MAILS: &str =
    "Several emails were already requested. The newest link works: check your inbox and spam folder";

impl Patience {
    /// The wait after this many tries.
    fn wait_after(self, tries: i64) -> Option<Duration> {
        let beyond = tries.checked_sub(i64::from(self.free)).filter(|beyond| *beyond >= 0)?;
        let doublings = u32::try_from(beyond).unwrap_or(u32::MAX).min(16);
        Some((self.first_wait * 2_u32.pow(doublings)).min(WAIT_MAX))
    }
}

/// What tries are counted for, in the order in which every process locks them: networks first, the widest before all.
#[derive(Clone, Debug, Default)]
pub(crate) struct TryOf {
    networks: Vec<(String, Patience)>,
    account: Option<WholeAccount>,
    subjects: Vec<(String, Patience)>,
    /// Whose account it is, where a new password forgets the tries.
    owner: Option<String>,
}

/// An account, guessed at from everywhere.
#[derive(Clone, Debug)]
struct WholeAccount {
    subject: String,
    /// The provider's network that the attempt comes from, where a clean one need not wait for what others have tried.
    provider: Option<String>,
}

impl WholeAccount {
    /// What attempts from clean networks are counted for while the account waits.
    fn clean_networks(&self) -> String {
        format!("{} from clean networks", self.subject)
    }
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
        let subjects = vec![(format!("{whose} on {}", device.name()), PAIR)];
        return TryOf { subjects, ..TryOf::default() };
    }
    TryOf {
        networks: networks(what, from, ADDRESS),
        account: Some(WholeAccount { subject: whose.to_owned(), provider: None }),
        subjects: networks(whose, from, PAIR),
        owner: None,
    }
}

impl TryOf {
    /// To sign in. An address without an account counts like any other.
    pub(crate) fn signing_in(email: &str, from: ClientAddress, device: Option<&Device>) -> Self {
        let owner = owner_of_sign_ins(email);
        let mut what = guess("sign-in", &owner, from, device);
        if let Some(account) = &mut what.account {
            account.provider = Some(format!("{owner} from provider {}", from.provider()));
        }
        Self { owner: Some(owner), ..what }
    }

    /// To give a code in addition to the password. A new password does not forget these: somebody who reads the account's mail
    /// could guess codes without end. Nor does a clean network help: a code takes the password first.
    pub(crate) fn giving_a_code(user: UserId, from: ClientAddress, device: Option<&Device>) -> Self {
        guess("code", &format!("code of {user}"), from, device.filter(|device| device.has_given_code()))
    }

    /// To open an account. This machine's own address tells nobody apart: it is the operator, or everybody behind a proxy
    /// that was not named.
    pub(crate) fn signing_up(from: ClientAddress) -> Self {
        let networks = if from.is_this_machine() { Vec::new() } else { networks("sign-up", from, SIGN_UPS) };
        Self { networks, ..Self::default() }
    }

    /// To have a link to a new password sent. An address without an account counts like any other, and this machine's own
    /// address tells nobody apart.
    pub(crate) fn resetting(email: &str, from: ClientAddress) -> Self {
        let networks = if from.is_this_machine() { Vec::new() } else { networks("reset", from, RESETS) };
        let subjects = vec![(format!("reset of {}", hashed(email)), MAILS)];
        Self { networks, subjects, ..Self::default() }
    }

    /// To have a mail sent by an account.
    pub(crate) fn mailing(user: UserId) -> Self {
        Self { subjects: vec![(format!("mail by {user}"), MAILS)], ..Self::default() }
    }

    /// To prove once more, by the password, that one is who is signed in. Only sessions of the account can try, so nobody
    /// else's tries count; a device has its own count also here, for a session may be stolen.
    pub(crate) fn proving(user: UserId, device: Option<&Device>) -> Self {
        let owner = owner_of_proofs(user);
        let subject = device.map_or_else(|| owner.clone(), |device| format!("{owner} on {}", device.name()));
        Self { subjects: vec![(subject, PAIR)], owner: Some(owner), ..Self::default() }
    }
}

/// An account has another password: what was tried against the one before makes nobody wait any more.
pub(crate) async fn forget_tries_at_password(tx: &mut Tx, user: UserId, email: &str) -> Result<(), Error> {
    for owner in [owner_of_sign_ins(email), owner_of_proofs(user)] {
        tx.forget_tries_against(&owner).await?;
    }
    Ok(())
}

/// A count within an attempt's transaction.
struct Counter<'a> {
    tx: &'a mut Tx,
    now: Timestamp,
    message: &'static str,
}

impl Counter<'_> {
    async fn count(&mut self, subject: &str, owner: Option<&str>) -> Result<Tries, Error> {
        Ok(self.tx.count_try(subject, owner, self.now, self.now.plus(FORGOTTEN_AFTER)).await?)
    }

    /// Counts an attempt of a subject, unless it has to wait.
    async fn admit(&mut self, subject: &str, patience: Patience, owner: Option<&str>) -> Result<(), Error> {
        let tries = self.count(subject, owner).await?;
        match tries.blocked_until.filter(|until| *until > self.now) {
            Some(until) => Err(self.wait(until)),
            None => self.block_after(subject, patience, tries.count).await,
        }
    }

    /// Counts an attempt with an account, from wherever.
    async fn admit_to(&mut self, account: &WholeAccount, owner: Option<&str>) -> Result<(), Error> {
        let tries = self.count(&account.subject, owner).await?;
        // Counted also while the account does not wait, so that a network that has failed is known.
        let failed_here = match &account.provider {
            Some(provider) => self.count(provider, owner).await?.count,
            None => i64::MAX,
        };
        match tries.blocked_until.filter(|until| *until > self.now) {
            None => self.block_after(&account.subject, ACCOUNT, tries.count).await,
            Some(_) if failed_here <= FROM_CLEAN_NETWORK => {
                self.admit(&account.clean_networks(), CLEAN_NETWORKS, owner).await
            }
            Some(until) => Err(self.wait(until)),
        }
    }

    async fn block_after(&mut self, subject: &str, patience: Patience, tries: i64) -> Result<(), Error> {
        if let Some(wait) = patience.wait_after(tries) {
            self.tx.block_tries(subject, self.now.plus(wait)).await?;
        }
        Ok(())
    }

    fn wait(&self, until: Timestamp) -> Error {
        let seconds = until.since(self.now).as_millis().div_ceil(1000);
        let retry_after_seconds = u64::try_from(seconds).unwrap_or(WAIT_MAX.as_secs());
        Error::RateLimited { message: self.message, retry_after_seconds }
    }
}

impl Services {
    /// Counts a try that is about to be made.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when it has to wait; it is not counted then.
    pub(crate) async fn begin_try(&self, what: &TryOf, message: &'static str) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        let mut counter = Counter { tx: &mut tx, now: self.now(), message };
        let owner = what.owner.as_deref();
        for (network, patience) in &what.networks {
            counter.admit(network, *patience, None).await?;
        }
        if let Some(account) = &what.account {
            counter.admit_to(account, owner).await?;
        }
        for (subject, patience) in &what.subjects {
            counter.admit(subject, *patience, owner).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The try was right: the account's are forgotten, others from its networks and from clean ones are not.
    pub(crate) async fn try_succeeded(&self, what: &TryOf) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        for (subject, _) in &what.networks {
            tx.take_back_try(subject).await?;
        }
        if let Some(account) = &what.account {
            tx.forget_tries(&account.subject).await?;
            if let Some(provider) = &account.provider {
                tx.forget_tries(provider).await?;
                tx.take_back_try(&account.clean_networks()).await?;
            }
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
