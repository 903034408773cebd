//! Identifiers: each a type of its own, valid by construction.

use crate::{Random, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// Why a string is not the identifier it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct IdFault {
    /// Which kind of identifier was expected.
    pub what: &'static str,
    /// What is wrong with the string, in words that follow `what`.
    pub problem: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes the identifier.
            pub fn new(text: &str) -> Result<Self, IdFault> {
                let check: fn(&str) -> Option<&'static str> = $check;
                match check(text) {
                    Some(problem) => Err(IdFault { what: $what, problem }),
                    None => Ok(Self(text.into())),
                }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdFault;
            fn from_str(text: &str) -> Result<Self, IdFault> {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// An OAuth `client_id` (RFC 6749 §2.2): 1–128 letters, digits, `.`, `_`, `-`; or the https address of
    /// a client-id metadata document, which no name of ours can look like. Never what a person's `sub`
    /// looks like (RFC 9700 §4.15).
    ClientId, "client_id", |text| {
        if text.starts_with("https://") {
            return document(text);
        }
        if text.starts_with(PersonId::PREFIX) {
            return Some("must not begin with usr_, as people's ids do");
        }
        if PrincipalKey::new(text).is_ok() {
            return Some("must not look like the id of a service or an agent from elsewhere");
        }
        short_name(text, 128).then_some("must be 1 to 128 letters, digits, '.', '_' or '-'")
    }
);
text_id!(
    /// The name an operator gave an API, a client or an upstream in the configuration.
    ApiName, "name", |text| {
        short_name(text, 64).then_some("must be 1 to 64 letters, digits, '.', '_' or '-'")
    }
);
text_id!(
    /// A customer company. As the tenant part of a scope: `[a-z0-9][a-z0-9_-]{0,62}`.
    Tenant, "tenant", |text| {
        let bytes = text.as_bytes();
        let tail = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        let good = matches!(bytes.split_first(), Some((head, rest))
            if (head.is_ascii_lowercase() || head.is_ascii_digit()) && rest.len() <= 62 && rest.iter().all(tail));
        (!good).then_some("must be 1 to 63 lower-case letters, digits, '_' or '-', and start with a letter or digit")
    }
);
text_id!(
    /// An issuer identifier (RFC 8414 §2): an `https` URL, or `http` on a loopback host,
    /// without query, fragment or user info. Compared byte by byte, never normalised.
    Issuer, "issuer", |text| {
        match url::Url::parse(text) {
            Err(_) => Some("must be an absolute URL"),
            Ok(url) if url.query().is_some() || url.fragment().is_some() =>
                Some("must have no query and no fragment"),
            Ok(url) if !url.username().is_empty() || url.password().is_some() =>
                Some("must carry no user name or password"),
            Ok(url) if url.scheme() == "https" => None,
            Ok(url) if url.scheme() == "http" && is_loopback(&url) => None,
            Ok(_) => Some("must use https (http only on a loopback host)"),
        }
    }
);
text_id!(
    /// A resource indicator (RFC 8707 §2): an absolute URI without fragment, at most 512 bytes.
    /// It is the value of `aud` and of `resource`, compared byte by byte.
    Audience, "resource", |text| {
        match url::Url::parse(text) {
            _ if text.len() > 512 => Some("must be at most 512 bytes long"),
            Err(_) => Some("must be an absolute URI"),
            Ok(url) if url.fragment().is_some() => Some("must have no fragment"),
            Ok(_) if text.bytes().any(|b| b <= b' ' || b == b'"' || b == b'\\' || b >= 0x7f) =>
                Some("must be printable ASCII without spaces, quotes or backslashes"),
            Ok(_) => None,
        }
    }
);
text_id!(
    /// A token's `jti` (RFC 7519 §4.1.7): 1–128 visible ASCII characters.
    /// Ours are time-ordered, so that an issuance is found by its `jti` without an index.
    Jti, "jti", |text| {
        let good = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
        (!good).then_some("must be 1 to 128 visible ASCII characters")
    }
);

text_id!(
    /// A `kid` (RFC 7515 §4.1.4): 1–128 safe characters. Used for look-up in memory only.
    Kid, "kid", |text| {
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"._~+/=:@-".contains(&b);
        let good = !text.is_empty() && text.len() <= 128 && text.bytes().all(safe);
        (!good).then_some("must be 1 to 128 letters, digits or '._~+/=:@-'")
    }
);

text_id!(
    /// A person: `usr_` and 26 lower-case letters and digits, the `sub` of tokens. Time-ordered.
    PersonId, "person id", |text| not_stamped(text, PersonId::PREFIX)
);
text_id!(
    /// A sign-in of one person in one browser: `ses_…`, the `sid` of tokens. Time-ordered.
    SessionId, "session id", |text| not_stamped(text, SessionId::PREFIX)
);
text_id!(
    /// What one app was granted for one person at one time, with all tokens that came of it: `grt_…`.
    /// Time-ordered.
    GrantId, "grant id", |text| not_stamped(text, GrantId::PREFIX)
);

/// What acts in the name of a tenant's own provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person.
    Person,
    /// A service or a workload.
    Service,
    /// An agent.
    Agent,
}

impl PrincipalKind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Person, Self::Service, Self::Agent];

    /// What its keys begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Person => PersonId::PREFIX,
            Self::Service => "svc_",
            Self::Agent => "agt_",
        }
    }
}

