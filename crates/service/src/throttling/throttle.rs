//! Slows down guessing: after a few failed attempts, each further one has to wait longer than the last.
//!
//! An attempt is counted before its password is verified, so that parallel attempts gain nothing, and the count is
//! reset when the attempt succeeds. Counts are stored, so they survive a restart and hold for all processes.
//!
//! A known device, a browser that has signed in to the account before, has a count of its own. Failed attempts from
//! elsewhere do not lock it out. While an account is throttled, a provider's network with hardly any failures still has
//! a few attempts: an owner with a new browser is rarely on the attacker's network.

use std::net::IpAddr;
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_jobs::Backoff;
use reef_store::{ThrottleRow, Tx};

use crate::accounts::Device;
use crate::error::Error;
use crate::services::Services;
use crate::throttling::ClientAddress;
use crate::throttling::subjects::{EmailHash, GuessedSecret, Network, Purpose, ThrottleSubject};

/// Failed attempts are forgotten when none has followed for this long.
const RESET_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// The wait that follows from the number of attempts.
#[derive(Clone, Copy, Debug)]
struct BackoffPolicy {
    /// Attempts that need no wait.
    free_attempts: u32,
    /// The wait after the last free attempt. It doubles with each further one.
    first_wait: Duration,
}

/// One account from one address. An owner who mistypes waits for seconds.
const ACCOUNT_FROM_ADDRESS: BackoffPolicy =
    BackoffPolicy { free_attempts: 5, first_wait: Duration::from_secs(10) };
/// One account from all addresses, because attackers have many of them.
const ACCOUNT: BackoffPolicy = BackoffPolicy { free_attempts: 50, first_wait: Duration::from_secs(60) };
/// One address with all accounts.
const ADDRESS: BackoffPolicy = BackoffPolicy { free_attempts: 50, first_wait: Duration::from_secs(10) };
/// Failed attempts with one account after which a provider's network no longer counts as clean.
const CLEAN_NETWORK_ATTEMPTS_MAX: i64 = 2;
/// One throttled account from all clean networks together: what an attacker with many networks gets beyond [`ACCOUNT`].
const CLEAN_NETWORKS: BackoffPolicy = BackoffPolicy { free_attempts: 50, first_wait: WAIT_MAX };
/// Accounts created from one address per day.
const SIGN_UPS: BackoffPolicy = BackoffPolicy { free_attempts: 100, first_wait: Duration::from_secs(60) };

/// Emails that an account, or an address, requests for itself.
const MAILS: BackoffPolicy = BackoffPolicy { free_attempts: 3, first_wait: Duration::from_secs(60) };
/// Password resets requested from one network, for all accounts.
const RESETS: BackoffPolicy = BackoffPolicy { free_attempts: 20, first_wait: Duration::from_secs(60) };
/// Says that too many emails were requested.
pub(crate) const TOO_MANY_MAILS: &str = "We've already sent several emails. Check your inbox and spam folder";

impl BackoffPolicy {
    /// The wait after this many attempts, if there is one.
    fn wait_after(self, attempts: i64) -> Option<Duration> {
        let beyond = attempts.checked_sub(i64::from(self.free_attempts)).filter(|beyond| *beyond >= 0)?;
        Some(Backoff::new(self.first_wait, WAIT_MAX).wait_after(beyond.saturating_add(1)))
    }
}

/// What an attempt is counted under. Every process locks in this order, networks first and the widest of them before
/// the others, so that no two of them deadlock.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThrottleKey {
    networks: Vec<(ThrottleSubject, BackoffPolicy)>,
    account: Option<AccountThrottle>,
    subjects: Vec<(ThrottleSubject, BackoffPolicy)>,
    /// Groups the counts of an account, so that a new password resets them together.
    owner: Option<GuessedSecret>,
}

/// One account, from all addresses.
#[derive(Clone, Copy, Debug)]
struct AccountThrottle {
    secret: GuessedSecret,
    /// The provider's network that the attempt comes from, for attempts that a clean network exempts from waiting.
    provider: Option<IpAddr>,
}

impl AccountThrottle {
    const fn subject(self) -> ThrottleSubject {
        ThrottleSubject::Secret(self.secret)
    }

    fn provider_subject(self) -> Option<ThrottleSubject> {
        self.provider.map(|provider| ThrottleSubject::SecretFromProvider(self.secret, provider))
    }

    /// Counts the attempts from clean networks while the account is throttled.
    const fn clean_networks(self) -> ThrottleSubject {
        ThrottleSubject::SecretFromCleanNetworks(self.secret)
    }
}

