//! Known devices: browsers that have signed in to an account before. Each has its own count of failed attempts, so that
//! a flood of wrong passwords from elsewhere does not lock the owner out.
//!
//! The cookie grants no access; it only says which count an attempt belongs to. Nobody can forge an entry or see which
//! account it belongs to. Changing the password invalidates it.

use std::fmt;

use reef_domain::ids::UserId;
use reef_store::UserRow;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::accounts::{Account, DUMMY_PASSWORD_HASH, PasswordFingerprint};
use crate::services::Services;
use crate::throttling::ClientAddress;

/// Accounts that one browser is remembered for, the most recent sign-in first.
const ENTRIES_MAX: usize = 4;
/// Random bytes of a device's name.
const NAME_BYTES: usize = 16;
const NAME_LENGTH: usize = 2 * NAME_BYTES;
/// The length of an entry: the name and its MAC.
const ENTRY_LENGTH: usize = NAME_LENGTH + 64;

/// The cookie of known devices: an entry for each account that the browser has signed in to.
#[derive(Clone, Default)]
pub struct DeviceCookie(String);

impl From<&str> for DeviceCookie {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for DeviceCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceCookie")
    }
}

impl DeviceCookie {
    /// Names and MACs of the well-formed entries.
    fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.split('.').take(ENTRIES_MAX);
        let is_hex = |entry: &&str| {
            entry.len() == ENTRY_LENGTH && entry.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        entries.filter(is_hex).map(|entry| entry.split_at(NAME_LENGTH))
    }
}

/// A browser that has signed in to an account before.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Device {
    name: String,
    trust: Trust,
}

/// Which attempts are counted for a device alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Passwords and codes: it has signed in with everything that the account requires.
    PasswordAndCode,
    /// Passwords only: it has set a new password and never given a code. Otherwise each new password would give new
    /// attempts at the code.
    PasswordOnly,
}

impl Trust {
    const ALL: [Self; 2] = [Self::PasswordAndCode, Self::PasswordOnly];

    const fn purpose(self) -> &'static str {
        match self {
            Self::PasswordAndCode => "device",
            Self::PasswordOnly => "device for passwords",
        }
    }
}

impl Device {
    /// The name that its attempts are counted under.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether attempts at codes are counted for the device alone, too.
    pub(crate) fn has_given_code(&self) -> bool {
        self.trust == Trust::PasswordAndCode
    }
}

/// A client that signs in: its address, and the proof that this browser has signed in before.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address, for limits.
    pub address: ClientAddress,
    /// The accounts that this browser has signed in to, from its cookie.
    pub devices: DeviceCookie,
}

impl From<ClientAddress> for Client {
    /// A program, or a browser without the cookie.
    fn from(address: ClientAddress) -> Self {
        Self { address, devices: DeviceCookie::default() }
    }
}

impl Services {
    /// Finds the known device of a client, which is one only if it has signed in since the password was last changed.
    /// Without an account the same work is done, so that the time reveals nothing.
    pub(crate) fn known_device(&self, client: &Client, user: Option<&UserRow>) -> Option<Device> {
        let dummy = || (UserId::new(Uuid::nil()), PasswordFingerprint::of_hash(DUMMY_PASSWORD_HASH));
        let (id, proof) = user.map_or_else(dummy, |user| (user.id, PasswordFingerprint::of(user)));
        let device = self.devices_of(client, id, &proof).into_iter().next();
        device.filter(|_| user.is_some())
    }

    /// A client's valid entries for an account, in their order. Every entry takes the same time to verify.
    fn devices_of(&self, client: &Client, user: UserId, proof: &PasswordFingerprint) -> Vec<Device> {
        let mut devices = Vec::new();
        for (name, mac) in client.devices.entries() {
            for trust in Trust::ALL {
                let expected = self.device_mac(user, proof, name, trust);
                if bool::from(expected.as_bytes().ct_eq(mac.as_bytes())) {
                    devices.push(Device { name: name.to_owned(), trust });
                }
            }
        }
        devices
    }

    /// The new device cookie of a client that has signed in to an account. The device keeps its name, and its entries
    /// for other accounts.
    #[must_use]
    pub fn remember_device(&self, client: &Client, account: &Account) -> SecretString {
        let known = self.devices_of(client, account.id, &account.password_fingerprint).into_iter().next();
        self.renew_device(client, known.as_ref(), account, Trust::PasswordAndCode)
    }

    /// As [`Self::remember_device`], for a browser whose entry a new password has invalidated. `device` is what it was
    /// before.
    pub(super) fn renew_device(
        &self,
        client: &Client,
        device: Option<&Device>,
        account: &Account,
        trust: Trust,
    ) -> SecretString {
        let name = device.map_or_else(|| self.random_hex::<NAME_BYTES>(), |device| device.name.clone());
        let mac = self.device_mac(account.id, &account.password_fingerprint, &name, trust);
        let others = client.devices.entries().filter(|(other, _)| *other != name);
        let others = others.take(ENTRIES_MAX - 1).map(|(name, mac)| format!("{name}{mac}"));
        let all: Vec<_> = std::iter::once(format!("{name}{mac}")).chain(others).collect();
        all.join(".").into()
    }

    /// As [`Self::renew_device`], for a browser that has just set a new password. It is trusted with codes only if it
    /// was before, or if the account requires none.
    pub(super) fn devices_after_new_password(
        &self,
        client: &Client,
        before: &UserRow,
        after: &Account,
        takes_code: bool,
    ) -> SecretString {
        let device = self.known_device(client, Some(before));
        let is_full = !takes_code || device.as_ref().is_some_and(Device::has_given_code);
        let trust = if is_full { Trust::PasswordAndCode } else { Trust::PasswordOnly };
        self.renew_device(client, device.as_ref(), after, trust)
    }

    fn device_mac(&self, user: UserId, proof: &PasswordFingerprint, name: &str, trust: Trust) -> String {
        self.vault().derive(trust.purpose(), &format!("{user} {} {name}", proof.0))
    }
}

/// A client with a new cookie, for tests and for responses that continue in the same request.
impl Client {
    /// The same client with another device cookie.
    #[must_use]
    pub fn with_devices(self, devices: &SecretString) -> Self {
        Self { devices: DeviceCookie::from(devices.expose_secret()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_entries_are_ignored_and_count_is_limited() {
        let entry = "0123456789abcdef".repeat(ENTRY_LENGTH / 16);
        let count = |text: &str| DeviceCookie::from(text).entries().count();
        assert_eq!((count(""), count(&entry), count("x")), (0, 1, 0));
        assert_eq!(count(&format!("{entry}.{}", entry.to_uppercase())), 1);
        assert_eq!(count(&[entry.as_str(); 9].join(".")), ENTRIES_MAX);
        assert_eq!(count(&"ä".repeat(ENTRY_LENGTH / 2)), 0);
    }
}
