//! One proof: what it says, and whether it says it of this request (RFC 9449 §4.2, §4.3).

use super::{Htu, Nonces};
use crate::names_kind;
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use portcullis_jose::{
    Alg, b64,
    json::{self, JsonFault},
    jwk::{Jwk, PublicKey},
    jws::{Compact, HeaderFault, Malformed},
};
use portcullis_types::{DpopFault, Thumbprint, Timestamp, Ttl};
use serde_json::{Map, Value};

/// The algorithms that proofs may be signed with, for metadata and challenges too.
pub const ALGS: [Alg; 6] =
    [Alg::ES256, Alg::ES384, Alg::Ed25519, Alg::EdDSA, Alg::PS256, Alg::RS256];

/// The longest proof that is looked at, in bytes. An 8192-bit RSA key needs half of that.
pub const PROOF_LIMIT: usize = 8 * 1024;

/// For how long after its `iat` a proof is accepted.
pub(super) const PAST: Ttl = Ttl::LONGEST_PROOF;
/// By how much the sender's clock may be ahead.
const FUTURE: Ttl = Ttl::seconds(10);
/// The longest `jti`, in bytes: long enough for everybody, and it is only hashed.
const JTI_LIMIT: usize = 128;

/// The `DPoP` headers of a request.
#[derive(Clone, Copy, Debug, Default)]
pub enum Header<'a> {
    /// There is none.
    #[default]
    Absent,
    /// There is one, as it came.
    One(&'a [u8]),
    /// There are so many.
    Many(usize),
}

impl<'a> Header<'a> {
    /// Of the values of all `DPoP` headers.
    pub fn of(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.count()) {
            (None, _) => Self::Absent,
            (Some(one), 0) => Self::One(one),
            (Some(_), more) => Self::Many(more + 1),
        }
    }

    /// RFC 9449 §4.3, check 1: exactly one.
    pub fn only(self) -> Result<&'a str, DpopFault> {
        match self {
            Self::Absent => Err(DpopFault::Missing),
            Self::Many(found) => Err(DpopFault::Many { found }),
            Self::One(value) => std::str::from_utf8(value)
                .map_err(|_| DpopFault::Malformed { problem: "no text".into() }),
        }
    }
}

/// What a proof must be made for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The method of the request.
    pub htm: &'a str,
    /// Its URL.
    pub htu: Htu<'a>,
    /// The access token that it comes with; `None` at an authorization server, where none is shown.
    pub access_token: Option<&'a str>,
    /// Whether it must hold a nonce of ours.
    pub nonce: NonceRule<'a>,
    /// What it may be signed with: [`ALGS`], or fewer of them.
    pub algs: &'a [Alg],
}

/// Whether a nonce is needed (RFC 9449 §8, §9).
#[derive(Clone, Copy, Debug)]
pub enum NonceRule<'a> {
    /// No: `iat` alone says how old the proof is, and a nonce is not looked at.
    Ignored,
    /// Yes, one of these.
    Required(&'a Nonces),
}

/// A proof that is right, and made for this request. Whether it was used before, [`super::Replays`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The thumbprint of the key that made it.
    pub jkt: Thumbprint,
    /// Its name.
    pub jti: String,
    /// When it was made, by its sender's clock.
    pub iat: Timestamp,
    /// The nonce in it, of ours if one was required.
    pub nonce: Option<String>,
}

impl Proof {
    /// RFC 9449 §4.3, checks 2 to 12 but for the key that a token is bound to, which is the caller's to
    /// compare with [`Proof::jkt`].
    pub fn verify(proof: &str, expected: &Expected<'_>, now: Timestamp) -> Result<Self, DpopFault> {
        if proof.len() > PROOF_LIMIT {
            return Err(DpopFault::TooLong { bytes: proof.len(), limit: PROOF_LIMIT });
        }
        let algs = expected.algs;
        let jws = Compact::parse(proof).map_err(|fault| malformed(&fault, algs))?;
        let key = embedded(&jws, algs)?;
        let payload = jws.verify(&key).map_err(|_| DpopFault::Signature)?;
        // No claim can be read before this line.
        let claims = json::object(payload.as_ref()).map_err(|fault| unreadable(&fault))?;
        made_for(&claims, expected)?;
        let iat = recent(&claims, now)?;
        Ok(Self {
            jkt: Thumbprint::new(key.thumbprint())
                .map_err(|fault| DpopFault::Key { problem: fault.to_string() })?,
            jti: name(&claims)?,
            iat,
            nonce: nonce(&claims, expected.nonce, now)?,
        })
    }
}

fn malformed(fault: &Malformed, algs: &[Alg]) -> DpopFault {
    let algorithm = |found| DpopFault::Algorithm { found, accepted: names(algs) };
    match fault {
        Malformed::Header(HeaderFault::NoAlg) => algorithm(None),
        Malformed::Header(HeaderFault::None) => algorithm(Some("none".into())),
        Malformed::Header(HeaderFault::Alg { seen }) => algorithm(Some(seen.clone())),
        other => DpopFault::Malformed { problem: other.to_string() },
    }
}

