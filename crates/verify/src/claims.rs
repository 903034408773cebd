//! Check 9: the claims, typed (RFC 9068 §2.2, RFC 7519 §4.1).

use crate::{Profile, TrustedIssuer};
use portcullis_jose::{json, jws::Payload};
use portcullis_types::{Denial, FormatFault, Issuer, Jti, Scope, Scopes, Tenant, Timestamp};
use serde::Deserialize;
use std::borrow::Cow;

/// The claims of a token whose signature is verified.
#[derive(Clone, Debug)]
pub struct Claims {
    /// `iss`.
    pub iss: Issuer,
    /// `sub`.
    pub sub: String,
    /// `aud`, one or more.
    pub aud: Vec<String>,
    /// `client_id`, or what the issuer's profile calls it.
    pub client_id: String,
    /// `exp`.
    pub exp: Timestamp,
    /// `nbf`.
    pub nbf: Option<Timestamp>,
    /// `iat`.
    pub iat: Option<Timestamp>,
    /// `jti`.
    pub jti: Option<Jti>,
    /// `scope`: those words that are scopes of ours. Others grant nothing here.
    pub scope: Scopes,
    /// `tenant`.
    pub tenant: Option<Tenant>,
    /// The first claim found that only another kind of token has.
    pub(crate) foreign: Option<&'static str>,
    /// All claims, as they were signed.
    pub(crate) json: Vec<u8>,
}

impl Claims {
    /// All claims as the JSON text that was signed, for those who need others than the fields.
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

/// The claims of a token as it says them, before anyone vouched for them: for choosing keys, for
/// records and for people. Never for a decision.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Peek {
    /// `iss`.
    pub iss: Option<String>,
    /// `sub`.
    pub sub: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `jti`.
    pub jti: Option<String>,
    /// `exp`, seconds since the epoch.
    pub exp: Option<i64>,
    /// `scope`.
    pub scope: Option<String>,
}

/// Reads what a payload claims. Anything odd reads as absent.
pub fn peek(payload: &[u8]) -> Peek {
    serde_json::from_slice(payload).unwrap_or_default()
}

/// `iss` alone, as cheaply as possible.
pub(crate) fn peek_issuer(payload: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Iss<'a> {
        #[serde(borrow)]
        iss: Cow<'a, str>,
    }
    serde_json::from_slice::<Iss<'_>>(payload).ok().map(|claims| claims.iss)
}

/// Check 9. Needs a verified payload: no claim can be read before the signature.
pub(crate) fn read(payload: Payload, issuer: &TrustedIssuer) -> Result<Claims, Denial> {
    json::unique(payload.as_ref()).map_err(|fault| Denial::Format {
        fault: FormatFault::Payload { problem: fault.to_string() },
    })?;
    let json = payload.into_bytes();
    let raw: Raw<'_> = serde_json::from_slice(&json).map_err(|error| Denial::Format {
        fault: FormatFault::Payload { problem: error.to_string() },
    })?;
    let mut claims = raw.typed(issuer)?;
    claims.json = json;
    Ok(claims)
}

/// A claim of any type: which type is right is the check's business, not the parser's.
type Claim<'a> = Option<Any<'a>>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Any<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Whole(i64),
    Number(f64),
    List(Vec<serde_json::Value>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    iss: Claim<'a>,
    #[serde(borrow, default)]
    sub: Claim<'a>,
    #[serde(borrow, default)]
    aud: Claim<'a>,
    #[serde(borrow, default)]
    exp: Claim<'a>,
    #[serde(borrow, default)]
    nbf: Claim<'a>,
    #[serde(borrow, default)]
    iat: Claim<'a>,
    #[serde(borrow, default)]
    jti: Claim<'a>,
    #[serde(borrow, default)]
    client_id: Claim<'a>,
    #[serde(borrow, default)]
    azp: Claim<'a>,
    #[serde(borrow, default)]
    cid: Claim<'a>,
    #[serde(borrow, default)]
    appid: Claim<'a>,
    #[serde(borrow, default)]
    scope: Claim<'a>,
    #[serde(borrow, default)]
    scp: Claim<'a>,
    #[serde(borrow, default)]
    tenant: Claim<'a>,
    #[serde(default)]
    nonce: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    at_hash: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    c_hash: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    events: Option<serde::de::IgnoredAny>,
    #[serde(borrow, default)]
    token_use: Claim<'a>,
}

