//! The protected header of a compact JWS (RFC 7515 §4.1), read in one pass.
//!
//! `jku`, `x5u`, `jwk` and `x5c` are never looked at: a token does not get to choose the key that judges
//! it (RFC 8725 §3.10). Other unknown members are ignored, as the RFC demands, but must be unique.

use crate::{
    Alg,
    json::{self, JsonFault, Name, Names, RefChecks, Unique},
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::{cell::RefCell, fmt, rc::Rc};

/// What a verifier may know about a token before it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The signature algorithm. Never `none`.
    pub alg: Alg,
    /// Which key, if the issuer says so. Attacker's input: compare it, never build a path or query of it.
    pub kid: Option<String>,
    /// The media type, as written.
    pub typ: Option<String>,
    /// The extensions that the issuer demands; never empty. [`super::Compact::verify`] understands none.
    pub crit: Option<Vec<String>>,
    /// RFC 7797. [`super::Compact::verify`] refuses a token that carries it.
    pub b64: Option<bool>,
}

/// The header is not one that a token may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Not a JSON object of unique members.
    #[error("the header is refused: {0}")]
    Json(#[from] JsonFault),
    /// No `alg`.
    #[error("the header has no \"alg\"")]
    NoAlg,
    /// `none`, in any case: the token is not signed.
    #[error("\"alg\" is \"none\": the token is not signed")]
    None,
    /// Not a signature algorithm that we support.
    #[error("\"alg\" is {seen}, which is not a supported signature algorithm")]
    Alg {
        /// What it is, shortened.
        seen: String,
    },
    /// A member has the wrong type.
    #[error("the header member \"{name}\" must be {expected}")]
    Type {
        /// The member.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// `crit` is empty or names something twice (RFC 7515 §4.1.11).
    #[error("\"crit\" must be a non-empty list of distinct names")]
    Crit,
    /// `crit` names something that it must not: unknown here, absent, or not an extension at all.
    #[error("\"crit\" names \"{name}\", which {why}")]
    Critical {
        /// What it names, shortened.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A member that must be integrity protected is not (RFC 7515 §4.1.11, RFC 7516 §4.1.3, RFC 7797 §3).
    #[error("\"{0}\" must be in the protected header")]
    Unprotected(&'static str),
    /// A member is needed and absent.
    #[error("the header has no \"{0}\"")]
    Missing(&'static str),
    /// Protected, shared and per-recipient headers must not overlap (RFC 7515 §7.2.1, RFC 7516 §7.2.1).
    #[error("the header member \"{0}\" occurs in more than one header")]
    Overlap(String),
    /// A member is not canonical base64url.
    #[error("the header member \"{name}\" is not base64url: {fault}")]
    Base64 {
        /// The member.
        name: &'static str,
        /// What is wrong.
        fault: crate::b64::B64Fault,
    },
}

impl Header {
    /// Parses the decoded header bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderFault> {
        if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
            return Err(json::object(bytes).err().unwrap_or(JsonFault::NotAnObject).into());
        }
        let fault = Rc::new(RefCell::new(None));
        let read = json::read(bytes, |checks| Seed { checks, fault: fault.clone() });
        match (fault.take(), read) {
            (Some(fault), _) => Err(fault),
            (None, Err(fault)) => Err(fault.into()),
            (None, Ok(members)) => members.judge(),
        }
    }
}

#[derive(Default)]
struct Members {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Vec<String>>,
    b64: Option<bool>,
}

impl Members {
    fn judge(self) -> Result<Header, HeaderFault> {
        let alg = algorithm(&self.alg.ok_or(HeaderFault::NoAlg)?)?;
        if let Some(crit) = &self.crit {
            distinct(crit)?;
        }
        Ok(Header { alg, kid: self.kid, typ: self.typ, crit: self.crit, b64: self.b64 })
    }
}

/// `none` deserves an answer of its own.
pub(crate) fn algorithm(name: &str) -> Result<Alg, HeaderFault> {
    name.parse().map_err(|_| {
        if name.eq_ignore_ascii_case("none") {
            HeaderFault::None
        } else {
            HeaderFault::Alg { seen: format!("\"{}\"", crate::seen(name)) }
        }
    })
}

/// RFC 7515 §4.1.11: `crit` is never empty and repeats nothing.
pub(crate) fn distinct(crit: &[String]) -> Result<(), HeaderFault> {
    let repeats = crit.iter().enumerate().any(|(i, name)| crit.iter().take(i).any(|n| n == name));
    if crit.is_empty() || repeats { Err(HeaderFault::Crit) } else { Ok(()) }
}

struct Seed {
    checks: RefChecks,
    fault: Rc<RefCell<Option<HeaderFault>>>,
}

impl Seed {
    fn member<'de, T, A>(
        &self,
        members: &mut A,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, A::Error>
    where
        T: serde::Deserialize<'de>,
        A: MapAccess<'de>,
    {
        members.next_value().inspect_err(|error: &A::Error| {
            // A syntax error inside the value is reported as such; only a well-formed value of
            // another type is a type error.
            if error.to_string().starts_with("invalid type") {
                self.fault.replace(Some(HeaderFault::Type { name, expected }));
            }
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Members;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        const STRING: &str = "a string";
        let mut header = Members::default();
        let mut names = Names::default();
        while let Some(name) = members.next_key_seed(Name)? {
            if !names.insert(name.clone()) {
                let name = crate::seen(&name);
                return Err(self.checks.refuse(JsonFault::Duplicate { name }));
            }
            match &*name {
                "alg" => header.alg = Some(self.member(&mut members, "alg", STRING)?),
                "kid" => header.kid = Some(self.member(&mut members, "kid", STRING)?),
                "typ" => header.typ = Some(self.member(&mut members, "typ", STRING)?),
                "crit" => {
                    header.crit = Some(self.member(&mut members, "crit", "a list of names")?);
                }
                "b64" => header.b64 = Some(self.member(&mut members, "b64", "true or false")?),
                _ => members.next_value_seed(Unique { checks: self.checks.clone(), depth: 1 })?,
            }
        }
        Ok(header)
    }
}
