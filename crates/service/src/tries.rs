//! Guessing passwords is slow: after a few tries each one has to wait longer than the last.
//!
//! A try is counted before the password is looked at, so that many at once gain nothing, and taken back when it was
//! right. Tries are rows: a restart forgets none, and every process sees the same.

use std::time::Duration;

use reef_domain::ids::UserId;
use sha2::{Digest as _, Sha256};

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

/// What tries are counted for, in the order in which every process locks them.
#[derive(Clone, Debug)]
pub(crate) struct TryOf(Vec<(String, Patience)>);

/// Of what was typed only a hash is kept: it may be a password.
fn hashed(email: &str) -> String {
    hex(&Sha256::digest(email.trim().to_lowercase().as_bytes())[..16])
}

impl TryOf {
    /// To sign in. An address without an account counts like any other.
    pub(crate) fn signing_in(email: &str, from: ClientAddress) -> Self {
        let account = hashed(email);
        Self(vec![
            (format!("sign-in from {from}"), ADDRESS),
            (format!("sign-in to {account}"), ACCOUNT),
            (format!("sign-in to {account} from {from}"), PAIR),
        ])
    }

    /// To give a code beside the password.
    pub(crate) fn giving_a_code(user: UserId, from: ClientAddress) -> Self {
        Self(vec![
            (format!("code from {from}"), ADDRESS),
            (format!("code of {user}"), ACCOUNT),
            (format!("code of {user} from {from}"), PAIR),
        ])
    }

    /// To open an account. This machine's own address tells nobody apart: it is the operator, or everybody behind a proxy
    /// that was not named.
    pub(crate) fn signing_up(from: ClientAddress) -> Self {
        if from.is_this_machine() {
            return Self(Vec::new());
        }
        Self(vec![(format!("sign-up from {from}"), SIGN_UPS)])
    }

    /// To have a link to a new password sent. An address without an account counts like any other, and this machine's own
    /// address tells nobody apart.
    pub(crate) fn resetting(email: &str, from: ClientAddress) -> Self {
        let account = (format!("reset of {}", hashed(email)), MAILS);
        if from.is_this_machine() {
            return Self(vec![account]);
        }
        Self(vec![(format!("reset from {from}"), RESETS), account])
    }

    /// To have a mail sent by an account.
    pub(crate) fn mailing(user: UserId) -> Self {
        Self(vec![(format!("mail by {user}"), MAILS)])
    }

    /// To prove once more, by the password, that one is who is signed in.
    pub(crate) fn proving(user: UserId) -> Self {
        Self(vec![(format!("password of {user}"), PAIR)])
    }
}

impl Services {
    /// Counts a try that is about to be made.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when it has to wait; it is not counted then.
    pub(crate) async fn begin_try(&self, what: &TryOf, message: &'static str) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        for (subject, patience) in &what.0 {
            let tries = tx.count_try(subject, now, now.plus(FORGOTTEN_AFTER)).await?;
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

    /// The try was right: the account's are forgotten, the address's others are not.
    pub(crate) async fn try_succeeded(&self, what: &TryOf) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        for (position, (subject, _)) in what.0.iter().enumerate() {
            if position == 0 {
                tx.take_back_try(subject).await?;
            } else {
                tx.forget_tries(subject).await?;
            }
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
