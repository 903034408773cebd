//! A JWE in any serialization, taken apart (RFC 7516 §7).

use super::content::Sealed;
use crate::{
    MAX_MESSAGE,
    b64::{self, B64Fault},
    json::{self, JsonFault},
    jws::HeaderFault,
    params::{MemberFault, Members, Params, listed, object_member, protected, text_member},
};
use serde_json::Value;

/// A JWE may be for this many recipients.
pub const MAX_RECIPIENTS: usize = 16;

/// A JWE whose form is right.
pub struct Encrypted {
    pub(super) aad: Vec<u8>,
    pub(super) sealed: Sealed,
    pub(super) recipients: Vec<Addressed>,
}

/// One recipient's part.
pub(super) struct Addressed {
    pub(super) params: Params,
    pub(super) encrypted_key: Vec<u8>,
}

/// The text is not a JWE, or could not be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JweFault {
    /// Longer than [`MAX_MESSAGE`].
    #[error("the input is {length} bytes long; at most {MAX_MESSAGE} are accepted")]
    TooLong {
        /// In bytes.
        length: usize,
    },
    /// Three segments or a `payload`.
    #[error("this is a JWS (signed), not a JWE (encrypted)")]
    Signed,
    /// Not five segments.
    #[error("there are {seen} segment(s) separated by dots; a compact JWE has 5")]
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
        /// Which part.
        part: &'static str,
        /// What is wrong.
        fault: B64Fault,
    },
    /// A header is refused.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// More than [`MAX_RECIPIENTS`], or none.
    #[error("there are {seen} recipients; 1 to {MAX_RECIPIENTS} are accepted")]
    Count {
        /// How many there are.
        seen: usize,
    },
    /// No recipient's part could be decrypted; the reason for each, in order.
    #[error("{}", reasons(.0))]
    Refused(Vec<super::DecryptFault>),
}

impl From<MemberFault> for JweFault {
    fn from(MemberFault { name, problem }: MemberFault) -> Self {
        Self::Member { name, problem }
    }
}

fn reasons(faults: &[super::DecryptFault]) -> String {
    match faults {
        [one] => one.to_string(),
        many => {
            let list = many.iter().enumerate().map(|(i, r)| format!("recipient {}: {r}", i + 1));
            format!("no recipient's key decrypts it; {}", list.collect::<Vec<_>>().join("; "))
        }
    }
}

impl Encrypted {
    /// Takes the text apart: compact, flattened or general, whichever it is.
    pub fn parse(text: &str) -> Result<Self, JweFault> {
        if text.len() > MAX_MESSAGE {
            return Err(JweFault::TooLong { length: text.len() });
        }
        if text.starts_with('{') { Self::json(text) } else { Self::compact(text) }
    }

    fn compact(text: &str) -> Result<Self, JweFault> {
        let seen = text.bytes().filter(|b| *b == b'.').count() + 1;
        if seen != 5 {
            return Err(if seen == 3 { JweFault::Signed } else { JweFault::Segments { seen } });
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, encrypted_key, iv, ciphertext, tag] = parts.as_slice() else {
            return Err(JweFault::Segments { seen });
        };
        let params = Params::join(&protected(header)?, &[])?;
        checked(&params)?;
        let encrypted_key = decoded("encrypted key", encrypted_key)?;
        let sealed = Sealed {
            iv: decoded("initialization vector", iv)?,
            ciphertext: decoded("ciphertext", ciphertext)?,
            tag: decoded("tag", tag)?,
        };
        let recipients = vec![Addressed { params, encrypted_key }];
        Ok(Self { aad: header.as_bytes().to_vec(), sealed, recipients })
    }

    fn json(text: &str) -> Result<Self, JweFault> {
        let object = json::object(text.as_bytes())?;
        if !object.contains_key("ciphertext") && object.contains_key("payload") {
            return Err(JweFault::Signed);
        }
        let encoded = text_member(&object, "protected")?.unwrap_or_default();
        let shared = protected(encoded)?;
        let none = Members::new();
        let unprotected = object_member(&object, "unprotected")?.unwrap_or(&none);
        let list = recipients(&object)?;
        let mut addressed = Vec::new();
        for recipient in list {
            let own = object_member(recipient, "header")?.unwrap_or(&none);
            let params = Params::join(&shared, &[unprotected, own])?;
            checked(&params)?;
            let encrypted_key = text_member(recipient, "encrypted_key")?.unwrap_or_default();
            let encrypted_key = decoded("encrypted key", encrypted_key)?;
            addressed.push(Addressed { params, encrypted_key });
        }
        let mut aad = encoded.as_bytes().to_vec();
        if let Some(extra) = text_member(&object, "aad")? {
            decoded("aad", extra)?;
            aad.push(b'.');
            aad.extend_from_slice(extra.as_bytes());
        }
        let part = |name: &'static str| {
            let text = text_member(&object, name)?;
            decoded(name, text.ok_or(JweFault::Member { name, problem: "is missing" })?)
        };
        let sealed = Sealed { iv: part("iv")?, ciphertext: part("ciphertext")?, tag: part("tag")? };
        Ok(Self { aad, sealed, recipients: addressed })
    }

    /// The headers, joined, in order; unverified, for showing to a person.
    pub fn unverified_headers(&self) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
        self.recipients.iter().map(|recipient| recipient.params.all())
    }
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encrypted({} recipients)", self.recipients.len())
    }
}

fn recipients(object: &Members) -> Result<Vec<&Members>, JweFault> {
    let own = ["header", "encrypted_key"];
    let list = listed(object, "recipients", &own, "must not stand beside \"recipients\"")?;
    if list.is_empty() || list.len() > MAX_RECIPIENTS {
        return Err(JweFault::Count { seen: list.len() });
    }
    Ok(list)
}

/// RFC 7516 §4.1.13, §4.1.3: no extension is understood here; `zip` is protected.
fn checked(params: &Params) -> Result<(), HeaderFault> {
    params.critical(&[])?;
    params.only_protected("zip").map(|_| ())
}

fn decoded(part: &'static str, text: &str) -> Result<Vec<u8>, JweFault> {
    b64::decode(text).map_err(|fault| JweFault::Base64 { part, fault })
}
