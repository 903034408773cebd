//! Which certificate is a client's: the metadata of RFC 8705 §2.1.2.

use super::name::{self, Name, NameFault};
use portcullis_types::CertificateFault as Fault;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};
use x509_parser::prelude::{GeneralName, X509Certificate};

/// The one name that a client's certificate must have. Equal text is an equal name, apart from case where
/// names of hosts have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct CertificateMatcher {
    kind: NameKind,
    value: String,
    subject: Name,
}

/// Where the name stands, by the member of the client's metadata that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameKind {
    /// The whole subject, as RFC 4514 writes it: the most specific part first.
    #[serde(rename = "tls_client_auth_subject_dn")]
    SubjectDn,
    /// A host, among the alternative names.
    #[serde(rename = "tls_client_auth_san_dns")]
    SanDns,
    /// A URI, among the alternative names.
    #[serde(rename = "tls_client_auth_san_uri")]
    SanUri,
    /// An address, among the alternative names.
    #[serde(rename = "tls_client_auth_san_ip")]
    SanIp,
    /// A mailbox, among the alternative names.
    #[serde(rename = "tls_client_auth_san_email")]
    SanEmail,
}

/// Why no certificate could have such a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherFault {
    /// A subject that cannot be read.
    #[error("this is no distinguished name: {0}; write it as CN=app,O=Example,C=CH")]
    Subject(#[from] NameFault),
    /// Another name that cannot be one.
    #[error("'{value}' is no {kind}; expected {expected}")]
    Value {
        /// Which kind it should be.
        kind: &'static str,
        /// As written.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct Written {
    kind: NameKind,
    value: String,
}

impl TryFrom<Written> for CertificateMatcher {
    type Error = MatcherFault;

    fn try_from(written: Written) -> Result<Self, MatcherFault> {
        Self::new(written.kind, &written.value)
    }
}

impl From<CertificateMatcher> for Written {
    fn from(matcher: CertificateMatcher) -> Self {
        Self { kind: matcher.kind, value: matcher.value }
    }
}

impl NameKind {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::SubjectDn, Self::SanDns, Self::SanUri, Self::SanIp, Self::SanEmail];

    /// The member of the client's metadata.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SubjectDn => "tls_client_auth_subject_dn",
            Self::SanDns => "tls_client_auth_san_dns",
            Self::SanUri => "tls_client_auth_san_uri",
            Self::SanIp => "tls_client_auth_san_ip",
            Self::SanEmail => "tls_client_auth_san_email",
        }
    }
}

impl CertificateMatcher {
    /// A name of that kind.
    pub fn new(kind: NameKind, value: &str) -> Result<Self, MatcherFault> {
        let refuse = |expected| MatcherFault::Value {
            kind: kind.name(),
            value: crate::excerpt(value),
            expected,
        };
        let plain = |c: char| c.is_ascii_graphic();
        let mut subject = Name::default();
        let fits = match kind {
            NameKind::SubjectDn => {
                subject = value.parse()?;
                true
            }
            NameKind::SanDns => {
                let label = |label: &str| {
                    let of = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                    !label.is_empty() && label.len() < 64 && label.chars().all(of)
                };
                value.len() < 254 && value.split('.').all(label)
            }
            NameKind::SanUri => url_like(value) && value.len() < 512 && value.chars().all(plain),
            NameKind::SanIp => value.parse::<IpAddr>().is_ok(),
            NameKind::SanEmail => {
                value.len() < 320
                    && value.chars().all(plain)
                    && value
                        .split_once('@')
                        .is_some_and(|(who, at)| !who.is_empty() && !at.is_empty())
            }
        };
        if !fits {
            return Err(refuse(match kind {
                NameKind::SubjectDn => "a subject",
                NameKind::SanDns => "the name of one host, without wildcards",
                NameKind::SanUri => "an absolute URI",
                NameKind::SanIp => "an IPv4 or IPv6 address",
                NameKind::SanEmail => "one mailbox, such as app@example.com",
            }));
        }
        Ok(Self { kind, value: value.to_owned(), subject })
    }

