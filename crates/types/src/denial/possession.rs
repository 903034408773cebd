//! What can be wrong with a proof of possession (RFC 9449, RFC 8705): the DPoP proof itself, and how it
//! goes with the token.

use super::{
    cut,
    remedy::{Fixer, Remedy},
};
use crate::{Thumbprint, Timestamp, Ttl};
use serde::{Deserialize, Serialize};

/// Why a DPoP proof is refused (RFC 9449 §4.3).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum DpopFault {
    /// There is none.
    Missing,
    /// More than one `DPoP` header.
    Many { found: usize },
    /// Larger than any proof needs to be.
    TooLong { bytes: usize, limit: usize },
    /// No compact JWS, or its header or its claims are no JSON object of unique members.
    Malformed { problem: String },
    /// `typ` is not `dpop+jwt`.
    Type { found: Option<String> },
    /// `alg` is missing, `none`, symmetric, or not one that is accepted.
    Algorithm { found: Option<String>, accepted: Vec<String> },
    /// `jwk` is missing, or no public key for that algorithm.
    Key { problem: String },
    /// `jwk` holds the private half: the key is no secret any more.
    PrivateKey,
    /// The signature was not made by the key in `jwk`.
    Signature,
    /// A claim is missing or of the wrong shape; `expected` says which is right.
    Claim { claim: String, expected: String },
    /// `htm` is another method than the request's.
    Method { found: String, expected: String },
    /// `htu` is another URL than the request's.
    Url { found: String, expected: String },
    /// `iat` is too long ago.
    TooOld { iat: Timestamp, now: Timestamp, limit: Ttl },
    /// `iat` lies in the future.
    FromFuture { iat: Timestamp, now: Timestamp, limit: Ttl },
    /// `ath` is the hash of another access token.
    OtherToken,
    /// A nonce of ours is needed, and there is none (RFC 9449 §8, §9).
    NoNonce,
    /// The nonce is none of ours, or too old.
    StaleNonce,
    /// It was used before.
    Replayed { jti: String },
}

/// How a token is bound, and how it was shown (RFC 9449 §7, RFC 8705 §3, RFC 7800 §3.1).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum HolderFault {
    /// `cnf` names only what nobody here can check.
    UnknownBinding { members: Vec<String> },
    /// A token bound to a DPoP key, shown as `Bearer`.
    Downgraded { bound_to: Thumbprint },
    /// Shown as `DPoP`, and bound to no key.
    Unbound,
    /// The proof was made by another key than the token is bound to.
    OtherKey { found: Thumbprint, bound_to: Thumbprint },
    /// Bound to a TLS client certificate, and the connection has none.
    NoCertificate { bound_to: Thumbprint },
    /// Bound to another TLS client certificate.
    OtherCertificate { found: Thumbprint, bound_to: Thumbprint },
    /// Only tokens bound to a DPoP key are accepted here.
    KeyDemanded,
    /// Only tokens bound to a TLS client certificate are accepted here.
    CertificateDemanded,
}

impl DpopFault {
    /// Whether a fresh nonce of ours would mend it: then the error is `use_dpop_nonce`.
    pub const fn wants_nonce(&self) -> bool {
        matches!(self, Self::NoNonce | Self::StaleNonce)
    }

