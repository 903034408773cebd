//! `private_key_jwt`: a client proves itself with a signature (RFC 7523 §3, as rfc7523bis narrows it:
//! the audience is our issuer alone, since one server's token endpoint URL is another's to relay).

use portcullis_jose::{
    Alg, json,
    jwk::PublicKey,
    jws::{Compact, Payload},
};
use portcullis_types::{AssertionFault as Fault, ClientId, Issuer, Jti, Timestamp, Ttl};
use serde::Deserialize;
use serde_json::{Number, Value};

/// How long an assertion may still live.
const LIFE: Ttl = Ttl::seconds(300);
/// By how much the client's clock may differ from ours.
const SKEW: Ttl = Ttl::seconds(30);
/// The `typ` values that a client assertion may have, lower case, without `application/`.
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
    let typ = header.typ.as_deref().unwrap_or("jwt").to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    if !TYPES.contains(&typ) {
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
    client_id: &ClientId,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<FirstUse, Fault> {
    json::unique(payload.as_ref())
        .map_err(|fault| Fault::Malformed { problem: fault.to_string() })?;
    let claims: Claims = serde_json::from_slice(payload.as_ref())
        .map_err(|_| Fault::Malformed { problem: "the payload is no JSON object".into() })?;
    subject(&claims, client_id)?;
    audience(claims.aud.as_ref(), issuer)?;
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

/// rfc7523bis §4: a string, or an array of exactly one.
fn audience(aud: Option<&Value>, issuer: &Issuer) -> Result<(), Fault> {
    let found = match aud {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => {
            let texts: Option<Vec<_>> = several.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| claim("aud", "a string, or an array of one string"))?
        }
        _ => return Err(claim("aud", "a string, or an array of one string")),
    };
    if found == [issuer.as_str()] {
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

/// RFC 7519 §2 NumericDate. A fraction is dropped.
fn date(value: Option<&Value>, name: &str) -> Result<Option<Timestamp>, Fault> {
    let whole = |number: &Number| {
        #[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates")]
        number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(whole(number).map(Timestamp::from_seconds)),
        Some(_) => Err(claim(name, "a number")),
    }
}

fn claim(name: &str, expected: &str) -> Fault {
    Fault::Claim { claim: name.to_owned(), expected: expected.to_owned() }
}

fn seen(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What an unknown client's assertion is checked with: the work of a verification, and always a no.
pub(crate) struct NobodysKey(Option<PublicKey>);

impl NobodysKey {
    pub(crate) fn new() -> Self {
        let key = portcullis_jose::SigningKey::generate(Alg::ES256);
        let jwk = key.and_then(|key| key.public_jwk());
        Self(jwk.and_then(|jwk| PublicKey::from_jwk(&jwk, None)).ok())
    }

    pub(crate) fn verify_in_vain(&self, assertion: &Compact<'_>) {
        // The answer is not wanted; only the time that it takes.
        let _ = verify(assertion, self.0.iter());
    }
}
