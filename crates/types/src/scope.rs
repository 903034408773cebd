//! One scope: `family:verb[:tenant][/resource]`, in its one canonical spelling.
//!
//! A scope that is spelt in another way is refused, never mended: two spellings of one right are
//! how a check is walked around. No scope contains a wildcard; only a [`Pattern`] may.

mod fault;
mod narrow;
mod pattern;
mod registry;
mod set;
#[cfg(test)]
mod tests;

pub use fault::{ScopeFault, ScopePart};
pub use narrow::{Dropped, DroppedBy};
pub use pattern::Pattern;
pub use registry::Registry;
pub use set::Scopes;

use crate::ids::Tenant;
pub(crate) use fault::excerpt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr, sync::Arc};

/// Names that OpenID Connect Core §5.4 and §11 give to scopes of their own; never one of ours.
const RESERVED: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];
/// Verbs that take something away, hand it out, or let one act as another.
const PRIVILEGED: [&str; 6] = ["delete", "upload", "share", "admin", "impersonate", "export"];
const MAX_SEGMENTS: usize = 8;
const MAX_SEGMENT: usize = 64;

/// One right, valid by construction: `model:delete/acme/llama-ft`, `analytics:read:t123`.
///
/// ```abnf
/// scope    = family ":" verb [ ":" tenant ] [ "/" resource ]       ; at most 160 bytes
/// family   = LOWER *31( LOWER / DIGIT / "-" / "_" )
/// verb     = LOWER *31( LOWER / DIGIT / "-" / "_" )
/// tenant   = ( LOWER / DIGIT ) *62( LOWER / DIGIT / "-" / "_" )
/// resource = segment *7( "/" segment )
/// segment  = 1*64( ALPHA / DIGIT / "." / "_" / "-" / "~" / "@" / pct )
/// pct      = "%" 2( DIGIT / %x41-46 )                              ; never of a plain character
/// ```
///
/// It says nothing about whether the family and the verb exist: [`Registry::known`] does.
/// The order is the byte order of the printed form. Cloning copies no text.
// Text first: it decides equality and order alone, since the other fields follow from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    text: Arc<str>,
    family_end: u8,
    verb_end: u8,
    /// Where the resource starts, past its `/`; past the end of the text if there is none.
    resource_start: u8,
    tenant: Option<Tenant>,
}

impl Scope {
    /// The longest scope, in bytes.
    pub const MAX_BYTES: usize = 160;

    /// Reads one scope. Refuses every spelling but the canonical one.
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        if text.len() > Self::MAX_BYTES {
            return Err(ScopeFault::TooLong { seen: excerpt(text), bytes: text.len() });
        }
        let (head, resource) = match text.split_once('/') {
            Some((head, resource)) => (head, Some(resource)),
            None => (text, None),
        };
        let Some((family, rest)) = head.split_once(':') else {
            return Err(without_verb(text, head));
        };
        let (verb, tenant) = match rest.split_once(':') {
            Some((verb, tenant)) => (verb, Some(tenant)),
            None => (rest, None),
        };
        let verb_start = family.len() + 1;
        let verb_end = verb_start + verb.len();
        name(text, ScopePart::Family, 0, family)?;
        name(text, ScopePart::Verb, verb_start, verb)?;
        let tenant = tenant.map(|piece| named_tenant(text, verb_end + 1, piece)).transpose()?;
        if let Some(resource) = resource {
            check_resource(text, head.len() + 1, resource)?;
        }
        Ok(Self {
            text: text.into(),
            family_end: offset(family.len()),
            verb_end: offset(verb_end),
            resource_start: offset(head.len() + 1),
            tenant,
        })
    }

    /// The scope as text, in its canonical form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the right is about: `model` of `model:delete/acme/llama-ft`.
    pub fn family(&self) -> &str {
        self.text.get(..self.family_end.into()).unwrap_or_default()
    }

    /// What may be done: `delete` of `model:delete/acme/llama-ft`.
    pub fn verb(&self) -> &str {
        self.text.get(usize::from(self.family_end) + 1..self.verb_end.into()).unwrap_or_default()
    }

    /// The tenant it is good for; `None` is the token's own tenant, never every tenant.
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// The resource it is good for, and everything beneath it: `acme/llama-ft`.
    /// `None` is every resource of the family in that tenant.
    pub fn resource(&self) -> Option<&str> {
        self.text.get(self.resource_start.into()..).filter(|resource| !resource.is_empty())
    }

    /// Whether the verb takes something away, hands it out or lets one act as another
    /// (`delete`, `upload`, `share`, `admin`, `impersonate`, `export`): no wildcard grants it.
    pub fn is_privileged(&self) -> bool {
        PRIVILEGED.contains(&self.verb())
    }

    /// The scope as a token of `own` says it: its own tenant is not written out.
    #[must_use]
    pub fn unqualified(&self, own: &Tenant) -> Self {
        if self.tenant() != Some(own) {
            return self.clone();
        }
        let text = match self.resource() {
            Some(resource) => format!("{}/{resource}", self.name()),
            None => self.name().to_owned(),
        };
        Self {
            text: text.into(),
            tenant: None,
            resource_start: self.verb_end.saturating_add(1),
            ..*self
        }
    }

    /// `family:verb`, the part that the registry knows.
    fn name(&self) -> &str {
        self.text.get(..self.verb_end.into()).unwrap_or_default()
    }

    /// The same tenant and resource under another `family:verb`; `None` if that is too long.
    fn renamed(&self, name: &str) -> Option<Self> {
        let rest = self.text.get(self.verb_end.into()..)?;
        Self::parse(&format!("{name}{rest}")).ok()
    }

    /// Whether it is the same right, on the same resource or one that lies beneath.
    fn holds(&self, need: &Self) -> bool {
        self.name() == need.name() && self.spans(need)
    }

    /// Whether `need` lies in the same tenant and at or beneath this scope's resource.
    /// By whole segments: `mcp:call/git` does not reach into `mcp:call/github`.
    fn spans(&self, need: &Self) -> bool {
        self.tenant == need.tenant
            && match (self.resource(), need.resource()) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(have), Some(need)) => need
                    .strip_prefix(have)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            }
    }
}

