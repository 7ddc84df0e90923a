//! From where somebody asks.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The address a request comes from, as far as the operator trusts who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// When it is not known: everybody unknown counts as one.
    pub const UNKNOWN: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// Whether it is the machine that Reef runs on.
    #[must_use]
    pub fn is_this_machine(self) -> bool {
        self.0.to_canonical().is_loopback()
    }

    /// The network that limits count for: an IPv4 address, or the /64 that a single customer gets in IPv6.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl fmt::Display for ClientAddress {
    /// The network, for it is all that counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.network().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_in_every_notation() {
        let is_here = |address: &str| ClientAddress(address.parse().unwrap()).is_this_machine();
        assert!(["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"].into_iter().all(is_here));
        assert!(!["203.0.113.7", "::", "10.0.0.1"].into_iter().any(is_here));
    }

    #[test]
    fn one_customer_is_one_network() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(ClientAddress(address.parse().unwrap()).to_string(), network);
        }
    }
}
