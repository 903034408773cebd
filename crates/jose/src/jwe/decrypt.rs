//! Decryption (RFC 7516 §5.2) with the caller's keys.

use super::{
    Encrypted, JweFault,
    alg::{Enc, KeyAlg},
    content, management,
    parse::Addressed,
    zip::{self, MAX_INFLATED, ZipFault},
};
use crate::{
    jwk::{Jwk, KeyFault, KeyRing},
    jws::{HeaderFault, Refusal},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What was encrypted, and how.
pub struct Decrypted {
    /// The plaintext.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The joined header of the recipient that we are. Only what was protected is vouched for, and that
    /// only by whoever knew the key.
    pub header: Map<String, Value>,
    /// How the content key came.
    pub alg: KeyAlg,
    /// How the content was encrypted.
    pub enc: Enc,
    /// The name of the key.
    pub kid: Option<String>,
}

/// Why one recipient's part cannot be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecryptFault {
    /// Its header is refused.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// An `alg` or `enc` that we do not support.
    #[error("\"{name}\" is \"{seen}\", which is not supported")]
    Unsupported {
        /// `alg`, `enc` or `zip`.
        name: &'static str,
        /// What it is, shortened.
        seen: String,
    },
    /// The caller does not accept the algorithm.
    #[error("the algorithm {alg} is not among those accepted: {accepted}")]
    NotAccepted {
        /// The header's.
        alg: KeyAlg,
        /// The caller's.
        accepted: String,
    },
    /// No key, or not one key, has the name.
    #[error(transparent)]
    Choice(#[from] Refusal),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// No key fits; why not, for each.
    #[error("no key can decrypt {alg}: {reasons}")]
    NoFit {
        /// The header's.
        alg: KeyAlg,
        /// Key by key.
        reasons: String,
    },
    /// There is an encrypted key where there must be none, or none where there must be one.
    #[error("with {alg} the encrypted key {problem}")]
    EncryptedKey {
        /// The header's.
        alg: KeyAlg,
        /// What is wrong.
        problem: &'static str,
    },
    /// The vector or the tag has the wrong length for `enc`.
    #[error("the {part} of {enc} is {expected} bytes long; this one has {seen}")]
    Length {
        /// Which part.
        part: &'static str,
        /// The header's.
        enc: Enc,
        /// In bytes.
        expected: usize,
        /// In bytes.
        seen: usize,
    },
    /// It does not decrypt; nothing more is said.
    #[error("it does not decrypt: it was made for another key, or it was changed")]
    Undecryptable,
    /// Authentic, but not what DEFLATE produces.
    #[error("the decrypted content is not valid DEFLATE data, although \"zip\" says so")]
    Zip,
    /// Authentic, but a bomb.
    #[error("the decrypted content inflates to more than {MAX_INFLATED} bytes")]
    Inflated,
}

impl Encrypted {
    /// Decrypts with the first key and recipient that fit. `accepted` limits the algorithms further;
    /// empty means every algorithm that a key is for.
    pub fn decrypt(&self, keys: &KeyRing, accepted: &[KeyAlg]) -> Result<Decrypted, JweFault> {
        let mut faults = Vec::new();
        for recipient in &self.recipients {
            match self.decrypt_for(recipient, keys, accepted) {
                Ok(decrypted) => return Ok(decrypted),
                Err(fault) => faults.push(fault),
            }
        }
        Err(JweFault::Refused(faults))
    }

    fn decrypt_for(
        &self,
        recipient: &Addressed,
        keys: &KeyRing,
        accepted: &[KeyAlg],
    ) -> Result<Decrypted, DecryptFault> {
        let (alg, enc) = self.algorithms(recipient, accepted)?;
        let mut reasons = Vec::new();
        let mut tried = None;
        let fits = |jwk: &Jwk| alg.fits(jwk, enc).is_ok();
        for jwk in keys.choose(recipient.params.text("kid")?, fits)? {
            match self.decrypt_with(jwk, alg, enc, recipient) {
                Ok(plaintext) => {
                    let plaintext = unzipped(recipient, plaintext)?;
                    let header = recipient.params.all().clone();
                    return Ok(Decrypted { plaintext, header, alg, enc, kid: jwk.kid.clone() });
                }
                Err(DecryptFault::Key(fault)) => {
                    reasons.push(keys.reason(jwk.kid.as_deref(), &fault));
                }
                Err(fault) => tried = Some(fault),
            }
        }
        Err(tried.unwrap_or_else(|| DecryptFault::NoFit { alg, reasons: keys.reasons(reasons) }))
    }

    fn decrypt_with(
        &self,
        jwk: &Jwk,
        alg: KeyAlg,
        enc: Enc,
        recipient: &Addressed,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptFault> {
        let key = management::receive(jwk, alg, enc, &recipient.params, &recipient.encrypted_key)?;
        content::open(enc, &key, &self.aad, &self.sealed).ok_or(DecryptFault::Undecryptable)
    }

    fn algorithms(
        &self,
        recipient: &Addressed,
        accepted: &[KeyAlg],
    ) -> Result<(KeyAlg, Enc), DecryptFault> {
        let params = &recipient.params;
        let unsupported =
            |name, seen: &str| DecryptFault::Unsupported { name, seen: crate::seen(seen) };
        let alg = params.text("alg")?.ok_or(HeaderFault::Missing("alg"))?;
        let alg: KeyAlg = alg.parse().map_err(|_| unsupported("alg", alg))?;
        let enc = params.text("enc")?.ok_or(HeaderFault::Missing("enc"))?;
        let enc: Enc = enc.parse().map_err(|_| unsupported("enc", enc))?;
        if let Some(zip) = params.text("zip")?.filter(|zip| *zip != "DEF") {
            return Err(unsupported("zip", zip));
        }
        if !accepted.is_empty() && !accepted.contains(&alg) {
            let accepted = accepted.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
            return Err(DecryptFault::NotAccepted { alg, accepted });
        }
        for (part, expected, seen) in [
            ("initialization vector", enc.iv_length(), self.sealed.iv.len()),
            ("tag", enc.tag_length(), self.sealed.tag.len()),
        ] {
            if expected != seen {
                return Err(DecryptFault::Length { part, enc, expected, seen });
            }
        }
        Ok((alg, enc))
    }
}

fn unzipped(
    recipient: &Addressed,
    plaintext: Zeroizing<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, DecryptFault> {
    if recipient.params.get("zip").is_none() {
        return Ok(plaintext);
    }
    zip::inflate(&plaintext).map_err(|fault| match fault {
        ZipFault::Corrupt => DecryptFault::Zip,
        ZipFault::TooLong => DecryptFault::Inflated,
    })
}