fn unreadable(fault: &JsonFault) -> DpopFault {
    DpopFault::Malformed { problem: fault.to_string() }
}

fn names(algs: &[Alg]) -> Vec<String> {
    algs.iter().map(|alg| alg.name().into()).collect()
}

/// Checks 4 to 6: the type, the algorithm, and the key that the proof brings along. This is the one place
/// where a token chooses the key that judges it: what counts afterwards is which key it was.
fn embedded(jws: &Compact<'_>, algs: &[Alg]) -> Result<PublicKey, DpopFault> {
    let header = jws.header();
    if !header.typ.as_deref().is_some_and(|typ| names_kind(typ, "dpop+jwt")) {
        return Err(DpopFault::Type { found: header.typ.clone() });
    }
    if !algs.contains(&header.alg) {
        let found = Some(header.alg.name().into());
        return Err(DpopFault::Algorithm { found, accepted: names(algs) });
    }
    let unusable = |problem: String| DpopFault::Key { problem };
    let encoded = jws.signing_input().split('.').next().unwrap_or_default();
    let bytes = b64::decode(encoded).map_err(|fault| unusable(fault.to_string()))?;
    let members = json::object(&bytes).map_err(|fault| unreadable(&fault))?;
    let jwk = members.get("jwk").ok_or_else(|| unusable("no jwk".into()))?;
    let jwk = jwk.as_object().ok_or_else(|| unusable("a jwk that is no object".into()))?;
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.contains_key(*name)) {
        return Err(DpopFault::PrivateKey);
    }
    let jwk = Jwk::from_object(jwk).map_err(|fault| unusable(fault.to_string()))?;
    PublicKey::from_jwk(&jwk, Some(header.alg)).map_err(|fault| unusable(fault.to_string()))
}

/// Checks 8, 9 and 12: this method, this URL, this token.
fn made_for(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), DpopFault> {
    let htm = text(claims, "htm", "the method of the request")?;
    if htm != expected.htm {
        let (found, expected) = (htm.into(), expected.htm.into());
        return Err(DpopFault::Method { found, expected });
    }
    let htu = text(claims, "htu", "the URL of the request")?;
    if !expected.htu.is(htu) {
        return Err(DpopFault::Url { found: htu.into(), expected: expected.htu.to_string() });
    }
    let Some(token) = expected.access_token else { return Ok(()) };
    let ath = text(claims, "ath", "the base64url SHA-256 of the access token")?;
    let hash = b64::encode(digest(&SHA256, token.as_bytes()));
    verify_slices_are_equal(ath.as_bytes(), hash.as_bytes()).map_err(|_| DpopFault::OtherToken)
}

/// Check 11: made just now.
fn recent(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, DpopFault> {
    let seconds = claims.get("iat").and_then(Value::as_f64).filter(|at| (0.0..1e11).contains(at));
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let iat = seconds
        .map(|seconds| Timestamp::from_millis((seconds * 1000.0) as i64))
        .ok_or_else(|| wanted("iat", "a number of seconds since 1970"))?;
    if iat.plus(PAST) < now {
        return Err(DpopFault::TooOld { iat, now, limit: PAST });
    }
    if iat > now.plus(FUTURE) {
        return Err(DpopFault::FromFuture { iat, now, limit: FUTURE });
    }
    Ok(iat)
}

fn name(claims: &Map<String, Value>) -> Result<String, DpopFault> {
    let jti = text(claims, "jti", "a string of 1 to 128 bytes")?;
    match jti.len() {
        1..=JTI_LIMIT => Ok(jti.into()),
        _ => Err(wanted("jti", "a string of 1 to 128 bytes")),
    }
}

/// Check 10.
fn nonce(
    claims: &Map<String, Value>,
    rule: NonceRule<'_>,
    now: Timestamp,
) -> Result<Option<String>, DpopFault> {
    let nonce = claims.get("nonce").and_then(Value::as_str);
    match (rule, nonce) {
        (NonceRule::Required(_), None) => Err(DpopFault::NoNonce),
        (NonceRule::Required(nonces), Some(nonce)) if !nonces.accepts(nonce, now) => {
            Err(DpopFault::StaleNonce)
        }
        (NonceRule::Required(_) | NonceRule::Ignored, nonce) => Ok(nonce.map(str::to_owned)),
    }
}

fn text<'a>(
    claims: &'a Map<String, Value>,
    claim: &str,
    expected: &str,
) -> Result<&'a str, DpopFault> {
    claims.get(claim).and_then(Value::as_str).ok_or_else(|| wanted(claim, expected))
}

fn wanted(claim: &str, expected: &str) -> DpopFault {
    DpopFault::Claim { claim: claim.into(), expected: expected.into() }
}
