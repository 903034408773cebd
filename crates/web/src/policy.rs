//! What the outgoing client may call: judged once for the URL, again for every resolved address.

use crate::{
    FetchFault,
    special::{is_metadata, special_use, stands_for},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Origin, Url};

/// Longer URLs serve nobody but attackers.
const LONGEST_URL: usize = 2048;

/// What may be called. The default: public addresses, by https, on any port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingPolicy {
    /// Whether this machine itself may be called.
    pub loopback: Loopback,
    /// The operator's exceptions: special-use networks that may be called all the same, by https only.
    pub allowed_private: Vec<IpNet>,
    /// Which ports may be called.
    pub ports: Ports,
    /// What the operator named in so many words: scheme, host and port, called wherever they lead to and
    /// by http too. A name that leads to the cloud's metadata is refused still.
    pub named: Vec<Origin>,
}

/// What an operator calls a private network (RFC 1918, RFC 6598, RFC 4193). Link-local addresses, where
/// cloud metadata lives, are not among them.
pub const PRIVATE_NETWORKS: [IpNet; 5] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)),
];

/// Whether a URL says that it is about this machine: `localhost`, `*.localhost`, 127.0.0.0/8, ::1.
pub fn is_loopback(url: &Url) -> bool {
    url.host().is_some_and(|host| names_loopback(&host))
}

/// Whether this machine itself may be called. For trying out and for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// No.
    #[default]
    Refused,
    /// Yes, by http too, but only when the URL says so: `localhost`, `*.localhost`, 127.0.0.0/8, ::1.
    /// Another name that resolves to loopback is refused still.
    Allowed,
}

/// Which ports may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ports {
    /// All of them.
    #[default]
    Any,
    /// These.
    Only(Vec<u16>),
}

impl OutgoingPolicy {
    /// Judges everything that can be seen in the URL alone.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), FetchFault> {
        if url.as_str().len() > LONGEST_URL {
            return Err(FetchFault::LongUrl { limit: LONGEST_URL });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchFault::UserInfo);
        }
        let host = url.host().ok_or(FetchFault::NoHost)?;
        if self.named.contains(&url.origin()) {
            return Ok(());
        }
        let calls_itself = names_loopback(&host) && self.loopback == Loopback::Allowed;
        match url.scheme() {
            "https" => {}
            "http" if calls_itself => {}
            scheme => return Err(FetchFault::Scheme { found: scheme.to_owned() }),
        }
        let port = url.port_or_known_default().ok_or(FetchFault::NoHost)?;
        if let Ports::Only(ports) = &self.ports
            && !ports.contains(&port)
        {
            return Err(FetchFault::Port { found: port, allowed: ports.clone() });
        }
        match host {
            Host::Ipv4(ip) => self.judge(&ip.to_string(), ip.into()),
            Host::Ipv6(ip) => self.judge(&ip.to_string(), ip.into()),
            Host::Domain(_) => Ok(()),
        }
    }

    /// Judges one address that `host`, a name or a literal, leads to.
    pub(crate) fn judge(&self, host: &str, address: IpAddr) -> Result<(), FetchFault> {
        let Some(kind) = special_use(address) else { return Ok(()) };
        let real = stands_for(address);
        let named = self.named.iter().any(|origin| names_host(origin, host));
        if named && !is_metadata(real) {
            return Ok(());
        }
        let by_name = is_localhost(host) || host.parse::<IpAddr>().is_ok();
        let itself = self.loopback == Loopback::Allowed && by_name && real.is_loopback();
        let excepted = |net: &IpNet| {
            let alone = net.prefix_len() == net.max_prefix_len();
            (net.contains(&address) || net.contains(&real)) && (alone || !is_metadata(real))
        };
        if itself || self.allowed_private.iter().any(excepted) {
            return Ok(());
        }
        Err(FetchFault::Address { host: host.to_owned(), address, kind })
    }
}

fn names_host(origin: &Origin, host: &str) -> bool {
    match origin {
        Origin::Tuple(_, Host::Domain(name), _) => name.eq_ignore_ascii_case(host),
        Origin::Tuple(..) | Origin::Opaque(_) => false,
    }
}

fn names_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => is_localhost(name),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => stands_for((*ip).into()).is_loopback(),
    }
}

