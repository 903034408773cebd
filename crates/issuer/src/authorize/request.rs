//! An authorization request, parsed: RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1, RFC 7636, RFC 8707,
//! RFC 9449 §10. Says what was asked for; whether it may be had is asked elsewhere.

use super::{
    hint::Hints,
    offer::Wanted,
    parameters::{Parameters, refuse, unfit},
    prompt::Prompts,
    way_back::{ResponseMode, WayBack},
};
use crate::claims;
use portcullis_directory::{ClaimsAsked, Client};
use portcullis_types::{Acr, AuthorizationError as Error, ClientId, Denial, Ttl};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an app asks for. Kept as JSON while the person signs in; holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: ClientId,
    pub(crate) way_back: WayBack,
    /// `None`: the client's default.
    pub(crate) scope: Option<String>,
    /// RFC 8707 §2.
    pub(crate) resource: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) prompt: Prompts,
    pub(crate) max_age: Option<Ttl>,
    pub(crate) login_hint: Option<String>,
    pub(crate) ui_locales: Vec<String>,
    /// Those of `acr_values` that are known here; empty if none is.
    pub(crate) acr_values: Vec<Acr>,
    pub(crate) claims: ClaimsAsked,
    /// The `acr` that must be one of these, if the app made it essential (OpenID Connect Core §5.5.1.1).
    pub(crate) essential_acr: Option<Vec<Acr>>,
    /// The `sub` that it must be, by `id_token_hint` or `claims`.
    pub(crate) sub: Option<String>,
    /// S256.
    pub(crate) code_challenge: Option<String>,
    /// RFC 9449 §10.
    pub(crate) dpop_jkt: Option<String>,
    /// How it came.
    pub(crate) came: Came,
}

/// How a request came, for the rules of clients that allow only some ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Came {
    /// By PAR (RFC 9126): this is its `request_uri`.
    pub(crate) pushed: Option<String>,
    /// In a signed request object (RFC 9101).
    pub(crate) signed: bool,
}

impl AuthorizationRequest {
    /// Reads everything but client and way back, which come first (RFC 6749 §4.1.2.1).
    pub(crate) fn read(
        parameters: &Parameters,
        client: &Client,
        way_back: WayBack,
        hints: &Hints<'_>,
    ) -> Result<Self, Denial> {
        parameters.all_fit()?;
        unsupported(parameters)?;
        if let Some(mode) = parameters.get("response_mode")? {
            mode.parse::<ResponseMode>().map_err(|()| {
                unfit("response_mode", "must be query, form_post, jwt, query.jwt or form_post.jwt")
            })?;
        }
        let asked = claims_asked(parameters.get("claims")?)?;
        let hinted = parameters.get("id_token_hint")?.map(|token| hints.subject(client, token));
        let sub = match (hinted.transpose()?.flatten(), asked.sub) {
            (Some(hinted), Some(sub)) if hinted != sub => {
                return Err(unfit("claims", "asks for another sub than id_token_hint has"));
            }
            (hinted, sub) => hinted.or(sub),
        };
        let registered = &client.registration;
        Ok(Self {
            client_id: client.id.clone(),
            way_back,
            scope: parameters.get("scope")?.map(str::to_owned),
            resource: parameters.get("resource")?.map(str::to_owned),
            nonce: bounded(parameters, "nonce", 512)?,
            prompt: Prompts::read(parameters.get("prompt")?)?,
            max_age: max_age(parameters.get("max_age")?)?.or(registered.default_max_age),
            login_hint: bounded(parameters, "login_hint", 256)?,
            ui_locales: words(parameters.get("ui_locales")?),
            acr_values: match parameters.get("acr_values")? {
                Some(values) => known(values.split(' ')),
                None => known(registered.default_acr_values.iter().map(String::as_str)),
            },
            claims: asked.claims,
            essential_acr: asked.essential_acr,
            sub,
            code_challenge: code_challenge(parameters)?,
            dpop_jkt: digest(parameters, "dpop_jkt")?,
            came: Came::default(),
        })
    }

