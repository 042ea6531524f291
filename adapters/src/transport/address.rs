//! Which addresses may be connected to, decided where names become addresses.
//!
//! Checking a name beforehand and resolving it again to connect lets it change in between; here the
//! addresses that were checked are the addresses that are used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name led to no address that may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::MESSAGE)]
pub(super) struct AddressRefused;

impl AddressRefused {
    pub(super) const MESSAGE: &str = "the source's host leads to an address that is not public, and the source does not set `allow_private_addresses`";
}

/// The system's resolver, without the addresses that may not be connected to.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilteredResolver {
    allow_private: bool,
}

impl FilteredResolver {
    pub(super) fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    pub(super) fn admit(
        self,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Addrs, AddressRefused> {
        let allowed: Vec<_> = found
            .filter(|address| self.allow_private || is_public(address.ip()))
            .collect();
        if allowed.is_empty() {
            return Err(AddressRefused);
        }
        Ok(Box::new(allowed.into_iter()))
    }
}

impl Resolve for FilteredResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            // Port 0 stands for the port of the request's address.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(resolver.admit(found)?)
        })
    }
}

/// Whether an address belongs to the public internet.
///
/// IPv6 is allowed by what is assigned, not refused by what is special; an IPv4 address in an IPv6 coat is
/// judged as IPv4.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127 | 240.., ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        // Metadata service of a cloud, on an address that is otherwise public.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !special && !address.is_multicast()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments with Teredo, documentation, 6to4, documentation again.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];

    const ALLOWED: &[&str] = &[
        "1.1.1.1",
        "9.9.9.9",
        "100.63.255.255",
        "100.128.0.1",
        "168.63.129.17",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:9.9.9.9",
        "64:ff9b::909:909",
        "2001:200::1",
        "2600::1",
        "2a00:1450::1",
    ];

    fn socket(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 0)
    }

    #[test]
    fn only_public_addresses_are_public() {
        for address in REFUSED {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ALLOWED {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_handed_on_is_what_was_checked() {
        let found = ["9.9.9.9", "127.0.0.1", "::1"].map(socket);
        let filtered = |allow_private, found: &[SocketAddr]| {
            FilteredResolver::new(allow_private)
                .admit(found.iter().copied())
                .map(Iterator::collect::<Vec<_>>)
        };
        assert_eq!(filtered(false, &found), Ok(vec![socket("9.9.9.9")]));
        assert_eq!(filtered(false, &found[1..]), Err(AddressRefused));
        assert_eq!(filtered(true, &found), Ok(found.to_vec()));
    }
}