    /// The `error` of RFC 9449 §5, §8 and §12.2.
    pub const fn error(&self) -> &'static str {
        if self.wants_nonce() { "use_dpop_nonce" } else { "invalid_dpop_proof" }
    }

    /// What would have passed.
    pub fn expected(&self) -> String {
        match self {
            Self::Missing => "a DPoP header with a proof made for this request".into(),
            Self::Many { .. } => "one DPoP header".into(),
            Self::TooLong { limit, .. } => format!("a proof of at most {limit} bytes"),
            Self::Malformed { .. } => "a signed JWT (header.payload.signature)".into(),
            Self::Type { .. } => "typ dpop+jwt".into(),
            Self::Algorithm { accepted, .. } => format!("alg {}", accepted.join(" or ")),
            Self::Key { .. } => "the public key as jwk in the proof's header".into(),
            Self::PrivateKey => "the public half of the key alone as jwk".into(),
            Self::Signature => "a signature by the key in jwk".into(),
            Self::Claim { claim, expected } => format!("{claim}: {expected}"),
            Self::Method { expected, .. } => format!("htm {}", cut(expected)),
            Self::Url { expected, .. } => format!("htu {}", cut(expected)),
            Self::TooOld { now, limit, .. } => format!("iat at most {limit} before {now}"),
            Self::FromFuture { now, limit, .. } => format!("iat at most {limit} after {now}"),
            Self::OtherToken => "ath: the base64url SHA-256 of the access token".into(),
            Self::NoNonce | Self::StaleNonce => "the nonce of our last DPoP-Nonce header".into(),
            Self::Replayed { .. } => "a jti that was never used".into(),
        }
    }

    /// What was there instead.
    pub fn found(&self) -> String {
        match self {
            Self::Missing => "no DPoP header".into(),
            Self::Many { found } => format!("{found} of them"),
            Self::TooLong { bytes, .. } => format!("{bytes} bytes"),
            Self::Malformed { problem } | Self::Key { problem } => cut(problem),
            Self::Type { found: Some(typ) } => format!("typ {}", cut(typ)),
            Self::Type { found: None } => "no typ".into(),
            Self::Algorithm { found: Some(alg), .. } => format!("alg {}", cut(alg)),
            Self::Algorithm { found: None, .. } => "no alg".into(),
            Self::PrivateKey => "the private half as well".into(),
            Self::Signature => "a signature that does not verify".into(),
            Self::Claim { .. } => "none, or another type".into(),
            Self::Method { found, .. } => format!("htm {}", cut(found)),
            Self::Url { found, .. } => format!("htu {}", cut(found)),
            Self::TooOld { iat, .. } | Self::FromFuture { iat, .. } => format!("iat {iat}"),
            Self::OtherToken => "the hash of another token".into(),
            Self::NoNonce => "no nonce".into(),
            Self::StaleNonce => "another nonce, or one that is too old".into(),
            Self::Replayed { jti } => format!("jti {}, used before", cut(jti)),
        }
    }

    /// The smallest change.
    pub fn remedy(&self) -> Remedy {
        let change = match self {
            Self::Missing | Self::Malformed { .. } | Self::TooLong { .. } => {
                "Send a DPoP header with a proof made for this request (RFC 9449 §4.2).".into()
            }
            Self::Many { .. } => "Send one DPoP header.".into(),
            Self::Type { .. } => "Set typ to dpop+jwt in the proof's header.".into(),
            Self::Algorithm { accepted, .. } => {
                format!("Sign proofs with {}.", accepted.join(" or "))
            }
            Self::Key { .. } => "Put the public key as jwk into the proof's header.".into(),
            Self::PrivateKey => {
                "Make a new key, keep its private half to yourself, and get a new token for it."
                    .into()
            }
            Self::Signature => {
                "Sign the proof with the key that its jwk is the public half of.".into()
            }
            Self::Claim { claim, expected } => format!("Set {claim} in the proof: {expected}."),
            Self::Method { .. } | Self::Url { .. } => {
                "Make a proof for the very method and URL of the request.".into()
            }
            Self::TooOld { .. } | Self::FromFuture { .. } => {
                "Make a new proof for every request, by a clock that is right.".into()
            }
            Self::OtherToken => {
                "Set ath to the base64url SHA-256 of the access token that is sent along.".into()
            }
            Self::NoNonce | Self::StaleNonce => {
                "Make the proof again with the nonce of this answer's DPoP-Nonce header.".into()
            }
            Self::Replayed { .. } => "Make a new proof, with a new jti, for every request.".into(),
        };
        Remedy { change, by: Fixer::Caller }
    }
}

impl HolderFault {
    pub(super) fn expected(&self) -> String {
        match self {
            Self::UnknownBinding { .. } => "cnf with jkt or x5t#S256".into(),
            Self::Downgraded { .. } => {
                "Authorization: DPoP, with a proof of the token's key".into()
            }
            Self::Unbound => "a token that is bound to a key (cnf.jkt)".into(),
            Self::OtherKey { bound_to, .. } => format!("a proof by the key {bound_to}"),
            Self::NoCertificate { bound_to } | Self::OtherCertificate { bound_to, .. } => {
                format!("the client certificate {bound_to}")
            }
            Self::KeyDemanded => "a token bound to a DPoP key (cnf.jkt)".into(),
            Self::CertificateDemanded => {
                "a token bound to a client certificate (cnf.x5t#S256)".into()
            }
        }
    }

    pub(super) fn found(&self) -> String {
        match self {
            Self::UnknownBinding { members } if members.is_empty() => "an empty cnf".into(),
            Self::UnknownBinding { members } => format!("cnf with {}", cut(&members.join(", "))),
            Self::Downgraded { bound_to } => format!("Bearer, though bound to the key {bound_to}"),
            Self::Unbound => "DPoP, with a token that is bound to no key".into(),
            Self::OtherKey { found, .. } => format!("a proof by the key {found}"),
            Self::NoCertificate { .. } => "a connection without client certificate".into(),
            Self::OtherCertificate { found, .. } => format!("the client certificate {found}"),
            Self::KeyDemanded | Self::CertificateDemanded => "a token that is not".into(),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        let (by, change) = match self {
            Self::UnknownBinding { .. } => (
                Fixer::Issuer,
                "Bind tokens to a DPoP key (cnf.jkt) or a certificate (cnf.x5t#S256), or to nothing.",
            ),
            Self::Downgraded { .. } => (
                Fixer::Caller,
                "Send the token as 'Authorization: DPoP TOKEN', with a proof of its key in the DPoP \
                 header.",
            ),
            Self::Unbound => (
                Fixer::Caller,
                "Send a proof when asking for the token, so that it is bound to the key; or send the \
                 token as Bearer, where that is accepted.",
            ),
            Self::OtherKey { .. } => {
                (Fixer::Caller, "Make the proof with the key that the token was issued to.")
            }
            Self::NoCertificate { .. } | Self::OtherCertificate { .. } => {
                (Fixer::Caller, "Connect with the client certificate that the token was issued to.")
            }
            Self::KeyDemanded => (
                Fixer::Caller,
                "Get a token with a DPoP proof, and send it as 'Authorization: DPoP TOKEN' with a \
                 proof for each request.",
            ),
            Self::CertificateDemanded => (
                Fixer::Caller,
                "Get a token over a connection with a client certificate, and use both together.",
            ),
        };
        Remedy { change: change.into(), by }
    }
}
