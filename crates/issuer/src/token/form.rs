//! The request's parameters (RFC 6749 §3.2, appendix B): strictly, each once.
//!
//! A form is the standard; JSON is read too, since the SDKs of AI vendors send it, by the same rules.

use axum::body::Body;
use http::{HeaderMap, request::Parts};
use portcullis_directory::excerpt;
use portcullis_jose::json;
use portcullis_types::Denial;
pub(crate) use portcullis_web::form::decode;
use portcullis_web::form::{FORM, FormFault, JSON, bytes, media_type, pairs};
use secrecy::SecretString;
use serde_json::Value;

/// More than any grant has.
const PARAMETERS: usize = 64;

/// A request of a client. An absent parameter and an empty one are the same (RFC 6749 §3.2).
#[derive(Debug, Default)]
pub(crate) struct TokenRequest {
    pub(crate) grant_type: String,
    pub(crate) scope: Option<String>,
    /// RFC 8707 §2: may come more than once, as `audience` may (RFC 8693 §2.1) and nothing else.
    pub(crate) resource: Vec<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) client_assertion: Option<SecretString>,
    pub(crate) client_assertion_type: Option<String>,
    /// RFC 6749 §4.1.3.
    pub(crate) code: Option<SecretString>,
    pub(crate) redirect_uri: Option<String>,
    /// RFC 7636 §4.5.
    pub(crate) code_verifier: Option<SecretString>,
    /// RFC 6749 §6.
    pub(crate) refresh_token: Option<SecretString>,
    /// RFC 8628 §3.4.
    pub(crate) device_code: Option<SecretString>,
    /// RFC 7009 §2.1, RFC 7662 §2.1.
    pub(crate) token: Option<SecretString>,
    pub(crate) token_type_hint: Option<String>,
    /// What only tokens that come to be exchanged bring; on the heap, since most requests have none of it.
    pub(crate) exchange: Option<Box<Exchanged>>,
}

/// RFC 8693 §2.1, RFC 7523 §2.1, RFC 9396 §6.
#[derive(Debug, Default)]
pub(crate) struct Exchanged {
    pub(crate) subject_token: Option<SecretString>,
    pub(crate) subject_token_type: Option<String>,
    pub(crate) actor_token: Option<SecretString>,
    pub(crate) actor_token_type: Option<String>,
    pub(crate) requested_token_type: Option<String>,
    /// May come more than once, as `resource` does.
    pub(crate) audience: Vec<String>,
    pub(crate) authorization_details: Option<String>,
    pub(crate) assertion: Option<SecretString>,
}

impl Exchanged {
    const NAMES: [&str; 8] = [
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "audience",
        "authorization_details",
        "assertion",
    ];

    /// Whether it is one of these, and then what it holds.
    fn take(exchange: &mut Option<Box<Self>>, name: &str, value: Option<String>) {
        if !Self::NAMES.contains(&name) {
            return; // RFC 6749 §3.2: unrecognized parameters are ignored
        }
        let own = exchange.get_or_insert_default();
        match name {
            "subject_token" => own.subject_token = value.map(Into::into),
            "subject_token_type" => own.subject_token_type = value,
            "actor_token" => own.actor_token = value.map(Into::into),
            "actor_token_type" => own.actor_token_type = value,
            "requested_token_type" => own.requested_token_type = value,
            "audience" => own.audience.extend(value),
            "authorization_details" => own.authorization_details = value,
            _ => own.assertion = value.map(Into::into),
        }
    }
}

/// How the body is written.
enum Format {
    Form,
    Json,
}

/// Reads the whole request.
pub(crate) async fn read(parts: &Parts, body: Body) -> Result<TokenRequest, Denial> {
    if parts.uri.query().is_some() {
        return Err(bad(None, "this endpoint takes no query; send parameters in the body"));
    }
    let format = format(&parts.headers)?;
    let body = bytes(&parts.headers, body).await.map_err(unreadable)?;
    let pairs = match format {
        Format::Form => form(&body)?,
        Format::Json => object(&body)?,
    };
    TokenRequest::collect(pairs)
}