text_id!(
    /// Who somebody from another provider is here: the `sub` of tokens that were exchanged for theirs.
    ///
    /// `usr_`, `svc_` or `agt_` and 26 characters of RFC 4648's base 32 in lower case, the beginning of a hash of
    /// issuer, tenant at the issuer and subject (`portcullis_jose::principal_key` makes it): two issuers that
    /// both know an `alice` do not know the same one. No client id looks like it (RFC 9700 §4.15).
    PrincipalKey, "principal", |text| {
        let hash = PrincipalKind::ALL.into_iter().find_map(|kind| text.strip_prefix(kind.prefix()));
        let safe = |b: u8| b.is_ascii_lowercase() || matches!(b, b'2'..=b'7');
        let good = hash.is_some_and(|hash| hash.len() == PrincipalKey::CHARS && hash.bytes().all(safe));
        (!good).then_some("must be usr_, svc_ or agt_ and 26 lower-case letters or digits from 2 to 7")
    }
);

impl PrincipalKey {
    /// How many characters of the hash: 130 bits.
    pub const CHARS: usize = 26;
}

macro_rules! stamped_id {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// What each begins with.
            pub const PREFIX: &str = $prefix;

            /// A fresh one.
            pub fn fresh(at: Timestamp, random: &Random<10>) -> Self {
                Self(stamped_id(Self::PREFIX, at, random).into())
            }
        }
    };
}

stamped_id!(PersonId, "usr_");
stamped_id!(SessionId, "ses_");
stamped_id!(GrantId, "grt_");

/// `prefix` and a time-ordered ULID in lower case: an id of a kind that has no type of its own.
pub fn stamped_id(prefix: &str, at: Timestamp, random: &Random<10>) -> String {
    format!("{prefix}{}", ulid(at, random).to_string().to_ascii_lowercase())
}

fn not_stamped(text: &str, prefix: &str) -> Option<&'static str> {
    let ulid =
        text.strip_prefix(prefix).filter(|ulid| !ulid.bytes().any(|b| b.is_ascii_uppercase()));
    let good = ulid.is_some_and(|ulid| canonical(ulid).is_some());
    (!good).then_some("must be its prefix and 26 lower-case letters and digits")
}

/// The address of a client-id metadata document: with a path, without fragment, user or dot segments.
fn document(text: &str) -> Option<&'static str> {
    let printable = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}#@".contains(&b));
    match url::Url::parse(text) {
        Ok(url) if printable && text.len() <= 512 && url.path() != "/" && url.as_str() == text => {
            None
        }
        _ => Some(
            "that begins with https:// must be the normal form of an address with a path, without user and fragment, of at most 512 bytes",
        ),
    }
}

