//! Signed request objects, by value (RFC 9101; OpenID Connect Core §6.1; FAPI 2.0 Message Signing §5.3.1).
//!
//! Of a request with an object only the object's own parameters count (RFC 9101 §6.3): what stands beside
//! it was not signed. Encrypted objects are not read, and objects elsewhere are fetched by nobody.

use super::parameters::{Parameters, refuse, unfit};
use crate::server::State;
use portcullis_directory::{Client, Fapi2, WantedKey};
use portcullis_jose::{
    Alg,
    jws::{Compact, Malformed, Payload},
};
use portcullis_types::{AuthorizationError as Error, Denial, Timestamp, Ttl};
use serde_json::{Map, Value};

/// By how much the client's clock may be fast.
const SKEW: Ttl = Ttl::seconds(10);
/// FAPI 2.0 Message Signing §5.3.1: the age and the length of life that an object may have.
const FAPI_LIFE: Ttl = Ttl::seconds(3600);
/// RFC 9101 §10.8.
const TYPE: &str = "oauth-authz-req+jwt";

/// The algorithms of request objects that are verified here.
pub(crate) fn algs() -> Vec<Alg> {
    Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()).collect()
}

/// Verifies the object with the client's registered keys and takes its parameters out.
pub(crate) async fn open(
    state: &State,
    client: &Client,
    object: &str,
    now: Timestamp,
) -> Result<Parameters, Denial> {
    let jws = Compact::parse(object).map_err(|fault| match fault {
        Malformed::Encrypted => invalid("an encrypted request object cannot be read here"),
        fault => invalid(fault.to_string()),
    })?;
    header(client, &jws)?;
    let payload = verified(state, client, &jws, now).await?;
    let claims = portcullis_jose::json::object(payload.as_ref());
    let claims = claims.map_err(|fault| invalid(fault.to_string()))?;
    addressed(state, client, &claims)?;
    timely(client, &claims, now)?;
    let mut parameters = Parameters::of_claims(claims)?;
    match parameters.take("client_id")? {
        Some(other) if other != client.id.as_str() => {
            Err(unfit("client_id", "is another one in the request object"))
        }
        _ => Ok(parameters),
    }
}

/// The algorithm and the kind. What the token says of its own key is never looked at.
fn header(client: &Client, jws: &Compact<'_>) -> Result<(), Denial> {
    let header = jws.header();
    let registered = &client.registration;
    let strict = registered.fapi2 != Fapi2::Off;
    let is_right = |alg: Alg| match registered.request_object_signing_alg {
        Some(only) => only.is(alg),
        None => !alg.is_symmetric(),
    };
    if header.alg.is_symmetric() || !is_right(header.alg) {
        let wanted = registered.request_object_signing_alg;
        let wanted = wanted.map_or("an asymmetric algorithm".to_owned(), |alg| alg.to_string());
        return Err(invalid(format!("it is signed with {}, not with {wanted}", header.alg)));
    }
    if strict && !Alg::FAPI.contains(&header.alg) {
        return Err(invalid("FAPI 2.0 allows PS256, ES256 and Ed25519 alone"));
    }
    let Some(typ) = header.typ.as_deref() else { return Ok(()) };
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        TYPE => Ok(()),
        "jwt" if !strict => Ok(()),
        _ => Err(invalid(format!("its typ must be {TYPE}"))),
    }
}

async fn verified(
    state: &State,
    client: &Client,
    jws: &Compact<'_>,
    now: Timestamp,
) -> Result<Payload, Denial> {
    let (kid, alg) = (jws.header().kid.as_deref(), jws.header().alg);
    let keys = state.directory.keys_of(client, WantedKey::Signed { kid, alg }, now).await;
    let keys = keys.map_err(|trouble| invalid(format!("no key of the client: {trouble}")))?;
    let mut fault = "the client has no such key";
    for key in keys.candidates(kid, alg) {
        match jws.verify(key) {
            Ok(payload) => return Ok(payload),
            Err(_) => fault = "the signature is wrong",
        }
    }
    Err(invalid(fault))
}

/// RFC 9101 §4, §10.8: by this client, for us, and nothing that could prove a client. `iss` and `aud` may be left
/// out, except under FAPI 2.0: the key is the client's own.
fn addressed(state: &State, client: &Client, claims: &Map<String, Value>) -> Result<(), Denial> {
    let ours = state.settings.issuer.as_str();
    let may_lack = client.registration.fapi2 == Fapi2::Off;
    let by_client = match claims.get("iss") {
        Some(iss) => iss.as_str() == Some(client.id.as_str()),
        None => may_lack,
    };
    if !by_client {
        return Err(invalid("iss must be the client_id"));
    }
    let addressed = match claims.get("aud") {
        Some(Value::String(aud)) => aud == ours,
        Some(Value::Array(several)) => several.iter().any(|aud| aud.as_str() == Some(ours)),
        Some(_) => false,
        None => may_lack,
    };
    if !addressed {
        return Err(invalid("aud must be the issuer of this server"));
    }
    if claims.contains_key("sub") {
        return Err(invalid("it must have no sub, or it could pass for a client assertion"));
    }
    Ok(())
}

/// `exp`, `nbf` and `iat`, where they are; under FAPI 2.0 the first two must be.
fn timely(client: &Client, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Denial> {
    let [exp, nbf, iat] = ["exp", "nbf", "iat"].map(|name| date(claims, name));
    let (exp, nbf, iat) = (exp?, nbf?, iat?);
    if exp.is_some_and(|exp| exp.plus(SKEW) <= now) {
        return Err(invalid("it has expired"));
    }
    if nbf.into_iter().chain(iat).any(|from| from > now.plus(SKEW)) {
        return Err(invalid("it is not valid yet: nbf or iat lies in the future"));
    }
    if client.registration.fapi2 == Fapi2::Off {
        return Ok(());
    }
    match (exp, nbf) {
        (Some(exp), Some(nbf)) if exp > nbf.plus(FAPI_LIFE) => {
            Err(invalid("it lives longer than an hour"))
        }
        (Some(_), Some(nbf)) if nbf.plus(FAPI_LIFE) < now => {
            Err(invalid("its nbf is more than an hour ago"))
        }
        (Some(_), Some(_)) => Ok(()),
        _ => Err(invalid("FAPI 2.0 demands exp and nbf")),
    }
}

fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Denial> {
    const YEAR_9999: i64 = 253_402_300_800;
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_i64() {
        Some(seconds @ 0..YEAR_9999) => Ok(Some(Timestamp::from_seconds(seconds))),
        _ => Err(invalid(format!("{name} must be a whole number of seconds since 1970"))),
    }
}

fn invalid(problem: impl Into<String>) -> Denial {
    refuse(Error::InvalidRequestObject, "request", problem)
}
