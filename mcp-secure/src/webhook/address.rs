//! Which addresses a message may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an operator lets a target reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The public internet alone.
    Public,
    /// Private networks and this machine as well.
    Private,
    /// This machine alone: what is not encrypted leaves it nowhere.
    Loopback,
}

impl Reach {
    pub(super) fn allows(self, address: IpAddr) -> bool {
        let kind = kind(address);
        match self {
            Self::Public => kind == Kind::Public,
            Self::Private => kind != Kind::Never,
            Self::Loopback => kind == Kind::Loopback,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Loopback,
    /// No server that anybody means is there: link-local addresses, with the metadata of cloud machines among them,
    /// multicast, documentation, what is reserved or hides another address.
    Never,
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

/// By the registry of special-purpose addresses that IANA keeps (RFC 6890).
fn v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [127, ..] => Kind::Loopback,
        // RFC 1918, and RFC 6598 for carrier-grade NAT.
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Kind::Private,
        // "This network", multicast (RFC 5771), reserved (RFC 1112) and broadcast.
        [0 | 224..=255, ..]
        // Link-local (RFC 3927), and benchmarks (RFC 2544).
        | [169, 254, ..]
        | [198, 18 | 19, ..]
        // IETF protocols (RFC 6890), and documentation (RFC 5737).
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        // The relays of 6to4 (RFC 7526).
        | [192, 88, 99, _] => Kind::Never,
        _ => Kind::Public,
    }
}

fn v6(address: Ipv6Addr) -> Kind {
    if let Some(inner) = address.to_ipv4_mapped() {
        return v4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        // IETF protocols (RFC 2928), with Teredo among them, and documentation (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff | 0xdb8, ..]
        | [0x3fff, 0..=0xfff, ..]
        // 6to4 (RFC 3056).
        | [0x2002, ..]
        // The metadata of cloud machines, in the middle of what is private.
        | [0xfd00, 0xec2, ..] => Kind::Never,
        // Unique local (RFC 4193).
        [0xfc00..=0xfdff, ..] => Kind::Private,
        // NAT64 (RFC 6052): how a machine without IPv4 reaches a public address of it. A private one is never meant.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => match v4(joined(high, low)) {
            Kind::Public => Kind::Public,
            _ => Kind::Never,
        },
        // What is in use of the internet (RFC 4291 section 2.4).
        [0x2000..=0x3fff, ..] => Kind::Public,
        // Unspecified, link-local, site-local, multicast, IPv4-compatible, discard, and what nobody has given out.
        _ => Kind::Never,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(addresses: &str, expected: Kind) {
        for text in addresses.split_whitespace() {
            assert_eq!(kind(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_told_from_those_that_are() {
        all(
            "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
             169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 \
             198.17.255.255 198.20.0.0 203.0.112.255 203.0.114.0 223.255.255.255 2606:4700::1111 2a00:1450::1 \
             2001:200::1 2001:4860:4860::8888 3ffe::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8",
            Kind::Public,
        );
        all("127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1", Kind::Loopback);
        all(
            "10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255 fc00::1 fdff::1 \
             ::ffff:10.0.0.1 ::ffff:100.64.0.1",
            Kind::Private,
        );
        all(
            "0.0.0.0 0.1.2.3 169.254.169.254 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 \
             203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: fe80::1 febf::1 fec0::1 ff02::1 \
             ::127.0.0.1 ::8.8.8.8 100::1 2001::1 2001:1ff::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 \
             3fff:fff::1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::808:808 4000::1 \
             5f00::1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:0:127.0.0.1 fd00:ec2::254",
            Kind::Never,
        );
    }

    #[test]
    fn a_target_reaches_no_further_than_its_operator_said() {
        let reaches = |reach: Reach, text: &str| reach.allows(text.parse().unwrap());
        assert!(reaches(Reach::Public, "1.1.1.1") && !reaches(Reach::Public, "10.0.0.1"));
        assert!(!reaches(Reach::Public, "127.0.0.1") && !reaches(Reach::Public, "::ffff:7f00:1"));
        for text in ["1.1.1.1", "10.0.0.1", "127.0.0.1", "fd00::1"] {
            assert!(reaches(Reach::Private, text), "{text}");
        }
        assert!(!reaches(Reach::Private, "169.254.169.254") && !reaches(Reach::Private, "fe80::1"));
        assert!(reaches(Reach::Loopback, "127.0.0.1") && reaches(Reach::Loopback, "::1"));
        assert!(!reaches(Reach::Loopback, "1.1.1.1") && !reaches(Reach::Loopback, "10.0.0.1"));
    }
}