/// RFC 6761 §6.3: these names are loopback, whatever a DNS server says.
pub(crate) fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(policy: &OutgoingPolicy, url: &str) -> Result<(), FetchFault> {
        policy.admit(&Url::parse(url).unwrap())
    }

    #[test]
    fn loopback_is_refused_however_it_is_spelled() {
        let strict = OutgoingPolicy::default();
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://①②⑦.⓪.⓪.①/",
        ] {
            assert!(matches!(admit(&strict, url), Err(FetchFault::Address { .. })), "{url}");
        }
    }

    #[test]
    fn the_metadata_service_is_refused_even_inside_a_wide_exception() {
        let wide = OutgoingPolicy {
            loopback: Loopback::Allowed,
            allowed_private: vec!["0.0.0.0/0".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ports: Ports::Any,
            named: Vec::new(),
        };
        for url in ["https://169.254.169.254/", "https://2852039166/", "https://[fd00:ec2::254]/"] {
            assert!(matches!(admit(&wide, url), Err(FetchFault::Address { .. })), "{url}");
        }
        assert_eq!(admit(&wide, "https://10.0.0.1/"), Ok(()));
        let exact = vec!["169.254.169.254/32".parse().unwrap()];
        let named = OutgoingPolicy { allowed_private: exact, ..OutgoingPolicy::default() };
        assert_eq!(admit(&named, "https://169.254.169.254/"), Ok(()));
    }

    #[test]
    fn http_is_for_loopback_only_and_only_when_allowed() {
        let strict = OutgoingPolicy::default();
        let lenient = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
        for url in
            ["http://localhost:1/", "http://a.localhost./", "http://127.9.9.9/", "http://[::1]/"]
        {
            assert!(matches!(admit(&strict, url), Err(FetchFault::Scheme { .. })), "{url}");
            assert_eq!(admit(&lenient, url), Ok(()), "{url}");
        }
        for url in
            ["http://example.com/", "http://notlocalhost/", "http://10.0.0.1/", "ftp://localhost/"]
        {
            assert!(matches!(admit(&lenient, url), Err(FetchFault::Scheme { .. })), "{url}");
        }
    }

    #[test]
    fn what_the_operator_named_may_be_called_and_nothing_beside_it() {
        let origin = |url: &str| Url::parse(url).unwrap().origin();
        let named = vec![origin("http://10.0.0.5:8082"), origin("http://issuer.internal:8082")];
        let policy = OutgoingPolicy { named, ..OutgoingPolicy::default() };
        assert_eq!(admit(&policy, "http://10.0.0.5:8082/revocations"), Ok(()));
        assert_eq!(admit(&policy, "http://issuer.internal:8082/revocations"), Ok(()));
        for url in [
            "http://10.0.0.6:8082/",
            "http://10.0.0.5:8083/",
            "https://10.0.0.5:8082/",
            "http://127.0.0.1:8082/",
            "http://other.internal:8082/",
        ] {
            assert!(admit(&policy, url).is_err(), "{url}");
        }
        let inner = "10.1.2.3".parse().unwrap();
        assert_eq!(policy.judge("issuer.internal", inner), Ok(()));
        assert!(policy.judge("other.internal", inner).is_err());
        assert!(policy.judge("issuer.internal", "169.254.169.254".parse().unwrap()).is_err());
    }

    #[test]
    fn user_info_and_foreign_ports_are_refused() {
        let policy =
            OutgoingPolicy { ports: Ports::Only(vec![443, 8443]), ..OutgoingPolicy::default() };
        assert_eq!(admit(&policy, "https://user@example.com/"), Err(FetchFault::UserInfo));
        assert_eq!(admit(&policy, "https://:secret@example.com/"), Err(FetchFault::UserInfo));
        assert_eq!(admit(&policy, "https://example.com:8443/"), Ok(()));
        assert_eq!(admit(&policy, "https://example.com/"), Ok(()));
        assert!(matches!(
            admit(&policy, "https://example.com:22/"),
            Err(FetchFault::Port { found: 22, .. })
        ));
    }

    #[test]
    fn a_name_that_resolves_to_loopback_is_refused_even_when_loopback_is_allowed() {
        let lenient = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
        let itself = "127.0.0.1".parse().unwrap();
        assert!(lenient.judge("rebind.example", itself).is_err());
        assert!(lenient.judge("localhost", itself).is_ok());
    }
}