    /// What the app wants to have.
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            scope: self.scope.as_deref(),
            resource: self.resource.as_deref(),
            claims: Some(&self.claims),
        }
    }

    /// The strengths of which one is wanted: what is essential, or else what was asked for.
    pub(crate) fn wanted_acr(&self) -> &[Acr] {
        self.essential_acr.as_deref().unwrap_or(&self.acr_values)
    }
}

/// What this server does not do, by the names that standards gave it.
fn unsupported(parameters: &Parameters) -> Result<(), Denial> {
    for (name, error, problem) in [
        ("registration", Error::RegistrationNotSupported, "registration is not supported"),
        (
            "authorization_details",
            Error::InvalidAuthorizationDetails,
            "no type of authorization_details is known here",
        ),
        ("request", Error::InvalidRequestObject, "a request object holds another one"),
        ("request_uri", Error::InvalidRequestObject, "a request object points to another one"),
    ] {
        if parameters.has(name) {
            return Err(refuse(error, name, problem));
        }
    }
    match parameters.get("response_type")? {
        None => Err(unfit("response_type", "is missing; it must be code")),
        Some("code") => Ok(()),
        Some(_) => Err(refuse(
            Error::UnsupportedResponseType,
            "response_type",
            "only the response_type code is supported",
        )),
    }
}

fn bounded(
    parameters: &Parameters,
    name: &'static str,
    limit: usize,
) -> Result<Option<String>, Denial> {
    let value = parameters.get(name)?;
    if value.is_some_and(|value| value.len() > limit) {
        return Err(unfit(name, &format!("is longer than {limit} bytes")));
    }
    Ok(value.map(str::to_owned))
}

/// OpenID Connect Core §3.1.2.1: seconds. More than a century is no wish.
fn max_age(value: Option<&str>) -> Result<Option<Ttl>, Denial> {
    let problem = || unfit("max_age", "must be a number of seconds, 0 or more");
    let Some(value) = value else { return Ok(None) };
    if value.len() > 10 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(problem());
    }
    value.parse().map(|seconds| Some(Ttl::seconds(seconds))).map_err(|_| problem())
}

/// At most eight, each short.
fn words(value: Option<&str>) -> Vec<String> {
    let words = value.unwrap_or_default().split(' ');
    words.filter(|word| !word.is_empty() && word.len() <= 35).take(8).map(str::to_owned).collect()
}

fn known<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Acr> {
    values.filter_map(|value| value.parse().ok()).collect()
}

/// RFC 7636 §4.3: S256 alone. No method means `plain`, which protects nothing once the request is seen.
fn code_challenge(parameters: &Parameters) -> Result<Option<String>, Denial> {
    let challenge = digest(parameters, "code_challenge")?;
    match (&challenge, parameters.get("code_challenge_method")?) {
        (Some(_), Some("S256")) | (None, None) => Ok(challenge),
        (Some(_), _) => Err(unfit("code_challenge_method", "must be S256")),
        (None, Some(_)) => Err(unfit("code_challenge", "is missing")),
    }
}

