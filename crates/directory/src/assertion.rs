//! `private_key_jwt`: a client proves itself with a signature (RFC 7523 §3, as rfc7523bis narrows it:
//! the audience is our issuer alone, since one server's token endpoint URL is another's to relay; unless
//! the operator lets a client name our token endpoint).

use crate::{AssertionAudience, Client, Fapi2, Registration};
use portcullis_jose::{
    Alg, SigningKey, json,
    jwk::{Jwk, PublicKey},
    jws::{Compact, Payload},
};
use portcullis_types::{AssertionFault as Fault, ClientId, Issuer, Jti, Timestamp, Ttl};
use portcullis_verify::names_kind;
use serde::Deserialize;
use serde_json::{Number, Value};

/// How long an assertion may still live.
const LIFE: Ttl = Ttl::seconds(3600);
/// By how much the client's clock may differ from ours.
const SKEW: Ttl = Ttl::seconds(30);
/// The `typ` values that a client assertion may have.
const TYPES: [&str; 2] = ["client-authentication+jwt", "jwt"];

/// An assertion that was right, and that must not be seen again before it expires.
#[derive(Clone, Debug)]
pub(crate) struct FirstUse {
    pub(crate) jti: Jti,
    pub(crate) expires: Timestamp,
}

/// The `sub` before anyone has vouched for it: for counting failures and for the record.
pub(crate) fn claimed_subject(assertion: &str) -> Option<String> {
    let jws = Compact::parse(assertion).ok()?;
    let claims: Claims = serde_json::from_slice(jws.unverified_payload()).ok()?;
    claims.sub.as_ref().and_then(Value::as_str).map(str::to_owned)
}

/// Its form and header. The algorithm is at least asymmetric; whether it is the key's, the key says.
pub(crate) fn parse(assertion: &str) -> Result<Compact<'_>, Fault> {
    let malformed = |problem: String| Fault::Malformed { problem };
    let jws = Compact::parse(assertion).map_err(|fault| malformed(fault.to_string()))?;
    let header = jws.header();
    if header.alg.is_symmetric() {
        return Err(malformed(format!("alg {} is symmetric: it proves nothing", header.alg)));
    }
    let typ = header.typ.as_deref().unwrap_or("jwt");
    if !TYPES.iter().any(|kind| names_kind(typ, kind)) {
        return Err(malformed("typ names another kind of token".into()));
    }
    Ok(jws)
}

/// RFC 7515 §5.2 with the registered keys, and no other.
pub(crate) fn verify<'k>(
    jws: &Compact<'_>,
    candidates: impl Iterator<Item = &'k PublicKey>,
) -> Result<Payload, Fault> {
    let mut fault = Fault::UnknownKey { kid: jws.header().kid.clone() };
    for key in candidates {
        match jws.verify(key) {
            Ok(payload) => return Ok(payload),
            Err(_) => fault = Fault::Signature,
        }
    }
    Err(fault)
}

/// Its claims, in the order of RFC 7523 §3.
pub(crate) fn claims(
    payload: &Payload,
    client: &Client,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<FirstUse, Fault> {
    json::unique(payload.as_ref())
        .map_err(|fault| Fault::Malformed { problem: fault.to_string() })?;
    let claims: Claims = serde_json::from_slice(payload.as_ref())
        .map_err(|_| Fault::Malformed { problem: "the payload is no JSON object".into() })?;
    subject(&claims, &client.id)?;
    audience(claims.aud.as_ref(), client, issuer)?;
    let exp = timely(&claims, now)?;
    let jti = text(claims.jti.as_ref(), "jti")?;
    let jti = Jti::new(jti).map_err(|fault| claim("jti", fault.problem))?;
    Ok(FirstUse { jti, expires: exp.plus(SKEW) })
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
    nbf: Option<Value>,
    jti: Option<Value>,
}

fn subject(claims: &Claims, client_id: &ClientId) -> Result<(), Fault> {
    let (iss, sub) = (text(claims.iss.as_ref(), "iss")?, text(claims.sub.as_ref(), "sub")?);
    if iss == client_id.as_str() && sub == client_id.as_str() {
        return Ok(());
    }
    Err(Fault::Subject { found: format!("iss {}, sub {}", seen(iss), seen(sub)) })
}

/// rfc7523bis §4: a string, or an array of exactly one. FAPI 2.0 Security Profile §5.3.2.1: a string.
fn audience(aud: Option<&Value>, client: &Client, issuer: &Issuer) -> Result<(), Fault> {
    let Registration { fapi2, assertion_audience, .. } = &client.registration;
    let found = match aud {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(_)) if *fapi2 != Fapi2::Off => {
            return Err(claim("aud", "a string, as FAPI 2.0 demands"));
        }
        Some(Value::Array(several)) => {
            let texts: Option<Vec<_>> = several.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| claim("aud", "a string, or an array of one string"))?
        }
        _ => return Err(claim("aud", "a string, or an array of one string")),
    };
    let legacy = *assertion_audience == AssertionAudience::TokenEndpoint;
    let endpoint = legacy.then(|| format!("{}/token", issuer.as_str().trim_end_matches('/')));
    if let [one] = found.as_slice()
        && (*one == issuer.as_str() || Some(*one) == endpoint.as_deref())
    {
        return Ok(());
    }
    let found = found.into_iter().take(8).map(seen).collect();
    Err(Fault::Audience { found, expected: issuer.clone() })
}

