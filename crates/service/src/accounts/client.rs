//! A client that signs in: where it is, and the accounts that it is known by.

use crate::accounts::known_devices::DeviceCookie;
use crate::throttling::ClientAddress;

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