impl TokenRequest {
    fn collect(pairs: Vec<(String, String)>) -> Result<Self, Denial> {
        if pairs.len() > PARAMETERS {
            return Err(bad(None, "there are too many parameters"));
        }
        let mut request = Self::default();
        let mut seen: Vec<String> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            if !matches!(name.as_str(), "resource" | "audience") && seen.contains(&name) {
                return Err(bad(Some(&excerpt(&name)), "a parameter occurs more than once"));
            }
            let present = Some(value).filter(|value| !value.is_empty());
            match name.as_str() {
                "grant_type" => request.grant_type = present.unwrap_or_default(),
                "scope" => request.scope = present,
                "resource" => request.resource.extend(present),
                "client_id" => request.client_id = present,
                "client_secret" => request.client_secret = present.map(Into::into),
                "client_assertion" => request.client_assertion = present.map(Into::into),
                "client_assertion_type" => request.client_assertion_type = present,
                "code" => request.code = present.map(Into::into),
                "redirect_uri" => request.redirect_uri = present,
                "code_verifier" => request.code_verifier = present.map(Into::into),
                "refresh_token" => request.refresh_token = present.map(Into::into),
                "device_code" => request.device_code = present.map(Into::into),
                "token" => request.token = present.map(Into::into),
                "token_type_hint" => request.token_type_hint = present,
                name => Exchanged::take(&mut request.exchange, name, present),
            }
            seen.push(name);
        }
        Ok(request)
    }

    /// `grant_type`, which the token endpoint needs.
    pub(crate) fn of_a_grant(&self) -> Result<&str, Denial> {
        if self.grant_type.is_empty() {
            return Err(bad(Some("grant_type"), "grant_type is missing"));
        }
        Ok(&self.grant_type)
    }
}

/// Exactly one content type, with no parameter but `charset=utf-8`.
fn format(headers: &HeaderMap) -> Result<Format, Denial> {
    let wrong = || {
        let problem = "the content type must be application/x-www-form-urlencoded, or application/json, in UTF-8";
        bad(Some("Content-Type"), problem)
    };
    match media_type(headers).as_deref() {
        Some(FORM) => Ok(Format::Form),
        Some(JSON) => Ok(Format::Json),
        _ => Err(wrong()),
    }
}

/// Both kinds of body.
#[cfg(fuzzing)]
pub(crate) fn fuzzed(body: &[u8]) {
    for pairs in [form(body), object(body)].into_iter().flatten() {
        let _ = TokenRequest::collect(pairs);
    }
}

/// `application/x-www-form-urlencoded`, and nothing that only looks like it.
fn form(body: &[u8]) -> Result<Vec<(String, String)>, Denial> {
    pairs(body).ok_or_else(|| unreadable(FormFault::Malformed))
}

fn unreadable(fault: FormFault) -> Denial {
    let header = (fault == FormFault::Compressed).then_some("Content-Encoding");
    bad(header, &fault.to_string())
}

/// A JSON object of strings; `resource` may be a list of them.
fn object(body: &[u8]) -> Result<Vec<(String, String)>, Denial> {
    let object = json::object(body).map_err(|fault| bad(None, &fault.to_string()))?;
    let mut pairs = Vec::with_capacity(object.len());
    for (name, value) in object {
        match value {
            Value::String(value) => pairs.push((name, value)),
            Value::Array(_) if name == "authorization_details" => {
                pairs.push((name, value.to_string()));
            }
            Value::Array(values) if matches!(name.as_str(), "resource" | "audience") => {
                for value in values {
                    let Value::String(value) = value else {
                        return Err(bad(Some(&name), "the parameter must be a string, or several"));
                    };
                    pairs.push((name.clone(), value));
                }
            }
            Value::Null => {}
            _ if KNOWN.contains(&name.as_str()) || Exchanged::NAMES.contains(&name.as_str()) => {
                return Err(bad(Some(&name), "the parameter must be a string"));
            }
            _ => {}
        }
    }
    Ok(pairs)
}

/// What all other grants bring.
const KNOWN: [&str; 14] = [
    "grant_type",
    "scope",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "device_code",
    "token",
    "token_type_hint",
];

pub(crate) fn bad(parameter: Option<&str>, problem: &str) -> Denial {
    Denial::BadRequest { parameter: parameter.map(str::to_owned), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