/// Offsets are at most [`Scope::MAX_BYTES`] + 1.
fn offset(bytes: usize) -> u8 {
    u8::try_from(bytes).unwrap_or(u8::MAX)
}

#[cold]
fn without_verb(text: &str, head: &str) -> ScopeFault {
    if RESERVED.contains(&text) {
        return ScopeFault::Reserved { seen: excerpt(text) };
    }
    match name(text, ScopePart::Family, 0, head) {
        Err(fault) => fault,
        Ok(()) => ScopeFault::NoVerb { seen: excerpt(text) },
    }
}

/// Checks `piece`, which starts at byte `at` of `whole`, as a family, a verb or a tenant.
fn name(whole: &str, part: ScopePart, at: usize, piece: &str) -> Result<(), ScopeFault> {
    let mut bytes = piece.bytes();
    let head = bytes.next();
    let head_fits =
        |b: u8| b.is_ascii_lowercase() || (part == ScopePart::Tenant && b.is_ascii_digit());
    if !head.is_some_and(head_fits) {
        return Err(fault::stray(whole, part, at));
    }
    let tail_fits =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if let Some(bad) = bytes.position(|b| !tail_fits(b)) {
        return Err(fault::stray(whole, part, at + 1 + bad));
    }
    let length = piece.len();
    if length > part.limit() {
        return Err(ScopeFault::PartTooLong { seen: excerpt(whole), part, at, length });
    }
    Ok(())
}

fn named_tenant(whole: &str, at: usize, piece: &str) -> Result<Tenant, ScopeFault> {
    name(whole, ScopePart::Tenant, at, piece)?;
    Tenant::new(piece).map_err(|_| ScopeFault::Character {
        seen: excerpt(whole),
        part: ScopePart::Tenant,
        at,
        found: excerpt(piece),
    })
}

fn check_resource(whole: &str, mut at: usize, resource: &str) -> Result<(), ScopeFault> {
    let mut segments = 0;
    for piece in resource.split('/') {
        segment(whole, at, piece)?;
        at += piece.len() + 1;
        segments += 1;
    }
    if segments > MAX_SEGMENTS {
        return Err(ScopeFault::TooManySegments { seen: excerpt(whole), segments });
    }
    Ok(())
}

/// A character that stands for itself in a resource. Its encoded form is a second spelling.
fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~' | b'@')
}

fn segment(whole: &str, at: usize, piece: &str) -> Result<(), ScopeFault> {
    if matches!(piece, "." | "..") {
        return Err(ScopeFault::DotSegment { seen: excerpt(whole), at });
    }
    let mut length = 0;
    let mut bytes = piece.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        length += 1;
        if plain(byte) {
            continue;
        }
        if byte != b'%' {
            return Err(fault::stray(whole, ScopePart::Resource, at + place));
        }
        let mut digit = || bytes.next().and_then(|(_, byte)| upper_hex(byte));
        let code = digit().zip(digit()).map(|(high, low)| high << 4 | low);
        if code.is_none_or(plain) {
            return Err(ScopeFault::Encoding { seen: excerpt(whole), at: at + place });
        }
    }
    match length {
        0 => Err(fault::stray(whole, ScopePart::Resource, at)),
        1..=MAX_SEGMENT => Ok(()),
        _ => {
            let part = ScopePart::Resource;
            Err(ScopeFault::PartTooLong { seen: excerpt(whole), part, at, length })
        }
    }
}

fn upper_hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl FromStr for Scope {
    type Err = ScopeFault;
    fn from_str(text: &str) -> Result<Self, ScopeFault> {
        Self::parse(text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:?})", &*self.text)
    }
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
