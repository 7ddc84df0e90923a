//! The client address of a request: the peer of the connection, or the address that a trusted proxy reports.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use reef_service::ClientAddress;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks of proxies whose `X-Forwarded-For` is trusted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    has_warned: Arc<AtomicBool>,
}

impl TrustedProxies {
    /// Parses addresses and networks that are separated by commas, such as `127.0.0.1, 10.0.0.0/8`.
    ///
    /// # Errors
    /// Returns a message that names the first invalid entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let networks = entries.map(|entry| {
            let network = entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| format!("{entry:?} is not an address or a network such as 10.0.0.0/8"))
        });
        Ok(Self { networks: networks.collect::<Result<_, _>>()?, has_warned: Arc::default() })
    }

    /// Whether the address belongs to a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Returns the client behind a connection from `peer`: the last hop of `X-Forwarded-For` that is not a trusted proxy
    /// itself. The client may have forged all entries before that one.
    #[must_use]
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            if !client.is_loopback() || !headers.contains_key(FORWARDED_FOR) {
                return ClientAddress(client);
            }
            if !self.has_warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "request from an untrusted proxy on this machine: all its clients count as one address until \
                    TRUSTED_PROXIES names it"
                );
            }
            return ClientAddress(client);
        }
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','));
        for hop in hops {
            let Some(address) = parse_hop(hop.trim()) else { break };
            client = address;
            if !self.contains(client) {
                break;
            }
        }
        ClientAddress(client)
    }
}

/// Parses an address as proxies write it: bare, in brackets, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<std::net::SocketAddr>().map(|socket| socket.ip()))
        .or_else(|_| hop.trim_start_matches('[').trim_end_matches(']').parse());
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let headers = forwarded.iter().map(|value| (FORWARDED_FOR, value.parse().unwrap())).collect();
        let proxies = TrustedProxies::parse(trusted).unwrap();
        proxies.client_address(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn forwarded_for_of_untrusted_peer_is_ignored() {
        assert_eq!(client("", "203.0.113.7", &["1.1.1.1"]), "203.0.113.7");
        assert_eq!(client("", "127.0.0.1", &["1.1.1.1"]), "127.0.0.1");
        assert_eq!(client("10.0.0.0/8", "203.0.113.7", &["1.1.1.1"]), "203.0.113.7");
        assert_eq!(client("10.0.0.0/8", "::ffff:203.0.113.7", &[]), "203.0.113.7");
    }

    #[test]
    fn last_untrusted_hop_is_client() {
        let trusted = "127.0.0.1, 10.0.0.0/8,fd00::/8";
        for (forwarded, expected) in [
            (&["1.1.1.1"][..], "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
            (&["6.6.6.6", "1.1.1.1, 10.1.2.3"], "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1:4711"], "1.1.1.1"),
            (&["[2606:4700::1]:443"], "2606:4700::1"),
            (&["[2606:4700::1]"], "2606:4700::1"),
            (&["1.1.1.1, nonsense"], "127.0.0.1"),
            (&["1.1.1.1, nonsense, 10.0.0.9"], "10.0.0.9"),
            (&["", "1.1.1.1"], "1.1.1.1"),
            (&[], "127.0.0.1"),
            (&["10.0.0.1"], "10.0.0.1"),
            (&["::ffff:1.1.1.1"], "1.1.1.1"),
        ] {
            assert_eq!(client(trusted, "127.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn invalid_network_error_names_it() {
        for wrong in ["proxy", "10.0.0.0/33", "10.0.0.1-10.0.0.9", "::/129"] {
            assert!(TrustedProxies::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