/// The base64url of a SHA-256.
fn digest(parameters: &Parameters, name: &'static str) -> Result<Option<String>, Denial> {
    let value = parameters.get(name)?;
    let fits = |text: &str| {
        text.len() == 43
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    match value {
        Some(text) if !fits(text) => {
            Err(unfit(name, "must be the base64url of a SHA-256: 43 letters, digits, '-' or '_'"))
        }
        value => Ok(value.map(str::to_owned)),
    }
}

/// What `claims` asks for.
#[derive(Debug, Default)]
struct Asked {
    claims: ClaimsAsked,
    essential_acr: Option<Vec<Acr>>,
    sub: Option<String>,
}

/// OpenID Connect Core §5.5. Members and claims that nobody knows here are left out, as it demands.
fn claims_asked(value: Option<&str>) -> Result<Asked, Denial> {
    let Some(value) = value else { return Ok(Asked::default()) };
    let problem = |problem: &str| unfit("claims", problem);
    let object = portcullis_jose::json::object(value.as_bytes())
        .map_err(|fault| problem(&format!("is no JSON object: {fault}")))?;
    let mut asked = Asked::default();
    for (member, name) in [("id_token", true), ("userinfo", false)] {
        let single = match object.get(member) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(single)) => single,
            Some(_) => return Err(problem("must hold objects in id_token and userinfo")),
        };
        let odd = single.values().any(|how| !matches!(how, Value::Null | Value::Object(_)));
        if odd {
            return Err(problem("must hold null or an object for each claim"));
        }
        let known = single.keys().filter(|name| claims::scope_of(name).is_some()).cloned();
        if name {
            asked.claims.id_token = known.collect();
            asked.essential_acr = essential_acr(single)?;
            asked.sub = subject(single)?;
        } else {
            asked.claims.userinfo = known.collect();
        }
    }
    Ok(asked)
}

/// The same, for whoever only wants it to be read.
#[cfg(fuzzing)]
pub(crate) fn fuzzed(text: &str) {
    let _ = claims_asked(Some(text));
}

/// `None` if `acr` may be anything; the known ones of those it must be, if it must be one.
fn essential_acr(claims: &Map<String, Value>) -> Result<Option<Vec<Acr>>, Denial> {
    let Some(Value::Object(acr)) = claims.get("acr") else { return Ok(None) };
    let values = match (acr.get("value"), acr.get("values")) {
        (Some(one), None) => vec![one],
        (None, Some(Value::Array(several))) => several.iter().collect(),
        (None, None) => return Ok(None),
        _ => return Err(unfit("claims", "must give acr either a value or a list of values")),
    };
    let texts: Option<Vec<&str>> = values.into_iter().map(Value::as_str).collect();
    let texts = texts.ok_or_else(|| unfit("claims", "must give acr strings as values"))?;
    let essential = acr.get("essential").and_then(Value::as_bool).unwrap_or(false);
    Ok(essential.then(|| known(texts.into_iter())))
}

/// OpenID Connect Core §5.5: the app asks for one person, whom it knows already.
fn subject(claims: &Map<String, Value>) -> Result<Option<String>, Denial> {
    match claims.get("sub").and_then(|sub| sub.get("value")) {
        None => Ok(None),
        Some(Value::String(sub)) => Ok(Some(sub.clone())),
        Some(_) => Err(unfit("claims", "must give sub a string as value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_known_names_and_an_essential_strength() {
        let json = r#"{"id_token":{"auth_time":null,"x":null,
            "acr":{"essential":true,"values":["mfa","urn:x"]},"sub":{"value":"usr_1"}},
            "userinfo":{"email":{"essential":true},"y":{}},"z":1}"#;
        let asked = claims_asked(Some(json)).unwrap();
        assert!(asked.claims.id_token.is_empty(), "these are told anyway");
        assert_eq!(asked.claims.userinfo, ["email"]);
        assert_eq!(asked.essential_acr, Some(vec![Acr::Mfa]));
        assert_eq!(asked.sub.as_deref(), Some("usr_1"));
        for bad in [
            "[]",
            "{",
            "\"x\"",
            r#"{"id_token":1}"#,
            r#"{"id_token":{"acr":true}}"#,
            "{\"a\":1,\"a\":2}",
        ] {
            assert!(claims_asked(Some(bad)).is_err(), "{bad}");
        }
        let voluntary = r#"{"id_token":{"acr":{"value":"mfa"}}}"#;
        assert_eq!(claims_asked(Some(voluntary)).unwrap().essential_acr, None);
    }

    #[test]
    fn an_age_is_a_number_of_seconds() {
        assert_eq!(max_age(Some("0")).unwrap(), Some(Ttl::seconds(0)));
        for bad in ["-1", "1.5", "x", "99999999999", "+1", " 1"] {
            assert!(max_age(Some(bad)).is_err(), "{bad}");
        }
    }
}
