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
/// An entry's length: the name and its mark.
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
    /// Names and marks. What does not have the form of an entry is left out.
    fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.split('.').take(ENTRIES_MAX);
        let is_hex = |entry: &&str| {
            entry.len() == ENTRY && entry.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        entries.filter(is_hex).map(|entry| entry.split_at(NAME_HEX))
    }
}

/// The name of a browser that has signed in with an account before.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Device(String);

impl Device {
    /// As it is counted.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Services {
    /// The device that a client is to an account, if it has signed in with it since the password is the present one.
    /// Without an account the same work is done, and nothing is found.
    pub(crate) fn known_device(&self, client: &Client, user: Option<&UserRow>) -> Option<Device> {
        let nobody = || (UserId::new(Uuid::nil()), Proof::of_hash(NOBODY));
        let (id, proof) = user.map_or_else(nobody, |user| (user.id, Proof::of(user)));
        let is_marked = |(name, mark): &(&str, &str)| {
            bool::from(self.device_mark(id, &proof, name).as_bytes().ct_eq(mark.as_bytes()))
        };
        let name = client.devices.entries().filter(is_marked).last().map(|(name, _)| name.to_owned());
        name.filter(|_| user.is_some()).map(Device)
    }

    /// What a browser is to bring along from now on, because an account has signed in with it. It keeps the name that it
    /// has, and what it brings along for other accounts.
    #[must_use]
    pub fn remember_device(&self, client: &Client, account: &Account) -> SecretString {
        let known = client
            .devices
            .entries()
            .find(|(name, mark)| self.device_mark(account.id, &account.proof, name) == *mark);
        let device = known.map(|(name, _)| Device(name.to_owned()));
        self.renewed_devices(client, device.as_ref(), account)
    }

    /// As [`Self::remember_device`], for a browser that was this device until now, if it was one: by a new password its
    /// entry is good for nothing any more.
    pub(super) fn renewed_devices(
        &self,
        client: &Client,
        device: Option<&Device>,
        account: &Account,
    ) -> SecretString {
        let name = device.map_or_else(|| self.random_hex::<NAME_BYTES>(), |device| device.0.clone());
        let mark = self.device_mark(account.id, &account.proof, &name);
        let others = client.devices.entries().filter(|(other, _)| *other != name);
        let others = others.take(ENTRIES_MAX - 1).map(|(name, mark)| format!("{name}{mark}"));
        let all: Vec<_> = std::iter::once(format!("{name}{mark}")).chain(others).collect();
        all.join(".").into()
    }

    fn device_mark(&self, user: UserId, proof: &Proof, name: &str) -> String {
        self.vault().derive("device", &format!("{user} {} {name}", proof.0))
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
