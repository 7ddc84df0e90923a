//! What requests and attempts are counted under in the database. All names are written here, so that no two counts share one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use data_encoding::HEXLOWER;
use reef_domain::ids::{ApiKeyId, UserId};
use sha2::{Digest as _, Sha256};

use crate::throttling::client_address::ClientAddress;

/// A network of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// The one that stands for a single customer.
    Own(ClientAddress),
    /// A wider one, with the length of its prefix.
    Wider(Ipv6Addr, u8),
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(address) => address.fmt(f),
            Self::Wider(network, length) => write!(f, "{network}/{length}"),
        }
    }
}

/// What requests are counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestSubject {
    /// The requests of one API key.
    Key(ApiKeyId),
    /// All API keys of a user.
    Account(UserId),
    /// Calls to vendors that a user causes.
    Checks(UserId),
    /// Webhooks that a user sends manually.
    Resends(UserId),
    /// Invalid API keys from a network.
    WrongKeys(Network),
}

impl fmt::Display for RequestSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Account(user) => write!(f, "account {user}"),
            Self::Checks(user) => write!(f, "checks of {user}"),
            Self::Resends(user) => write!(f, "resends of {user}"),
            Self::WrongKeys(network) => write!(f, "wrong keys {network}"),
        }
    }
}

/// A hash of an email, because what was typed into the field may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EmailHash([u8; 16]);

impl EmailHash {
    pub(super) fn of(email: &str) -> Self {
        let hash = Sha256::digest(email.trim().to_lowercase().as_bytes());
        Self(std::array::from_fn(|i| hash[i]))
    }
}

impl fmt::Display for EmailHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// A secret of an account that may be guessed. It groups counts, so that a new password resets them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuessedSecret {
    /// The password, by somebody who is not signed in. An email need not belong to an account.
    SignIn(EmailHash),
    /// A two-factor code, which an app shows.
    Code(UserId),
    /// The password, in a session of the account.
    Password(UserId),
}

impl fmt::Display for GuessedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn(email) => write!(f, "sign-in to {email}"),
            Self::Code(user) => write!(f, "code of {user}"),
            Self::Password(user) => write!(f, "password of {user}"),
        }
    }
}

/// What a network is counted for, whatever account it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    SignIn,
    Code,
    SignUp,
    Reset,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIn => "sign-in",
            Self::Code => "code",
            Self::SignUp => "sign-up",
            Self::Reset => "reset",
        })
    }
}

/// What attempts are counted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ThrottleSubject {
    /// From one network with all accounts.
    Network(Purpose, Network),
    /// At one secret, from everywhere.
    Secret(GuessedSecret),
    /// At one secret, by a known device of this name.
    SecretOnDevice(GuessedSecret, String),
    /// At one secret, from one network.
    SecretFrom(GuessedSecret, Network),
    /// At one secret, from the network of a provider.
    SecretFromProvider(GuessedSecret, IpAddr),
    /// At one secret, from all providers with hardly any failures together.
    SecretFromCleanNetworks(GuessedSecret),
    /// Password resets that were requested for an email.
    ResetOf(EmailHash),
    /// Emails that a user has requested for themselves.
    MailBy(UserId),
}

impl fmt::Display for ThrottleSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(purpose, network) => write!(f, "{purpose} from {network}"),
            Self::Secret(secret) => secret.fmt(f),
            Self::SecretOnDevice(secret, device) => write!(f, "{secret} on {device}"),
            Self::SecretFrom(secret, network) => write!(f, "{secret} from {network}"),
            Self::SecretFromProvider(secret, provider) => write!(f, "{secret} from provider {provider}"),
            Self::SecretFromCleanNetworks(secret) => write!(f, "{secret} from clean networks"),
            Self::ResetOf(email) => write!(f, "reset of {email}"),
            Self::MailBy(user) => write!(f, "mail by {user}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_two_subjects_share_a_name() {
        let user = UserId::new(Uuid::from_u128(1));
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        let networks =
            [Network::Own(ClientAddress(address)), Network::Wider("2001:db8::".parse().unwrap(), 48)];
        let email = EmailHash::of("ada@example.com");
        let mut subjects = vec![ThrottleSubject::ResetOf(email), ThrottleSubject::MailBy(user)];
        for purpose in [Purpose::SignIn, Purpose::Code, Purpose::SignUp, Purpose::Reset] {
            subjects.extend(networks.map(|network| ThrottleSubject::Network(purpose, network)));
        }
        for secret in [GuessedSecret::SignIn(email), GuessedSecret::Code(user), GuessedSecret::Password(user)]
        {
            subjects.push(ThrottleSubject::Secret(secret));
            subjects.push(ThrottleSubject::SecretOnDevice(secret, "d0".to_owned()));
            subjects.extend(networks.map(|network| ThrottleSubject::SecretFrom(secret, network)));
            subjects.push(ThrottleSubject::SecretFromProvider(secret, ClientAddress(address).provider()));
            subjects.push(ThrottleSubject::SecretFromCleanNetworks(secret));
        }
        let names: HashSet<_> = subjects.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), subjects.len());

        let mut subjects = vec![RequestSubject::Key(ApiKeyId::new(Uuid::from_u128(1)))];
        subjects.extend([
            RequestSubject::Account(user),
            RequestSubject::Checks(user),
            RequestSubject::Resends(user),
        ]);
        subjects.extend(networks.map(RequestSubject::WrongKeys));
        let names: HashSet<_> = subjects.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), subjects.len());
    }

    #[test]
    fn email_is_hashed_whatever_its_case() {
        let hash = EmailHash::of(" Ada@Example.com ");
        assert_eq!(hash, EmailHash::of("ada@example.com"));
        assert_eq!(ThrottleSubject::ResetOf(hash).to_string().len(), "reset of ".len() + 32);
    }
}
