//! A JWS in any serialization, taken apart (RFC 7515 §7, RFC 7797 §5).

use super::HeaderFault;
use crate::{
    MAX_MESSAGE,
    b64::{self, B64Fault},
    json::{self, JsonFault},
    params::{MemberFault, Members, Params, listed, object_member, protected, text_member},
};
use serde_json::Value;

/// A JWS may carry this many signatures.
pub const MAX_SIGNATURES: usize = 16;

/// A JWS whose form is right.
pub struct Signed {
    pub(super) payload: Option<String>,
    pub(super) encoding: Encoding,
    pub(super) signatures: Vec<Entry>,
}

/// How the payload is written (RFC 7797 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Base64,
    Plain,
}

/// One signature with its header.
pub(super) struct Entry {
    pub(super) encoded: String,
    pub(super) params: Params,
    pub(super) signature: Vec<u8>,
}

/// The text is not a JWS, or nothing in it could be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsFault {
    /// Longer than [`MAX_MESSAGE`].
    #[error("the input is {length} bytes long; at most {MAX_MESSAGE} are accepted")]
    TooLong {
        /// In bytes.
        length: usize,
    },
    /// Five segments or a `ciphertext`.
    #[error("this is a JWE (encrypted), not a JWS (signed)")]
    Encrypted,
    /// Not three segments.
    #[error("there are {seen} segment(s) separated by dots; a compact JWS has 3")]
    Segments {
        /// How many there are.
        seen: usize,
    },
    /// Not JSON as we read it.
    #[error("the JSON is refused: {0}")]
    Json(#[from] JsonFault),
    /// A member of the JSON serialization is missing, of the wrong type, or in the wrong company.
    #[error("\"{name}\" {problem}")]
    Member {
        /// The member.
        name: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// Not canonical base64url.
    #[error("the {part} is not base64url: {fault}")]
    Base64 {
        /// `payload` or `signature`.
        part: &'static str,
        /// What is wrong.
        fault: B64Fault,
    },
    /// A header is refused.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// More than [`MAX_SIGNATURES`], or none.
    #[error("there are {seen} signatures; 1 to {MAX_SIGNATURES} are accepted")]
    Count {
        /// How many there are.
        seen: usize,
    },
    /// The payload is detached and was not given.
    #[error("the payload is detached: it must be given separately")]
    Detached,
    /// The payload is in the JWS and was given as well.
    #[error("the JWS carries its payload; a detached one must not be given too")]
    NotDetached,
    /// No signature could be verified; the reason for each, in order.
    #[error("{}", reasons(.0))]
    Refused(Vec<super::Refusal>),
}

impl From<MemberFault> for JwsFault {
    fn from(MemberFault { name, problem }: MemberFault) -> Self {
        Self::Member { name, problem }
    }
}

fn reasons(refusals: &[super::Refusal]) -> String {
    match refusals {
        [one] => one.to_string(),
        many => {
            let list = many.iter().enumerate().map(|(i, r)| format!("signature {}: {r}", i + 1));
            format!("no signature could be verified; {}", list.collect::<Vec<_>>().join("; "))
        }
    }
}

impl Signed {
    /// Takes the text apart: compact, flattened or general, whichever it is.
    pub fn parse(text: &str) -> Result<Self, JwsFault> {
        if text.len() > MAX_MESSAGE {
            return Err(JwsFault::TooLong { length: text.len() });
        }
        if text.starts_with('{') { Self::json(text) } else { Self::compact(text) }
    }

    fn compact(text: &str) -> Result<Self, JwsFault> {
        let seen = text.bytes().filter(|b| *b == b'.').count() + 1;
        let parts = text.split_once('.').and_then(|(header, rest)| {
            rest.rsplit_once('.').map(|(payload, signature)| (header, payload, signature))
        });
        let Some((header, payload, signature)) = parts.filter(|_| seen == 3) else {
            return Err(if seen == 5 { JwsFault::Encrypted } else { JwsFault::Segments { seen } });
        };
        let params = Params::join(&protected(header)?, &[])?;
        let encoding = encoding(&params)?;
        // An empty segment may be a detached payload or an empty one; the caller knows which.
        let payload = Some(payload.to_owned());
        let entry = Entry { encoded: header.to_owned(), params, signature: decoded(signature)? };
        Self { payload, encoding, signatures: vec![entry] }.checked()
    }

    fn json(text: &str) -> Result<Self, JwsFault> {
        let object = json::object(text.as_bytes())?;
        if object.contains_key("ciphertext") {
            return Err(JwsFault::Encrypted);
        }
        let payload = text_member(&object, "payload")?.map(str::to_owned);
        let own = ["signature", "protected", "header"];
        let list = listed(&object, "signatures", &own, "must not stand beside \"signatures\"")?;
        if list.is_empty() || list.len() > MAX_SIGNATURES {
            return Err(JwsFault::Count { seen: list.len() });
        }
        let signatures: Vec<Entry> = list.into_iter().map(entry).collect::<Result<_, _>>()?;
        let mut encodings = signatures.iter().map(|entry| encoding(&entry.params));
        let encoding = encodings.next().unwrap_or(Ok(Encoding::Base64))?;
        for other in encodings {
            if other? != encoding {
                // RFC 7797 §3: one payload, one encoding.
                return Err(JwsFault::Member {
                    name: "b64",
                    problem: "must be the same everywhere",
                });
            }
        }
        Self { payload, encoding, signatures }.checked()
    }

    fn checked(self) -> Result<Self, JwsFault> {
        if self.encoding == Encoding::Base64
            && let Some(payload) = &self.payload
        {
            b64::decode(payload).map_err(|fault| JwsFault::Base64 { part: "payload", fault })?;
        }
        Ok(self)
    }

    /// The headers, joined, in order; unverified, for showing to a person.
    pub fn unverified_headers(&self) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
        self.signatures.iter().map(|entry| entry.params.all())
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signed({} signatures)", self.signatures.len())
    }
}

fn entry(members: &Members) -> Result<Entry, JwsFault> {
    let encoded = text_member(members, "protected")?.unwrap_or_default();
    let none = Members::new();
    let header = object_member(members, "header")?.unwrap_or(&none);
    let signature = text_member(members, "signature")?
        .ok_or(JwsFault::Member { name: "signature", problem: "is missing" })?;
    let params = Params::join(&protected(encoded)?, &[header])?;
    Ok(Entry { encoded: encoded.to_owned(), params, signature: decoded(signature)? })
}

fn decoded(signature: &str) -> Result<Vec<u8>, JwsFault> {
    b64::decode(signature).map_err(|fault| JwsFault::Base64 { part: "signature", fault })
}

/// RFC 7797 §3, §6: `b64` is protected, and `false` only counts if `crit` names it.
fn encoding(params: &Params) -> Result<Encoding, HeaderFault> {
    let critical = params.critical(&["b64"])?;
    match params.only_protected("b64")? {
        None | Some(Value::Bool(true)) => Ok(Encoding::Base64),
        Some(Value::Bool(false)) if critical.iter().any(|name| name == "b64") => {
            Ok(Encoding::Plain)
        }
        Some(Value::Bool(false)) => {
            Err(HeaderFault::Type { name: "b64", expected: "named in \"crit\" if it is false" })
        }
        Some(_) => Err(HeaderFault::Type { name: "b64", expected: "true or false" }),
    }
}