/// The networks that an address is in. Several customers share the wider ones, so they have more free attempts.
fn networks(
    from: ClientAddress,
    policy: BackoffPolicy,
    subject: impl Fn(Network) -> ThrottleSubject,
) -> Vec<(ThrottleSubject, BackoffPolicy)> {
    let wider = from.wider_networks().into_iter().zip([4, 2]).map(|((network, length), times)| {
        let free_attempts = policy.free_attempts.saturating_mul(times);
        (Network::Wider(network, length), BackoffPolicy { free_attempts, ..policy })
    });
    let all = wider.chain([(Network::Own(from), policy)]);
    all.map(|(network, policy)| (subject(network), policy)).collect()
}

/// An attempt to guess a secret of an account. A known device has a count of its own.
fn guess_key(
    purpose: Purpose,
    secret: GuessedSecret,
    from: ClientAddress,
    device: Option<&Device>,
) -> ThrottleKey {
    if let Some(device) = device {
        let subject = ThrottleSubject::SecretOnDevice(secret, device.name().to_owned());
        return ThrottleKey { subjects: vec![(subject, ACCOUNT_FROM_ADDRESS)], ..ThrottleKey::default() };
    }
    ThrottleKey {
        networks: networks(from, ADDRESS, |network| ThrottleSubject::Network(purpose, network)),
        account: Some(AccountThrottle { secret, provider: None }),
        subjects: networks(from, ACCOUNT_FROM_ADDRESS, |network| {
            ThrottleSubject::SecretFrom(secret, network)
        }),
        owner: None,
    }
}

impl ThrottleKey {
    /// Signing in. An email without an account is counted like any other.
    pub(crate) fn sign_in(email: &str, from: ClientAddress, device: Option<&Device>) -> Self {
        let secret = GuessedSecret::SignIn(EmailHash::of(email));
        let mut key = guess_key(Purpose::SignIn, secret, from, device);
        if let Some(account) = &mut key.account {
            account.provider = Some(from.provider());
        }
        Self { owner: Some(secret), ..key }
    }

    /// Giving a two-factor code. A new password does not reset this count, or somebody who reads the account's mail
    /// could guess codes without end. Clean networks have no exemption, because a code needs the password first.
    pub(crate) fn two_factor_code(user: UserId, from: ClientAddress, device: Option<&Device>) -> Self {
        let device = device.filter(|device| device.has_given_code());
        guess_key(Purpose::Code, GuessedSecret::Code(user), from, device)
    }

    /// Signing up. A loopback address is not counted: it is the operator, or all clients of a proxy that is not
    /// configured as trusted.
    pub(crate) fn sign_up(from: ClientAddress) -> Self {
        Self { networks: remote_networks(Purpose::SignUp, from, SIGN_UPS), ..Self::default() }
    }

    /// Requesting a password reset. An email without an account is counted like any other, and a loopback address is
    /// not.
    pub(crate) fn password_reset(email: &str, from: ClientAddress) -> Self {
        let subjects = vec![(ThrottleSubject::ResetOf(EmailHash::of(email)), MAILS)];
        Self { networks: remote_networks(Purpose::Reset, from, RESETS), subjects, ..Self::default() }
    }

    /// Requesting an email to the account itself.
    pub(crate) fn mail(user: UserId) -> Self {
        Self { subjects: vec![(ThrottleSubject::MailBy(user), MAILS)], ..Self::default() }
    }

    /// Giving the password again in a session. Only sessions of the account can try, so attempts of others do not
    /// count. A known device has its own count, because a session may be stolen.
    pub(crate) fn password_proof(user: UserId, device: Option<&Device>) -> Self {
        let secret = GuessedSecret::Password(user);
        let subject = match device {
            None => ThrottleSubject::Secret(secret),
            Some(device) => ThrottleSubject::SecretOnDevice(secret, device.name().to_owned()),
        };
        Self { subjects: vec![(subject, ACCOUNT_FROM_ADDRESS)], owner: Some(secret), ..Self::default() }
    }
}

/// The networks of an address, unless it is a loopback address.
fn remote_networks(
    purpose: Purpose,
    from: ClientAddress,
    policy: BackoffPolicy,
) -> Vec<(ThrottleSubject, BackoffPolicy)> {
    if from.is_loopback() {
        return Vec::new();
    }
    networks(from, policy, |network| ThrottleSubject::Network(purpose, network))
}