    /// Which kind of name.
    pub const fn kind(&self) -> NameKind {
        self.kind
    }

    /// The name, as it was registered.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether the certificate has the name.
    pub(super) fn check(&self, x509: &X509Certificate<'_>) -> Result<(), Fault> {
        let refuse = |found| Fault::Name { found, expected: self.to_string() };
        if self.kind == NameKind::SubjectDn {
            let subject = name::of(x509.subject());
            return match subject {
                Some(subject) if subject == self.subject => Ok(()),
                Some(subject) => Err(refuse(vec![crate::excerpt(&subject.to_string())])),
                None => Err(refuse(Vec::new())),
            };
        }
        let names = x509.subject_alternative_name();
        let names = names.map_err(|fault| Fault::Malformed { problem: fault.to_string() })?;
        let names = names.map_or(&[][..], |names| &names.value.general_names);
        if names.iter().any(|name| self.is(name)) {
            return Ok(());
        }
        Err(refuse(names.iter().take(8).filter_map(written).collect()))
    }

    fn is(&self, name: &GeneralName<'_>) -> bool {
        match (self.kind, name) {
            (NameKind::SanDns, GeneralName::DNSName(host)) => {
                host.eq_ignore_ascii_case(&self.value)
            }
            (NameKind::SanUri, GeneralName::URI(uri)) => *uri == self.value,
            (NameKind::SanIp, GeneralName::IPAddress(bytes)) => {
                address(bytes).is_some() && address(bytes) == IpAddr::from_str(&self.value).ok()
            }
            // RFC 5280 §7.5: who it is, to the letter; where, without case.
            (NameKind::SanEmail, GeneralName::RFC822Name(mailbox)) => {
                match (mailbox.rsplit_once('@'), self.value.rsplit_once('@')) {
                    (Some((who, at)), Some((own, home))) => {
                        who == own && at.eq_ignore_ascii_case(home)
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

impl fmt::Display for CertificateMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind.name(), self.value)
    }
}

/// `scheme:rest` (RFC 3986 §3).
fn url_like(value: &str) -> bool {
    let of = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    value.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(of)
            && !rest.is_empty()
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// For the operator to read.
fn written(name: &GeneralName<'_>) -> Option<String> {
    let text = match name {
        GeneralName::DNSName(host) => format!("DNS:{host}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::RFC822Name(mailbox) => format!("email:{mailbox}"),
        GeneralName::IPAddress(bytes) => format!("IP:{}", address(bytes)?),
        _ => return None,
    };
    Some(crate::excerpt(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_certificate_has_is_not_registered() {
        for (kind, value) in [
            (NameKind::SubjectDn, "app"),
            (NameKind::SanDns, "*.example.com"),
            (NameKind::SanDns, "a b"),
            (NameKind::SanDns, ""),
            (NameKind::SanUri, "example.com"),
            (NameKind::SanUri, "spiffe://a b"),
            (NameKind::SanIp, "10.0.0.0/8"),
            (NameKind::SanEmail, "@example.com"),
        ] {
            assert!(CertificateMatcher::new(kind, value).is_err(), "{kind:?} {value}");
        }
    }

    #[test]
    fn what_is_stored_is_what_was_registered() {
        let matcher = CertificateMatcher::new(NameKind::SubjectDn, "CN=app, O=Example").unwrap();
        let json = serde_json::to_string(&matcher).unwrap();
        assert_eq!(json, r#"{"kind":"tls_client_auth_subject_dn","value":"CN=app, O=Example"}"#);
        assert_eq!(serde_json::from_str::<CertificateMatcher>(&json).unwrap(), matcher);
        let wrong = r#"{"kind":"tls_client_auth_san_ip","value":"nowhere"}"#;
        assert!(serde_json::from_str::<CertificateMatcher>(wrong).is_err());
    }
}
