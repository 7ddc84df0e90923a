//! Which IP addresses a webhook may be sent to: only globally routable ones, so that a customer's URL cannot reach the
//! network that Reef runs in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is globally routable, by IANA's special-purpose registries for IPv4 and IPv6.
///
/// An IPv6 address that embeds an IPv4 address (mapped, NAT64, 6to4) is judged by that address. Teredo and other
/// transition blocks are not global.
#[must_use]
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)                       // this network, private, loopback
            | (100, 64..=127, _)                   // carrier-grade NAT
            | (169, 254, _)                        // link-local, cloud metadata
            | (172, 16..=31, _)                    // private
            | (192, 0, 0 | 2)                      // protocol assignments, TEST-NET-1
            | (192, 31, 196) | (192, 52, 193) | (192, 175, 48) // AS112, AMT
            | (192, 88, 99)                        // 6to4 relay
            | (192, 168, _)                        // private
            | (198, 18..=19, _)                    // benchmarking
            | (198, 51, 100) | (203, 0, 113)       // TEST-NET-2 and 3
            | (224..=255, _, _) // multicast, reserved, broadcast
    );
    !special
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_global_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low), // IPv4-mapped
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low), // NAT64
        [0x2002, high, low, ..] => embedded(high, low),            // 6to4
        [0x2001, second, ..] if second < 0x200 => false,           // Teredo, benchmarking, ORCHID …
        [0x2001, 0x0db8, ..] => false,                             // documentation
        [0x3fff, second, ..] if second < 0x1000 => false,          // documentation
        [first, ..] => (0x2000..0x4000).contains(&first),          // only global unicast is assigned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_classified() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in refused {
            assert!(!is_global(text.parse().unwrap()), "{text} must be refused");
        }
        let reachable = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
        ];
        for text in reachable {
            assert!(is_global(text.parse().unwrap()), "{text} must be reachable");
        }
    }
}