text_id!(
    /// The SHA-256 of a public key (RFC 7638, `jkt`) or of a certificate (RFC 8705 §3.1, `x5t#S256`) in
    /// base64url: 43 characters, of which the last carries no stray bits.
    Thumbprint, "thumbprint", |text| {
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let good = text.len() == 43
            && text.bytes().all(safe)
            && text.bytes().last().is_some_and(|b| b"AEIMQUYcgkosw048".contains(&b));
        (!good).then_some("must be the base64url SHA-256 of a key or certificate: 43 characters")
    }
);

fn short_name(text: &str, limit: usize) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.is_empty() || text.len() > limit || !text.bytes().all(safe)
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Jti {
    /// A fresh, time-ordered `jti`.
    pub fn fresh(at: Timestamp, random: &Random<10>) -> Self {
        Self(ulid(at, random).to_string().into())
    }

    /// When a `jti` of ours was made; `None` for one that is not of our making.
    pub fn time(&self) -> Option<Timestamp> {
        canonical(&self.0).map(millis)
    }
}

/// Names one decision: `dec_` and a ULID. Time-ordered, so that the audit log finds it by its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(ulid::Ulid);

impl DecisionId {
    /// A fresh id.
    pub fn fresh(at: Timestamp, random: &Random<10>) -> Self {
        Self(ulid(at, random))
    }

    /// When the decision was made.
    pub fn time(self) -> Timestamp {
        millis(self.0)
    }
}

fn ulid(at: Timestamp, random: &Random<10>) -> ulid::Ulid {
    let bits = random.bytes().iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    ulid::Ulid::from_parts(u64::try_from(at.millis()).unwrap_or(0), bits)
}

/// The ULID that `text` is, in upper or lower case. Of 130 bits written in base 32 two have no place in
/// it: a text that sets them would be taken for another's.
fn canonical(text: &str) -> Option<ulid::Ulid> {
    let ulid = ulid::Ulid::from_string(text).ok()?;
    ulid.to_string().eq_ignore_ascii_case(text).then_some(ulid)
}

fn millis(ulid: ulid::Ulid) -> Timestamp {
    Timestamp::from_millis(ulid.timestamp_ms().cast_signed())
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dec_{}", self.0)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DecisionId {
    type Err = IdFault;
    fn from_str(text: &str) -> Result<Self, IdFault> {
        let fault = IdFault {
            what: "decision id",
            problem: "must be 'dec_' and 26 characters, as printed in the refusal",
        };
        let text = text.trim();
        let ulid = text.strip_prefix("dec_").unwrap_or(text);
        canonical(ulid).map(Self).ok_or(fault)
    }
}

impl Serialize for DecisionId {
    fn serialize<S: serde::Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DecisionId {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientId, DecisionId, GrantId, Jti, PersonId};
    use crate::{Random, Timestamp};

    struct Fixed;
    impl crate::Entropy for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_client_is_never_taken_for_a_person() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let person = PersonId::fresh(at, &Random::draw(&mut Fixed));
        assert!(PersonId::new(person.as_str()).is_ok(), "{person}");
        assert!(ClientId::new(person.as_str()).is_err());
        assert!(GrantId::new(person.as_str()).is_err());
        assert!(PersonId::new(&person.as_str().to_ascii_uppercase()).is_err());
    }

    #[test]
    fn a_client_may_be_named_by_the_address_of_its_document() {
        assert!(ClientId::new("https://app.example/client.json").is_ok());
        for bad in [
            "https://app.example",
            "https://app.example/",
            "https://app.example/a/../b",
            "https://app.example/x#y",
            "https://u@app.example/x",
            "https://APP.example/x",
            "https://app.example:443/x",
            "http://app.example/x",
        ] {
            assert!(ClientId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_with_more_bits_than_there_are_is_none() {
        let good = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
        let id: DecisionId = format!("dec_{good}").parse().unwrap();
        assert_eq!(id.to_string(), format!("dec_{good}"));
        assert_eq!(good.to_lowercase().parse(), Ok(id), "as somebody may type it");
        assert!(Jti::new(good).unwrap().time().is_some());
        for bad in ["8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "7Z", ""] {
            assert!(format!("dec_{bad}").parse::<DecisionId>().is_err(), "{bad}");
            assert_eq!(Jti::new(bad).ok().and_then(|jti| jti.time()), None, "{bad}");
        }
    }
}