impl Raw<'_> {
    fn typed(self, issuer: &TrustedIssuer) -> Result<Claims, Denial> {
        let legacy = issuer.profile == Profile::Legacy;
        let iss = text("iss", self.iss)?;
        if iss != issuer.issuer.as_str() {
            return Err(bad("iss", "the issuer's identifier"));
        }
        let client_id = match self.client_id {
            None if legacy => self.azp.or(self.cid).or(self.appid),
            claim => claim,
        };
        let scope = match self.scope {
            None if legacy => self.scp,
            claim => claim,
        };
        let iat = date("iat", self.iat.as_ref())?;
        let jti = self.jti.map(|jti| id("jti", Some(jti))).transpose()?;
        if !legacy && iat.is_none() {
            return Err(missing("iat"));
        }
        if !legacy && jti.is_none() {
            return Err(missing("jti"));
        }
        Ok(Claims {
            iss: issuer.issuer.clone(),
            sub: text("sub", self.sub)?,
            aud: audiences(self.aud)?,
            client_id: text("client_id", client_id)?,
            exp: date("exp", self.exp.as_ref())?.ok_or_else(|| missing("exp"))?,
            nbf: date("nbf", self.nbf.as_ref())?,
            iat,
            jti,
            scope: scopes(scope)?,
            tenant: self.tenant.map(|tenant| id("tenant", Some(tenant))).transpose()?,
            foreign: match self.token_use {
                Some(Any::Text(kind)) if kind != "access" => Some("token_use"),
                _ => [
                    (self.nonce, "nonce"),
                    (self.at_hash, "at_hash"),
                    (self.c_hash, "c_hash"),
                    (self.events, "events"),
                ]
                .into_iter()
                .find_map(|(claim, name)| claim.map(|_| name)),
            },
            json: Vec::new(),
        })
    }
}

fn text(name: &'static str, claim: Claim<'_>) -> Result<String, Denial> {
    match claim {
        Some(Any::Text(text)) if !text.is_empty() && text.len() <= 512 => Ok(text.into_owned()),
        Some(_) => Err(bad(name, "a string of 1 to 512 bytes")),
        None => Err(missing(name)),
    }
}

fn id<T: std::str::FromStr<Err = portcullis_types::IdFault>>(
    name: &'static str,
    claim: Claim<'_>,
) -> Result<T, Denial> {
    text(name, claim)?.parse().map_err(|fault: portcullis_types::IdFault| bad(name, fault.problem))
}

/// A `NumericDate` (RFC 7519 §2): a number, whole or not. Beyond the year 9999 nothing is a date.
fn date(name: &'static str, claim: Option<&Any<'_>>) -> Result<Option<Timestamp>, Denial> {
    const LIMIT: i64 = 253_402_300_800;
    let seconds = match claim {
        None => return Ok(None),
        Some(Any::Whole(seconds)) => *seconds,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "floats saturate, and the range is checked below"
        )]
        Some(Any::Number(seconds)) if seconds.is_finite() => seconds.floor() as i64,
        Some(_) => return Err(bad(name, "a number of seconds since 1970")),
    };
    match seconds {
        0..LIMIT => Ok(Some(Timestamp::from_seconds(seconds))),
        _ => Err(bad(name, "a number of seconds since 1970")),
    }
}

fn audiences(claim: Claim<'_>) -> Result<Vec<String>, Denial> {
    const EXPECTED: &str = "a string, or a list of 1 to 16 strings";
    match claim {
        None => Err(missing("aud")),
        Some(Any::Text(text)) => Ok(vec![text.into_owned()]),
        Some(Any::List(list)) if (1..=16).contains(&list.len()) => list
            .into_iter()
            .map(|item| match item {
                serde_json::Value::String(text) => Ok(text),
                _ => Err(bad("aud", EXPECTED)),
            })
            .collect(),
        Some(_) => Err(bad("aud", EXPECTED)),
    }
}

/// Foreign words in a scope grant nothing, so they are no fault; another type is one.
fn scopes(claim: Claim<'_>) -> Result<Scopes, Denial> {
    let known = |word: &str| word.parse::<Scope>().ok();
    match claim {
        None => Ok(Scopes::default()),
        Some(Any::Text(text)) => Ok(text.split(' ').filter_map(known).collect()),
        Some(Any::List(list)) => {
            Ok(list.iter().filter_map(serde_json::Value::as_str).filter_map(known).collect())
        }
        Some(_) => Err(bad("scope", "a string of scopes separated by spaces")),
    }
}

fn missing(claim: &'static str) -> Denial {
    Denial::MissingClaim { claim: claim.into() }
}

fn bad(claim: &'static str, expected: &'static str) -> Denial {
    Denial::BadClaim { claim: claim.into(), expected: expected.into() }
}
