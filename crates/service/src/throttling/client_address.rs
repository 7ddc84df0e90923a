//! The address of a client, and the networks that limits count for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address of a client, taken from a forwarding header only if the operator trusts the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// An unknown address. All unknown clients share one limit.
    pub const UNKNOWN: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// Whether the address is a loopback address, in any notation.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0.to_canonical().is_loopback()
    }

    /// The network that limits count for: an IPv4 address, or the /64 that a single customer gets in IPv6.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(prefix(address, 64)),
        }
    }

    /// The wider networks that an IPv6 address is in, the widest first: many providers give a customer a /56 or a /48,
    /// which is 256 or 65,536 times a /64.
    #[must_use]
    pub fn wider_networks(self) -> Vec<(Ipv6Addr, u8)> {
        match self.0.to_canonical() {
            IpAddr::V6(address) => [48, 56].map(|length| (prefix(address, length), length)).to_vec(),
            IpAddr::V4(_) => Vec::new(),
        }
    }

    /// The network that stands for one provider: a /16 in IPv4, a /32 in IPv6. Addresses and even /48s are cheap to get, another
    /// provider is not.
    #[must_use]
    pub fn provider(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & 0xffff_0000)),
            IpAddr::V6(address) => IpAddr::V6(prefix(address, 32)),
        }
    }
}

/// The first `length` bits of an address, then zeros.
fn prefix(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    let zeros = 128 - u32::from(length);
    Ipv6Addr::from_bits(
        address.to_bits().checked_shr(zeros).and_then(|bits| bits.checked_shl(zeros)).unwrap_or(0),
    )
}

impl fmt::Display for ClientAddress {
    /// Writes the network, which limits count for, and not the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.network().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognized_in_every_notation() {
        let is_loopback = |address: &str| ClientAddress(address.parse().unwrap()).is_loopback();
        assert!(["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"].into_iter().all(is_loopback));
        assert!(!["203.0.113.7", "::", "10.0.0.1"].into_iter().any(is_loopback));
    }

    #[test]
    fn network_is_ipv4_address_or_ipv6_64() {
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

    #[test]
    fn provider_network_is_ipv4_16_or_ipv6_32() {
        for (address, provider) in [
            ("203.0.113.7", "203.0.0.0"),
            ("::ffff:203.0.113.7", "203.0.0.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8::"),
        ] {
            assert_eq!(ClientAddress(address.parse().unwrap()).provider().to_string(), provider);
        }
    }

    #[test]
    fn ipv6_address_has_two_wider_networks() {
        let wider = |address: &str| ClientAddress(address.parse().unwrap()).wider_networks();
        let networks = wider("2001:db8:1:23ff:ffff::1");
        let networks: Vec<_> =
            networks.into_iter().map(|(network, length)| format!("{network}/{length}")).collect();
        assert_eq!(networks, ["2001:db8:1::/48", "2001:db8:1:2300::/56"]);
        assert!(wider("203.0.113.7").is_empty() && wider("::ffff:203.0.113.7").is_empty());
    }
}
