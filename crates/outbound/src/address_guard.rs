//! The address guard. Customers choose the endpoints of webhooks, so Reef connects only to publicly routable addresses.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reef_domain::address::is_global;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

/// The error for an address that the guard rejects.
#[derive(Clone, Copy, Debug, Error)]
#[error("the address is not publicly routable")]
pub(crate) struct NotGlobal;

/// The resolver of the operating system.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The client replaces port 0 with the port of the URL.
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A resolver that returns the addresses found by another one, if all of them are publicly routable. The client
/// connects to exactly these addresses, so DNS rebinding after the check has no effect.
pub(crate) struct GuardedResolver(pub(crate) Arc<dyn Resolve>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolving = self.0.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            if !found.iter().all(|address| is_global(address.ip())) {
                return Err(NotGlobal.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Rejects a URL whose host is an IP address that is not publicly routable. Resolvers are not asked about IP addresses.
pub(crate) fn check_literal(url: &Url) -> Result<(), NotGlobal> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(NotGlobal),
    };
    if is_global(address) { Ok(()) } else { Err(NotGlobal) }
}

/// Whether a request failed because of the guard.
pub(crate) fn is_not_global(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<NotGlobal>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FixedResolver(Vec<IpAddr>);

    impl Resolve for FixedResolver {
        fn resolve(&self, _: Name) -> Resolving {
            let found: Vec<_> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
        }
    }

    #[tokio::test]
    async fn one_private_address_is_rejected() {
        let cases: [(&[&str], bool); 7] = [
            (&["93.184.216.34"], true),
            (&["93.184.216.34", "2606:4700:4700::1111"], true),
            (&["93.184.216.34", "127.0.0.1"], false),
            (&["2606:4700:4700::1111", "::1", "93.184.216.34"], false),
            (&["169.254.169.254"], false),
            (&["::ffff:10.0.0.1"], false),
            (&[], false),
        ];
        for (found, passes) in cases {
            let addresses: Vec<IpAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
            let guarded = GuardedResolver(Arc::new(FixedResolver(addresses.clone())));
            let given = guarded.resolve("hooks.example.com".parse().unwrap()).await;
            assert_eq!(given.is_ok(), passes, "{found:?}");
            if let Ok(given) = given {
                assert_eq!(given.map(|address| address.ip()).collect::<Vec<_>>(), addresses);
            }
        }
    }

    #[test]
    fn literals_are_checked_in_every_notation() {
        let refused = [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://169.254.169.254/latest/meta-data",
            "https://１２７.0.0.1/",
        ];
        for url in refused {
            assert!(check_literal(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        for url in ["https://93.184.216.34/", "https://[2606:4700:4700::1111]/", "https://example.com/"] {
            assert!(check_literal(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }
}
