//! The compact serialization (RFC 7515 §7.1), strictly: three segments, one spelling.

use super::header::{Header, HeaderFault};
use crate::{Alg, b64, b64::B64Fault, jwk::PublicKey};
use std::fmt;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// The longest header segment that is decoded, in characters.
pub const MAX_HEADER: usize = 4 * 1024;

/// A token whose form is right. What it says is still anyone's claim: see [`Compact::verify`].
pub struct Compact<'a> {
    header: Header,
    signing_input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The text is not a compact JWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_TOKEN`].
    #[error("the token is {length} bytes long; at most {MAX_TOKEN} are accepted")]
    TooLong {
        /// In bytes.
        length: usize,
    },
    /// Five segments: a JWE. An access token is never encrypted here, since a decrypted claim proves
    /// nothing about its author.
    #[error("the token has five segments: it is encrypted (a JWE), not signed")]
    Encrypted,
    /// Neither three nor five segments.
    #[error("the token has {seen} segment(s) separated by dots; a signed token has 3")]
    Segments {
        /// How many there are.
        seen: usize,
    },
    /// The header segment is longer than [`MAX_HEADER`].
    #[error("the header is {length} characters long; at most {MAX_HEADER} are accepted")]
    HeaderTooLong {
        /// In characters.
        length: usize,
    },
    /// A segment is not canonical base64url.
    #[error("the {segment} is not base64url: {fault}")]
    Base64 {
        /// `header`, `payload` or `signature`.
        segment: &'static str,
        /// What is wrong.
        fault: B64Fault,
    },
    /// The header is refused.
    #[error(transparent)]
    Header(#[from] HeaderFault),
}

/// The signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// The token names another algorithm than the key is bound to.
    #[error("the token is signed with {header}, but the key is for {key} only")]
    Alg {
        /// The header's.
        header: Alg,
        /// The key's.
        key: Alg,
    },
    /// The token demands an extension.
    #[error("the token demands the extension(s) {names}, which are not understood here")]
    Critical {
        /// What `crit` names, or `b64`.
        names: String,
    },
    /// The signature cannot have come from this algorithm.
    #[error("an {alg} signature is {expected} bytes long; this one has {seen}")]
    Length {
        /// The algorithm.
        alg: Alg,
        /// In bytes.
        expected: usize,
        /// In bytes.
        seen: usize,
    },
    /// The mathematics say no: another key, or altered content.
    #[error("the signature does not match: another key made it, or the content was changed")]
    Invalid,
}

impl<'a> Compact<'a> {
    /// Takes the text apart. Checks form only.
    pub fn parse(token: &'a str) -> Result<Self, Malformed> {
        if token.len() > MAX_TOKEN {
            return Err(Malformed::TooLong { length: token.len() });
        }
        let (signing_input, header, payload, signature) = segments(token)?;
        if header.len() > MAX_HEADER {
            return Err(Malformed::HeaderTooLong { length: header.len() });
        }
        Ok(Self {
            header: Header::parse(&segment("header", header)?)?,
            signing_input,
            payload: segment("payload", payload)?,
            signature: segment("signature", signature)?,
        })
    }

    /// The protected header, as the token claims it.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes that are signed: header and payload segments with their dot.
    pub const fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// The decoded signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// RFC 7515 §5.2 with a key that was chosen by the caller, not by the token.
    ///
    /// Refuses `crit` and `b64`, and an algorithm other than the key's. Checks no claim and no `typ`.
    pub fn verify(&self, key: &PublicKey) -> Result<Payload, SignatureFault> {
        if let Some(crit) = &self.header.crit {
            let names = crate::seen(&crit.join(", "));
            return Err(SignatureFault::Critical { names });
        }
        if self.header.b64.is_some() {
            return Err(SignatureFault::Critical { names: "b64".to_owned() });
        }
        if !self.header.alg.is(key.alg()) {
            return Err(SignatureFault::Alg { header: self.header.alg, key: key.alg() });
        }
        key.check(self.signing_input.as_bytes(), &self.signature)?;
        Ok(Payload(self.payload.clone()))
    }

    /// The payload before anyone has vouched for it. Only for choosing whose keys to try (`iss`) and for
    /// showing a token to a person; never for a decision.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compact").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Bytes whose signature was verified. Only [`Compact::verify`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

fn segments(token: &str) -> Result<(&str, &str, &str, &str), Malformed> {
    let count = || token.bytes().filter(|b| *b == b'.').count() + 1;
    let wrong = || match count() {
        5 => Malformed::Encrypted,
        seen => Malformed::Segments { seen },
    };
    let (signing_input, signature) = token.rsplit_once('.').ok_or_else(wrong)?;
    let (header, payload) = signing_input.split_once('.').ok_or_else(wrong)?;
    if payload.contains('.') {
        Err(wrong())
    } else {
        Ok((signing_input, header, payload, signature))
    }
}

fn segment(segment: &'static str, text: &str) -> Result<Vec<u8>, Malformed> {
    b64::decode(text).map_err(|fault| Malformed::Base64 { segment, fault })
}
