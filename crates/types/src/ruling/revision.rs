//! What a set of policies is called by.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, str::FromStr};

/// What the policies that decided are called by: SHA-256 over their files, printed as `sha256:` and 64 hex
/// digits, of which [`Revision::short`] has 12; or what a policy server elsewhere calls them, behind `opa:`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(Name);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name {
    Files([u8; 32]),
    /// ASCII without spaces, and zeros behind it.
    Server([u8; MAX_SERVER]),
}

/// Characters of a server's name that are kept: as many as a SHA-256 has in hex.
const MAX_SERVER: usize = 64;

const FILES: &str = "sha256:";
const SERVER: &str = "opa:";

/// What a server's policies are called that have no name.
const UNNAMED: &str = "unnamed";

impl Revision {
    /// Of files with this hash.
    pub const fn of_files(hash: [u8; 32]) -> Self {
        Self(Name::Files(hash))
    }

    /// Of policies that a server elsewhere holds, and calls so. The first 64 visible ASCII characters count;
    /// without any it is `opa:unnamed`.
    pub fn of_server(name: &str) -> Self {
        let mut kept = [0; MAX_SERVER];
        let visible = name.bytes().filter(u8::is_ascii_graphic);
        let is_named = kept.iter_mut().zip(visible).map(|(to, from)| *to = from).count() > 0;
        if is_named { Self(Name::Server(kept)) } else { Self::of_server(UNNAMED) }
    }

    /// `sha256:` and 12 hex digits, or the first 12 characters of a server's name.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        let prefix = match self.0 {
            Name::Files(_) => FILES,
            Name::Server(_) => SERVER,
        };
        text.truncate(prefix.len() + 12);
        text
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Files(hash) => {
                let mut digits = [0; 64];
                HEXLOWER.encode_mut(hash, &mut digits);
                write!(f, "{FILES}{}", std::str::from_utf8(&digits).unwrap_or_default())
            }
            Name::Server(name) => {
                let name = std::str::from_utf8(name).unwrap_or_default();
                write!(f, "{SERVER}{}", name.trim_end_matches('\0'))
            }
        }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A text that is no revision.
#[derive(Debug, thiserror::Error)]
#[error(
    "a revision is 'sha256:' and 64 lower-case hex digits, or 'opa:' and what a policy server says"
)]
pub struct NoRevision;

impl FromStr for Revision {
    type Err = NoRevision;
    fn from_str(text: &str) -> Result<Self, NoRevision> {
        if let Some(name) = text.strip_prefix(SERVER) {
            let is_one =
                name.len() <= MAX_SERVER && name.bytes().all(|byte| byte.is_ascii_graphic());
            return if is_one && !name.is_empty() {
                Ok(Self::of_server(name))
            } else {
                Err(NoRevision)
            };
        }
        let digits = text.strip_prefix(FILES).ok_or(NoRevision)?;
        let bytes = HEXLOWER.decode(digits.as_bytes()).map_err(|_| NoRevision)?;
        bytes.try_into().map(Self::of_files).map_err(|_| NoRevision)
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let Name::Files(hash) = &self.0 else { return sink.collect_str(self) };
        // In every record of a gateway: without a formatter.
        let mut text = [0; FILES.len() + 64];
        let (prefix, digits) = text.split_at_mut(FILES.len());
        prefix.copy_from_slice(FILES.as_bytes());
        HEXLOWER.encode_mut(hash, digits);
        match std::str::from_utf8(&text) {
            Ok(text) => sink.serialize_str(text),
            Err(fault) => Err(serde::ser::Error::custom(fault)),
        }
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(source)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_read_as_it_is_printed() {
        let long = "x".repeat(80);
        for revision in [
            Revision::of_files([0xab; 32]),
            Revision::of_server("v1.2+3"),
            Revision::of_server(""),
            Revision::of_server("\u{0} two words\n"),
            Revision::of_server(&long),
        ] {
            assert_eq!(revision.to_string().parse::<Revision>().unwrap(), revision);
            let json = serde_json::to_string(&revision).unwrap();
            assert_eq!(serde_json::from_str::<Revision>(&json).unwrap(), revision);
            assert_eq!(json, format!("\"{revision}\""));
        }
        assert_eq!(Revision::of_server("").to_string(), "opa:unnamed");
        assert_eq!(Revision::of_server(" two words").to_string(), "opa:twowords");
        assert_eq!(Revision::of_files([0xab; 32]).short(), "sha256:abababababab");
        for bad in ["", "sha256:", "sha256:AB", "opa:", "opa:two words", &format!("opa:{long}")] {
            assert!(bad.parse::<Revision>().is_err(), "{bad}");
        }
    }
}