/// Resets what was counted against the old password of an account.
pub(crate) async fn reset_password_throttle(tx: &mut Tx, user: UserId, email: &str) -> Result<(), Error> {
    for secret in [GuessedSecret::SignIn(EmailHash::of(email)), GuessedSecret::Password(user)] {
        tx.reset_account_throttles(&secret.to_string()).await?;
    }
    Ok(())
}

/// Counts an attempt within one transaction.
struct AttemptCounter<'a> {
    tx: &'a mut Tx,
    now: Timestamp,
    message: &'static str,
}

impl AttemptCounter<'_> {
    async fn count(
        &mut self,
        subject: &ThrottleSubject,
        owner: Option<GuessedSecret>,
    ) -> Result<ThrottleRow, Error> {
        let (subject, owner) = (subject.to_string(), owner.map(|secret| secret.to_string()));
        let expires_at = self.now.plus(RESET_AFTER);
        Ok(self.tx.record_throttle_attempt(&subject, owner.as_deref(), self.now, expires_at).await?)
    }

    /// Counts an attempt, unless it has to wait.
    async fn admit(
        &mut self,
        subject: &ThrottleSubject,
        policy: BackoffPolicy,
        owner: Option<GuessedSecret>,
    ) -> Result<(), Error> {
        let row = self.count(subject, owner).await?;
        match row.blocked_until.filter(|until| *until > self.now) {
            Some(until) => Err(self.rate_limited(until)),
            None => self.block_after(subject, policy, row.attempts).await,
        }
    }

    /// Counts an attempt with an account from any address.
    async fn admit_to_account(
        &mut self,
        account: AccountThrottle,
        owner: Option<GuessedSecret>,
    ) -> Result<(), Error> {
        let row = self.count(&account.subject(), owner).await?;
        // Networks are counted even while the account is not throttled, so that those with failures are known later.
        let failed_here = match account.provider_subject() {
            Some(provider) => self.count(&provider, owner).await?.attempts,
            None => i64::MAX,
        };
        match row.blocked_until.filter(|until| *until > self.now) {
            None => self.block_after(&account.subject(), ACCOUNT, row.attempts).await,
            Some(_) if failed_here <= CLEAN_NETWORK_ATTEMPTS_MAX => {
                self.admit(&account.clean_networks(), CLEAN_NETWORKS, owner).await
            }
            Some(until) => Err(self.rate_limited(until)),
        }
    }

    async fn block_after(
        &mut self,
        subject: &ThrottleSubject,
        policy: BackoffPolicy,
        attempts: i64,
    ) -> Result<(), Error> {
        if let Some(wait) = policy.wait_after(attempts) {
            self.tx.block_throttle(&subject.to_string(), self.now.plus(wait)).await?;
        }
        Ok(())
    }

    fn rate_limited(&self, until: Timestamp) -> Error {
        let seconds = until.since(self.now).as_millis().div_ceil(1000);
        let retry_after_seconds = u64::try_from(seconds).unwrap_or(WAIT_MAX.as_secs());
        Error::RateLimited { message: self.message, retry_after_seconds }
    }
}

impl Services {
    /// Counts an attempt that is about to be made.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the attempt has to wait; it is not counted then.
    pub(crate) async fn admit_attempt(&self, key: &ThrottleKey, message: &'static str) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        let mut counter = AttemptCounter { tx: &mut tx, now: self.now(), message };
        for (network, policy) in &key.networks {
            counter.admit(network, *policy, None).await?;
        }
        if let Some(account) = key.account {
            counter.admit_to_account(account, key.owner).await?;
        }
        for (subject, policy) in &key.subjects {
            counter.admit(subject, *policy, key.owner).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Resets the counts of an account after a successful attempt. Networks only lose this one attempt, because the
    /// others may be somebody else's.
    pub(crate) async fn record_successful_attempt(&self, key: &ThrottleKey) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        for (subject, _) in &key.networks {
            tx.release_throttle_attempt(&subject.to_string()).await?;
        }
        if let Some(account) = key.account {
            tx.reset_throttle(&account.subject().to_string()).await?;
            if let Some(provider) = account.provider_subject() {
                tx.reset_throttle(&provider.to_string()).await?;
                tx.release_throttle_attempt(&account.clean_networks().to_string()).await?;
            }
        }
        for (subject, _) in &key.subjects {
            tx.reset_throttle(&subject.to_string()).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_maximum() {
        let waits: Vec<_> = (4..14)
            .map(|attempts| ACCOUNT_FROM_ADDRESS.wait_after(attempts).map_or(0, |wait| wait.as_secs()))
            .collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(ACCOUNT_FROM_ADDRESS.wait_after(i64::MAX), Some(WAIT_MAX));
    }
}
