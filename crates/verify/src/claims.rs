//! Check 9: the claims, typed (RFC 9068 §2.2, RFC 7519 §4.1).

use crate::{Profile, TrustedIssuer};
use portcullis_jose::{json, jws::Payload};
use portcullis_types::{
    Denial, Details, FormatFault, Issuer, Jti, Scope, Scopes, Tenant, Thumbprint, Timestamp,
};
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
    /// `cnf`: what the token is bound to (RFC 7800).
    pub cnf: Option<Box<Confirmation>>,
    /// `acr`: how strongly the person signed in (RFC 9470 §6).
    pub acr: Option<String>,
    /// `auth_time`: when the person signed in.
    pub auth_time: Option<Timestamp>,
    /// `sid`: the sign-in session that it comes from.
    pub sid: Option<String>,
    /// `grant`, a claim of our own issuer: the grant that it comes from.
    pub grant: Option<String>,
    /// `authorization_details`: what limits it beyond its scopes (RFC 9396 §9.1). Whoever serves the request
    /// sees to it that it stays within them: [`Details::reach`].
    pub details: Details,
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

/// What a token is bound to (RFC 7800 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// `jkt`: the thumbprint of the holder's DPoP key (RFC 9449 §6.1).
    pub jkt: Option<Thumbprint>,
    /// `x5t#S256`: the thumbprint of the holder's TLS client certificate (RFC 8705 §3.1).
    pub x5t_s256: Option<Thumbprint>,
    /// The names of other members. Alone, they bind the token to something that cannot be checked here.
    pub others: Vec<String>,
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
    let json = payload.into_bytes();
    let members = json::members(&json).map_err(|fault| Denial::Format {
        fault: FormatFault::Payload { problem: fault.to_string() },
    })?;
    let mut claims = Raw::of(members).typed(issuer)?;
    claims.json = json;
    Ok(claims)
}

/// A claim as it was written: which type is right is the check's business, not the parser's.
pub(crate) type Claim<'a> = Option<&'a str>;

/// The claims that the checks look at. `null` is no value: it reads as absent.
#[derive(Default)]
struct Raw<'a> {
    iss: Claim<'a>,
    sub: Claim<'a>,
    aud: Claim<'a>,
    exp: Claim<'a>,
    nbf: Claim<'a>,
    iat: Claim<'a>,
    jti: Claim<'a>,
    client_id: Claim<'a>,
    azp: Claim<'a>,
    cid: Claim<'a>,
    appid: Claim<'a>,
    scope: Claim<'a>,
    scp: Claim<'a>,
    tenant: Claim<'a>,
    cnf: Claim<'a>,
    acr: Claim<'a>,
    auth_time: Claim<'a>,
    sid: Claim<'a>,
    grant: Claim<'a>,
    authorization_details: Claim<'a>,
    /// The first claim that only another kind of token has.
    foreign: Option<&'static str>,
}

impl<'a> Raw<'a> {
    fn of(members: Vec<json::Member<'a>>) -> Self {
        let mut raw = Self::default();
        for member in members.into_iter().filter(|member| member.value != "null") {
            let slot = match &*member.name {
                "iss" => &mut raw.iss,
                "sub" => &mut raw.sub,
                "aud" => &mut raw.aud,
                "exp" => &mut raw.exp,
                "nbf" => &mut raw.nbf,
                "iat" => &mut raw.iat,
                "jti" => &mut raw.jti,
                "client_id" => &mut raw.client_id,
                "azp" => &mut raw.azp,
                "cid" => &mut raw.cid,
                "appid" => &mut raw.appid,
                "scope" => &mut raw.scope,
                "scp" => &mut raw.scp,
                "tenant" => &mut raw.tenant,
                "cnf" => &mut raw.cnf,
                "acr" => &mut raw.acr,
                "auth_time" => &mut raw.auth_time,
                "sid" => &mut raw.sid,
                "grant" => &mut raw.grant,
                "authorization_details" => &mut raw.authorization_details,
                name => {
                    raw.foreign = raw.foreign.or(foreign(name, member.value));
                    continue;
                }
            };
            *slot = Some(member.value);
        }
        raw
    }
}

/// RFC 8725 §3.12: what only an ID token, a logout token or an event holds, and a `token_use` that is not
/// `access`.
pub(crate) fn foreign(name: &str, value: &str) -> Option<&'static str> {
    ["nonce", "at_hash", "c_hash", "events"]
        .into_iter()
        .find(|foreign| *foreign == name)
        .or((name == "token_use" && value != "\"access\"").then_some("token_use"))
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
        let iat = date("iat", self.iat)?;
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
            exp: date("exp", self.exp)?.ok_or_else(|| missing("exp"))?,
            nbf: date("nbf", self.nbf)?,
            iat,
            jti,
            scope: scopes(scope)?,
            tenant: self.tenant.map(|tenant| id("tenant", Some(tenant))).transpose()?,
            cnf: self.cnf.map(confirmation).transpose()?,
            acr: self.acr.map(|acr| text("acr", Some(acr))).transpose()?,
            auth_time: date("auth_time", self.auth_time)?,
            sid: self.sid.map(|sid| text("sid", Some(sid))).transpose()?,
            // Ours is a string; what others call so is their business.
            grant: self.grant.and_then(string).map(Cow::into_owned),
            details: self.authorization_details.map(details).transpose()?.unwrap_or_default(),
            foreign: self.foreign,
            json: Vec::new(),
        })
    }
}

