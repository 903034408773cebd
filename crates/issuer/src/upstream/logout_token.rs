//! A provider tells that a session over there has ended (OpenID Connect Back-Channel Logout 1.0 §2.6).

use super::{Claims, Provider};
use portcullis_jose::{json, jwk::KeySet, jws::Compact};
use portcullis_types::{Timestamp, Ttl};
use portcullis_verify::names_kind;
use serde_json::Value;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Older than that it may be somebody's copy. The specification recommends two minutes; clocks differ.
const AGE: Ttl = Ttl::seconds(300);
const SKEW: Ttl = Ttl::seconds(60);

/// Whose session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogoutToken {
    pub(crate) issuer: String,
    /// All sessions of this subject, unless `sid` names one.
    pub(crate) subject: Option<String>,
    pub(crate) sid: Option<String>,
    /// To be seen once.
    pub(crate) jti: String,
    pub(crate) expires: Timestamp,
}

impl LogoutToken {
    /// Every point of §2.6, in its order. `issuer` is whom the token must come from.
    pub(crate) fn verify(
        token: &str,
        provider: &Provider,
        keys: &KeySet,
        issuer: &dyn Fn(Option<&str>) -> Option<String>,
        now: Timestamp,
    ) -> Result<Self, &'static str> {
        let jws = Compact::parse(token).map_err(|_| "it is no signed JWT")?;
        let header = jws.header();
        if header.alg.is_symmetric() {
            return Err("its alg is symmetric");
        }
        if header
            .typ
            .as_deref()
            .is_some_and(|typ| !names_kind(typ, "logout+jwt") && !names_kind(typ, "jwt"))
        {
            return Err("its typ names another kind of token");
        }
        let mut candidates = keys.candidates(header.kid.as_deref(), header.alg);
        let payload = candidates.find_map(|key| jws.verify(key).ok());
        let payload = payload.ok_or("no key of the provider made its signature")?;
        let claims: Claims = json::object(payload.as_ref()).map_err(|_| "it is no JSON object")?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let iss = text("iss").ok_or("iss is missing")?;
        if issuer(text("tid")).as_deref() != Some(iss) {
            return Err("iss is another");
        }
        audience(&claims, &provider.client_id)?;
        let date =
            |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::from_seconds);
        let iat = date("iat").ok_or("iat is missing")?;
        // Final errata ask for exp; older providers send none.
        let exp = date("exp").unwrap_or_else(|| iat.plus(AGE));
        if iat > now.plus(SKEW) || now >= exp.plus(SKEW) || now >= iat.plus(AGE).plus(SKEW) {
            return Err("it is too old, or not valid yet");
        }
        let events = claims.get("events").and_then(Value::as_object);
        if !events.is_some_and(|events| events.get(EVENT).is_some_and(Value::is_object)) {
            return Err("events does not say that a session ended");
        }
        if claims.contains_key("nonce") {
            return Err("it has a nonce: it is an ID token");
        }
        let (subject, sid) = (text("sub").map(str::to_owned), text("sid").map(str::to_owned));
        if subject.is_none() && sid.is_none() {
            return Err("it names neither sub nor sid");
        }
        let jti = text("jti").filter(|jti| jti.len() <= 256).ok_or("jti is missing")?.to_owned();
        Ok(Self { issuer: iss.to_owned(), subject, sid, jti, expires: exp.plus(AGE).plus(SKEW) })
    }
}

fn audience(claims: &Claims, client_id: &str) -> Result<(), &'static str> {
    let ours = match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(all)) => all.iter().any(|aud| aud == client_id),
        _ => return Err("aud is missing"),
    };
    if ours { Ok(()) } else { Err("aud is another client") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Preset;
    use portcullis_jose::{Alg, SigningKey, jwk::PublicKey};
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn read(claims: &Value, typ: &'static str) -> Result<LogoutToken, &'static str> {
        let key = SigningKey::generate(Alg::ES256).unwrap();
        let token = key.sign_compact(&key.header(typ), claims).unwrap();
        let jwk = key.public_jwk().unwrap();
        let keys = KeySet::new([PublicKey::from_jwk(&jwk, Some(Alg::ES256)).unwrap()]);
        let issuer = |_: Option<&str>| Some("https://idp.example".to_owned());
        LogoutToken::verify(&token, &Provider::plain("idp", Preset::Oidc), &keys, &issuer, NOW)
    }

    fn right() -> Value {
        json!({ "iss": "https://idp.example", "aud": "our-client", "iat": NOW.seconds(),
            "exp": NOW.seconds() + 120, "jti": "j1", "sub": "u", "sid": "s", "events": { EVENT: {} } })
    }

    #[test]
    fn a_right_one_says_whose_session_ended() {
        let token = read(&right(), "logout+jwt").unwrap();
        assert_eq!((token.subject.as_deref(), token.sid.as_deref()), (Some("u"), Some("s")));
    }

    #[test]
    fn whatever_else_is_not_a_logout_token() {
        let with = |name: &str, value: Value| {
            let mut claims = right();
            claims[name] = value;
            claims
        };
        for (claims, typ) in [
            (with("nonce", json!("n")), "logout+jwt"),
            (with("aud", json!("another")), "logout+jwt"),
            (with("aud", Value::Null), "logout+jwt"),
            (with("iss", json!("https://evil.example")), "logout+jwt"),
            (with("events", json!({})), "logout+jwt"),
            (with("events", json!({ EVENT: "x" })), "logout+jwt"),
            (with("iat", json!(NOW.seconds() - 3600)), "logout+jwt"),
            (with("iat", json!(NOW.seconds() + 3600)), "logout+jwt"),
            (with("exp", json!(NOW.seconds() - 3600)), "logout+jwt"),
            (with("jti", Value::Null), "logout+jwt"),
            (right(), "at+jwt"),
        ] {
            assert!(read(&claims, typ).is_err(), "{claims} {typ}");
        }
        let mut nobody = right();
        (nobody["sub"], nobody["sid"]) = (Value::Null, Value::Null);
        assert!(read(&nobody, "logout+jwt").is_err());
    }
}