/// `exp` is required and near; `iat` and `nbf`, where they are, have come.
fn timely(claims: &Claims, now: Timestamp) -> Result<Timestamp, Fault> {
    let exp = date(claims.exp.as_ref(), "exp")?.ok_or_else(|| claim("exp", "a number"))?;
    let refuse = |problem: String| Err(Fault::Time { problem });
    if exp.plus(SKEW) <= now {
        return refuse(format!("it expired {exp}"));
    }
    if exp > now.plus(LIFE).plus(SKEW) {
        return refuse(format!("it lives until {exp}, more than {LIFE} from now"));
    }
    for (name, value) in [("iat", &claims.iat), ("nbf", &claims.nbf)] {
        if let Some(from) = date(value.as_ref(), name)?
            && from > now.plus(SKEW)
        {
            return refuse(format!("{name} {from} lies in the future"));
        }
    }
    Ok(exp)
}

fn text<'a>(value: Option<&'a Value>, name: &str) -> Result<&'a str, Fault> {
    value.and_then(Value::as_str).ok_or_else(|| claim(name, "a string"))
}

/// RFC 7519 §2 NumericDate. A fraction is dropped. Beyond the year 9999 nothing is a date.
fn date(value: Option<&Value>, name: &str) -> Result<Option<Timestamp>, Fault> {
    const LIMIT: i64 = 253_402_300_800;
    let whole = |number: &Number| {
        let fraction = || number.as_f64().filter(|seconds| seconds.is_finite());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "floats saturate; the range is checked"
        )]
        number.as_i64().or_else(|| fraction().map(|seconds| seconds.floor() as i64))
    };
    let seconds = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => whole(number),
        Some(_) => None,
    };
    match seconds {
        Some(seconds @ 0..LIMIT) => Ok(Some(Timestamp::from_seconds(seconds))),
        _ => Err(claim(name, "a number of seconds since 1970")),
    }
}

fn claim(name: &str, expected: &str) -> Fault {
    Fault::Claim { claim: name.to_owned(), expected: expected.to_owned() }
}

fn seen(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What an assertion is checked with when there is no key for it: the work of a verification with the
/// algorithm that it names, so that the time tells nothing about the client.
pub(crate) struct NobodysKeys(Vec<PublicKey>);

/// An RSA modulus whose factors nobody kept: to make one takes too long for a start.
const MODULUS: &str = concat!(
    "k-aIyk-iOMuRd1DmVV_5_drPCqa_XE9fEGzf_UvdyFUCgQySFMQdOYP9NGqdru_qAvfxM4_pleEmNtgyCeKBCzwPkeFgcZro",
    "Uwuk7sxxLysUOj8BqLxiSoIO3G6-tQTPaakiOGuA_BcWloI7NjrhfYk81PqTYbAj6d6VoS9UgAhFmVTWqR6V2xLH1Yhsst0c",
    "8PK3CwP8JpjiYoO1lb_zN2B8mR7aWN7-saX_Xh0XbzEgCmNd6XzOa6K9aFA7M5jaSTuOMiQ3Z0i_rLzCRl6btelO9UeSV6pz",
    "-dZAyzwbfv1etBVabg4SznXgZMSnz1jKGE2cJyOC94g6LNNm2pdRyQ",
);

impl NobodysKeys {
    pub(crate) fn new() -> Self {
        let of = |alg: &Alg| {
            let jwk = if alg.is_rsa() {
                Jwk::parse(format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB"}}"#).as_bytes())
            } else {
                SigningKey::generate(*alg).and_then(|key| key.public_jwk())
            };
            jwk.and_then(|jwk| PublicKey::from_jwk(&jwk, Some(*alg))).ok()
        };
        Self(Alg::ALL.iter().filter(|alg| !alg.is_symmetric()).filter_map(of).collect())
    }

    /// The answer is not wanted; only the time that it takes.
    pub(crate) fn verify_in_vain(&self, assertion: &Compact<'_>) {
        let alg = assertion.header().alg;
        let _ = verify(assertion, self.0.iter().filter(|key| key.alg().is(alg)).take(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_key_of_nobodys_for_each_algorithm_that_a_client_may_have() {
        let keys = NobodysKeys::new();
        for alg in Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()) {
            assert!(keys.0.iter().any(|key| key.alg().is(alg)), "{alg}");
        }
    }

    #[test]
    fn a_date_is_a_number_of_seconds_until_the_year_9999() {
        let read = |json: &str| date(serde_json::from_str(json).ok().as_ref(), "exp");
        for (json, seconds) in
            [("0", 0), ("1.9", 1), ("2e3", 2000), ("253402300799", 253_402_300_799)]
        {
            assert_eq!(read(json), Ok(Some(Timestamp::from_seconds(seconds))), "{json}");
        }
        for json in [
            "-1",
            "-0.5",
            "253402300800",
            "1e300",
            "9223372036854775807",
            "18446744073709551615",
            "\"1\"",
            "[]",
            "true",
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!(read("null"), Ok(None));
    }
}
