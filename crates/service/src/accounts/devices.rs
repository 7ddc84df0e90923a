//! Browsers that have signed in before. Each has a share of tries of its own, so that a flood of wrong passwords from
//! elsewhere keeps no owner out of the browser they always use.
//!
//! The cookie opens nothing: it only says which count a try belongs to. Nobody else can make an entry, and nobody can tell
//! which account an entry is for. Another password ends it.

use std::fmt;

use reef_domain::ids::UserId;
use reef_store::UserRow;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{Account, NOBODY, Proof};
use crate::client::Client;
use crate::services::Services;

/// Accounts that one browser is remembered for; the one that signed in last comes first.
const ENTRIES_MAX: usize = 4;
/// Random bytes of a device's name.
const NAME_BYTES: usize = 16;
const NAME_HEX: usize = 2 * NAME_BYTES;
/// An entry's length: the name and its MAC.
const ENTRY: usize = NAME_HEX + 64;

/// What a browser brings along: an entry for each account it has signed in with.
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
    /// Names and MACs. What does not have the form of an entry is left out.
    fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.split('.').take(ENTRIES_MAX);
        let is_hex = |entry: &&str| {
            entry.len() == ENTRY && entry.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        entries.filter(is_hex).map(|entry| entry.split_at(NAME_HEX))
    }
}

/// A browser that has signed in with an account before.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Device {
    name: String,
    trust: Trust,
}

/// What a device has tries of its own at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Passwords and codes: it has signed in with all that the account asks for.
    PasswordAndCode,
    /// Passwords: it has set a new one, and has never given a code. Each new password would otherwise give new tries at the
    /// code.
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
    /// As it is counted.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it also has tries of its own at codes.
    pub(crate) fn has_given_code(&self) -> bool {
        self.trust == Trust::PasswordAndCode
    }
}

impl Services {
    /// The device that a client is to an account, if it has signed in with it since the password is the present one.
    /// Without an account the same work is done, and nothing is found.
    pub(crate) fn known_device(&self, client: &Client, user: Option<&UserRow>) -> Option<Device> {
        let nobody = || (UserId::new(Uuid::nil()), Proof::of_hash(NOBODY));
        let (id, proof) = user.map_or_else(nobody, |user| (user.id, Proof::of(user)));
        let device = self.devices_of(client, id, &proof).into_iter().next();
        device.filter(|_| user.is_some())
    }

    /// A client's entries for an account, in their order. Each is looked at, in the same time.
    fn devices_of(&self, client: &Client, user: UserId, proof: &Proof) -> Vec<Device> {
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

    /// What a browser is to bring along from now on, because an account has signed in with it. It keeps the name that it
    /// has, and what it brings along for other accounts.
    #[must_use]
    pub fn remember_device(&self, client: &Client, account: &Account) -> SecretString {
        let known = self.devices_of(client, account.id, &account.proof).into_iter().next();
        self.renewed_devices(client, known.as_ref(), account, Trust::PasswordAndCode)
    }

    /// As [`Self::remember_device`], for a browser that was this device until now, if it was one: by a new password its
    /// entry is good for nothing any more.
    pub(super) fn renewed_devices(
        &self,
        client: &Client,
        device: Option<&Device>,
        account: &Account,
        trust: Trust,
    ) -> SecretString {
        let name = device.map_or_else(|| self.random_hex::<NAME_BYTES>(), |device| device.name.clone());
        let mac = self.device_mac(account.id, &account.proof, &name, trust);
        let others = client.devices.entries().filter(|(other, _)| *other != name);
        let others = others.take(ENTRIES_MAX - 1).map(|(name, mac)| format!("{name}{mac}"));
        let all: Vec<_> = std::iter::once(format!("{name}{mac}")).chain(others).collect();
        all.join(".").into()
    }

    /// As [`Self::renewed_devices`], for a browser that has just given an account another password: a device for codes only
    /// if it was one before, or signing in takes none.
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
        self.renewed_devices(client, device.as_ref(), after, trust)
    }

    fn device_mac(&self, user: UserId, proof: &Proof, name: &str, trust: Trust) -> String {
        self.vault().derive(trust.purpose(), &format!("{user} {} {name}", proof.0))
    }
}

/// A client that brings along what it was given: for tests and for the answer that follows in the same request.
impl Client {
    /// The same client with other devices.
    #[must_use]
    pub fn with_devices(self, devices: &SecretString) -> Self {
        Self { devices: DeviceCookie::from(devices.expose_secret()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_entry_is_left_out_and_there_are_few() {
        let entry = "0123456789abcdef".repeat(ENTRY / 16);
        let count = |text: &str| DeviceCookie::from(text).entries().count();
        assert_eq!((count(""), count(&entry), count("x")), (0, 1, 0));
        assert_eq!(count(&format!("{entry}.{}", entry.to_uppercase())), 1);
        assert_eq!(count(&[entry.as_str(); 9].join(".")), ENTRIES_MAX);
        assert_eq!(count(&"ä".repeat(ENTRY / 2)), 0);
    }
}
