//! Which addresses are not public: the IANA special-purpose registries (RFC 6890 and its updates), with
//! the addresses embedded in transition formats judged as what they stand for.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// Where clouds hand out credentials to whoever asks. An operator's exception must name such an address
/// alone; a wide network that happens to hold it is not enough.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // AWS, Azure, Google and others
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure's host agent, a public address
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)), // AWS
];

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
const V4: [(Ipv4Net, &str); 17] = [
    (v4(0, 0, 0, 0, 8), "this network (RFC 791)"),
    (v4(10, 0, 0, 0, 8), "private (RFC 1918)"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT (RFC 6598)"),
    (v4(127, 0, 0, 0, 8), LOOPBACK),
    (v4(169, 254, 0, 0, 16), "link-local (RFC 3927)"),
    (v4(172, 16, 0, 0, 12), "private (RFC 1918)"),
    (v4(192, 0, 0, 0, 24), "protocol assignments (RFC 6890)"),
    (v4(192, 0, 2, 0, 24), "documentation (RFC 5737)"),
    (v4(192, 31, 196, 0, 24), "AS112 (RFC 7535)"),
    (v4(192, 52, 193, 0, 24), "multicast tunnels (RFC 7450)"),
    (v4(192, 88, 99, 0, 24), "6to4 relay (RFC 7526)"),
    (v4(192, 168, 0, 0, 16), "private (RFC 1918)"),
    (v4(192, 175, 48, 0, 24), "AS112 (RFC 7534)"),
    (v4(198, 18, 0, 0, 15), "benchmarking (RFC 2544)"),
    (v4(198, 51, 100, 0, 24), "documentation (RFC 5737)"),
    (v4(203, 0, 113, 0, 24), "documentation (RFC 5737)"),
    (v4(224, 0, 0, 0, 3), "multicast, reserved or broadcast (RFC 1112)"),
];

/// Global unicast; everything outside is special.
const GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 3);

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, the part inside [`GLOBAL`].
const V6_INSIDE: [(Ipv6Net, &str); 5] = [
    (v6(0x2001, 0, 0, 23), "protocol assignments, among them Teredo (RFC 2928)"),
    (v6(0x2001, 0x0db8, 0, 32), "documentation (RFC 3849)"),
    (v6(0x2002, 0, 0, 16), "6to4 (RFC 3056)"),
    (v6(0x2620, 0x004f, 0x8000, 48), "AS112 (RFC 7534)"),
    (v6(0x3fff, 0, 0, 20), "documentation (RFC 9637)"),
];

/// The rest, named for the message only.
const V6_OUTSIDE: [(Ipv6Net, &str); 8] = [
    (v6(0x0064, 0xff9b, 1, 48), "local-use translation (RFC 8215)"),
    (v6(0x0100, 0, 0, 64), "discard-only (RFC 6666)"),
    (v6(0x5f00, 0, 0, 16), "segment routing (RFC 9602)"),
    (v6(0xfc00, 0, 0, 7), "unique local (RFC 4193)"),
    (v6(0xfe80, 0, 0, 10), "link-local (RFC 4291)"),
    (v6(0xfec0, 0, 0, 10), "site-local (RFC 3879)"),
    (v6(0xff00, 0, 0, 8), "multicast (RFC 4291)"),
    (v6(0, 0, 0, 96), "IPv4-compatible (RFC 4291)"),
];

const LOOPBACK: &str = "loopback (RFC 1122, RFC 4291)";

/// The well-known prefix that IPv6-only networks put before public IPv4 addresses (RFC 6052 §2.1).
const NAT64: Ipv6Net = v6(0x0064, 0xff9b, 0, 96);

/// What kind of special-use address it is; `None` for an ordinary public one.
pub fn special_use(address: IpAddr) -> Option<&'static str> {
    let address = stands_for(address);
    if METADATA.contains(&address) {
        return Some("cloud metadata service");
    }
    match address {
        IpAddr::V4(address) => find(&V4, |net| net.contains(&address)),
        IpAddr::V6(address) if address.is_loopback() => Some(LOOPBACK),
        IpAddr::V6(address) if GLOBAL.contains(&address) => {
            find(&V6_INSIDE, |net| net.contains(&address))
        }
        IpAddr::V6(address) => find(&V6_OUTSIDE, |net| net.contains(&address))
            .or(Some("outside global unicast (RFC 4291 §2.4)")),
    }
}

fn find<N>(
    table: &'static [(N, &'static str)],
    holds: impl Fn(&N) -> bool,
) -> Option<&'static str> {
    table.iter().find(|(net, _)| holds(net)).map(|(_, kind)| *kind)
}

/// IPv4-mapped and NAT64 addresses reach an IPv4 host: that is the one to judge.
pub(crate) fn stands_for(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other.to_canonical(),
    }
}

/// Whether this is a place where credentials are handed out.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&stands_for(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<&'static str> {
        special_use(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_not_special() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "3ffe::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert_eq!(kind(public), None, "{public}");
        }
    }

    #[test]
    fn every_special_purpose_block_is_special() {
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:0101:0101::",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(kind(special).is_some(), "{special}");
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_dress_is_judged_as_ipv4() {
        assert_eq!(kind("::ffff:127.0.0.1"), Some(LOOPBACK));
        assert_eq!(kind("::ffff:169.254.169.254"), Some("cloud metadata service"));
        assert_eq!(kind("64:ff9b::10.0.0.1"), Some("private (RFC 1918)"));
        assert_eq!(kind("64:ff9b::a9fe:a9fe"), Some("cloud metadata service"));
    }
}
