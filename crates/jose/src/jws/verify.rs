//! Whose signature is it? Chooses among the caller's keys, never among the token's (RFC 7515 §5.2).

use super::{
    HeaderFault, JwsFault, MacKey, SignatureFault, Signed, algorithm,
    parse::{Encoding, Entry},
};
use crate::{
    Alg, b64,
    jwk::{Jwk, KeyFault, KeyRing, Material, PublicKey, Purpose},
};
use serde_json::{Map, Value};

/// A key that checks signatures or MACs of one algorithm.
#[derive(Debug, Clone)]
pub enum VerifyingKey {
    /// A public key.
    Public(PublicKey),
    /// A shared secret.
    Mac(Box<MacKey>),
}

impl VerifyingKey {
    /// Makes a key ready to check `alg`. Refuses any other use than the key itself allows.
    pub fn from_jwk(jwk: &Jwk, alg: Alg) -> Result<Self, KeyFault> {
        match jwk.material {
            Material::Oct(_) => MacKey::from_jwk(jwk, Some(alg), Purpose::Verify)
                .map(|key| Self::Mac(Box::new(key))),
            _ => PublicKey::from_jwk(jwk, Some(alg)).map(Self::Public),
        }
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        match self {
            Self::Public(key) => key.check(message, signature),
            Self::Mac(key) => key.check(message, signature),
        }
    }
}

/// Where the payload is.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// In the JWS.
    Attached,
    /// Elsewhere (RFC 7515 appendix F): here it is.
    Detached(&'a [u8]),
}

/// A payload whose signature was verified, and what was signed with it.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The payload.
    pub payload: Vec<u8>,
    /// The joined header of the signature that was verified. Only what was protected is vouched for.
    pub header: Map<String, Value>,
    /// The algorithm.
    pub alg: Alg,
    /// The name of the key that verified it.
    pub kid: Option<String>,
}

/// Why one signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its header is refused.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// The caller does not accept the algorithm.
    #[error("the algorithm {alg} is not among those accepted: {accepted}")]
    NotAccepted {
        /// The header's.
        alg: Alg,
        /// The caller's.
        accepted: String,
    },
    /// No key has that name.
    #[error("there is no key with kid \"{kid}\"; there are: {known}")]
    NoKey {
        /// The header's, shortened.
        kid: String,
        /// The names there are.
        known: String,
    },
    /// The key of that name cannot be used.
    #[error("the key with kid \"{kid}\" cannot be used: {reason}")]
    Unusable {
        /// The header's, shortened.
        kid: String,
        /// Why.
        reason: KeyFault,
    },
    /// Two keys have that name: the signature would be judged by whichever comes first.
    #[error("more than one key has the kid \"{kid}\"; remove one")]
    Ambiguous {
        /// The header's, shortened.
        kid: String,
    },
    /// No key can check this algorithm; why not, for each.
    #[error("no key can verify {alg}: {reasons}")]
    NoFit {
        /// The header's.
        alg: Alg,
        /// Key by key.
        reasons: String,
    },
    /// A key fits and says no.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
}

impl Signed {
    /// Verifies with any of the keys. One good signature suffices; [`Verified`] says which.
    ///
    /// `accepted` limits the algorithms further; empty means every algorithm that a key is for.
    pub fn verify(
        &self,
        keys: &KeyRing,
        accepted: &[Alg],
        content: Content<'_>,
    ) -> Result<Verified, JwsFault> {
        let (signed_form, payload) = self.payload(content)?;
        let mut refusals = Vec::new();
        for entry in &self.signatures {
            match entry.verify(keys, accepted, &signed_form) {
                Ok((alg, kid)) => {
                    let header = entry.params.all().clone();
                    return Ok(Verified { payload, header, alg, kid });
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(JwsFault::Refused(refusals))
    }

    /// The payload as it was signed, and as it is.
    fn payload(&self, content: Content<'_>) -> Result<(Vec<u8>, Vec<u8>), JwsFault> {
        let attached = self.payload.as_deref();
        let bytes = match (content, attached) {
            (Content::Attached, None) => return Err(JwsFault::Detached),
            (Content::Attached, Some(text)) => match self.encoding {
                Encoding::Base64 => b64::decode(text)
                    .map_err(|fault| JwsFault::Base64 { part: "payload", fault })?,
                Encoding::Plain => text.as_bytes().to_vec(),
            },
            (Content::Detached(_), Some(text)) if !text.is_empty() => {
                return Err(JwsFault::NotDetached);
            }
            (Content::Detached(bytes), _) => bytes.to_vec(),
        };
        let signed_form = match self.encoding {
            Encoding::Base64 => b64::encode(&bytes).into_bytes(),
            Encoding::Plain => bytes.clone(),
        };
        Ok((signed_form, bytes))
    }
}

impl Entry {
    fn verify(
        &self,
        keys: &KeyRing,
        accepted: &[Alg],
        payload: &[u8],
    ) -> Result<(Alg, Option<String>), Refusal> {
        let alg = algorithm(self.params.text("alg")?.ok_or(HeaderFault::NoAlg)?)?;
        if !accepted.is_empty() && !accepted.iter().any(|a| a.is(alg)) {
            let accepted = accepted.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
            return Err(Refusal::NotAccepted { alg, accepted });
        }
        let message = [self.encoded.as_bytes(), b".", payload].concat();
        let mut verdict = None;
        let mut reasons = Vec::new();
        let fits = |jwk: &Jwk| jwk.signature_alg(Some(alg)).is_ok();
        for jwk in keys.choose(self.params.text("kid")?, fits)? {
            let key = keys.fit(jwk, alg).and_then(|()| VerifyingKey::from_jwk(jwk, alg));
            match key.map(|key| key.check(&message, &self.signature)) {
                Ok(Ok(())) => return Ok((alg, jwk.kid.clone())),
                Ok(Err(fault)) => verdict = Some(fault),
                Err(fault) => reasons.push(keys.reason(jwk.kid.as_deref(), &fault)),
            }
        }
        let no_fit = || Refusal::NoFit { alg, reasons: keys.reasons(reasons) };
        Err(verdict.map_or_else(no_fit, Refusal::Signature))
    }
}