/// What limits the token is read whole or not at all: a limit that nobody understands is one that nobody keeps.
fn details(raw: &str) -> Result<Details, Denial> {
    Details::parse(raw).map_err(|fault| {
        bad("authorization_details", &format!("{}: {}", fault.place(), fault.expected))
    })
}

/// A string; borrowed unless it was written with escapes.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(inner.into())
    }
}

/// A list of strings, of at most `limit`.
pub(crate) fn strings(raw: &str, limit: usize) -> Option<Vec<String>> {
    let list: Vec<String> = serde_json::from_str(raw).ok()?;
    (list.len() <= limit).then_some(list)
}

pub(crate) fn text(name: &str, claim: Claim<'_>) -> Result<String, Denial> {
    let raw = claim.ok_or_else(|| missing(name))?;
    match string(raw) {
        Some(text) if !text.is_empty() && text.len() <= 512 => Ok(text.into_owned()),
        _ => Err(bad(name, "a string of 1 to 512 bytes")),
    }
}

pub(crate) fn id<T: std::str::FromStr<Err = portcullis_types::IdFault>>(
    name: &str,
    claim: Claim<'_>,
) -> Result<T, Denial> {
    text(name, claim)?.parse().map_err(|fault: portcullis_types::IdFault| bad(name, fault.problem))
}

/// A `NumericDate` (RFC 7519 §2): a number, whole or not. Beyond the year 9999 nothing is a date.
pub(crate) fn date(name: &str, claim: Claim<'_>) -> Result<Option<Timestamp>, Denial> {
    const LIMIT: i64 = 253_402_300_800;
    let Some(raw) = claim else { return Ok(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float saturates, and the range is checked"
    )]
    let whole = |seconds: f64| seconds.is_finite().then(|| seconds.floor() as i64);
    // As JSON has numbers, which is not all that Rust parses: `+1`, `inf` and `.5` are none.
    let number = raw.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let seconds = number.then(|| raw.parse().ok().or_else(|| whole(raw.parse().ok()?))).flatten();
    match seconds {
        Some(seconds @ 0..LIMIT) => Ok(Some(Timestamp::from_seconds(seconds))),
        _ => Err(bad(name, "a number of seconds since 1970")),
    }
}

pub(crate) fn audiences(claim: Claim<'_>) -> Result<Vec<String>, Denial> {
    const MOST: usize = 16;
    let raw = claim.ok_or_else(|| missing("aud"))?;
    string(raw)
        .map(|one| vec![one.into_owned()])
        .or_else(|| strings(raw, MOST).filter(|list| !list.is_empty()))
        .ok_or_else(|| bad("aud", "a string, or a list of 1 to 16 strings"))
}

/// Foreign words in a scope grant nothing, so they are no fault; another type is one.
fn scopes(claim: Claim<'_>) -> Result<Scopes, Denial> {
    let Some(raw) = claim else { return Ok(Scopes::default()) };
    let known = |word: &str| word.parse::<Scope>().ok();
    if let Some(text) = string(raw) {
        return Ok(text.split(' ').filter_map(known).collect());
    }
    let list =
        strings(raw, 256).ok_or_else(|| bad("scope", "a string of scopes separated by spaces"))?;
    Ok(list.iter().map(String::as_str).filter_map(known).collect())
}

/// RFC 7800 §3.1. Strict: what is misread here would make a bound token a bearer token.
pub(crate) fn confirmation(raw: &str) -> Result<Box<Confirmation>, Denial> {
    let members =
        json::members(raw.as_bytes()).map_err(|_| bad("cnf", "an object with jkt or x5t#S256"))?;
    let mut cnf = Confirmation { jkt: None, x5t_s256: None, others: Vec::new() };
    for member in members {
        let thumbprint = || {
            let text = string(member.value).and_then(|text| Thumbprint::new(&text).ok());
            text.ok_or_else(|| bad("cnf", "jkt and x5t#S256 as base64url SHA-256"))
        };
        match &*member.name {
            "jkt" => cnf.jkt = Some(thumbprint()?),
            "x5t#S256" => cnf.x5t_s256 = Some(thumbprint()?),
            other => cnf.others.push(other.chars().take(64).collect()),
        }
    }
    Ok(Box::new(cnf))
}

pub(crate) fn missing(claim: &str) -> Denial {
    Denial::MissingClaim { claim: claim.into() }
}

pub(crate) fn bad(claim: &str, expected: &str) -> Denial {
    Denial::BadClaim { claim: claim.into(), expected: expected.into() }
}
