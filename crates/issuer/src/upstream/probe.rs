//! Whether a provider would do, asked before anybody signs in: `portcullis check`.

use super::{
    Provider, SecretIn,
    metadata::{self, Metadata},
    provider::{logout_uri, redirect_uri},
};
use openidconnect::core::CoreResponseType;
use portcullis_types::Timestamp;
use portcullis_web::Outgoing;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::form_urlencoded;

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do about it, if anything.
    pub hint: Option<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Nobody could tell, or it may turn out badly.
    Doubtful,
    /// Nobody could sign in.
    Bad,
}

fn finding(verdict: Verdict, text: impl Into<String>, hint: Option<&str>) -> Finding {
    Finding { verdict, text: text.into(), hint: hint.map(str::to_owned) }
}

/// Asks the provider for its metadata and keys, and its token endpoint for a code that does not exist: the
/// answer tells whether it knows us.
pub async fn probe(
    provider: &Provider,
    issuer: &str,
    outgoing: &Outgoing,
    now: Timestamp,
) -> Vec<Finding> {
    let redirect_uri = redirect_uri(provider, issuer);
    let metadata = match metadata::fetch(provider, outgoing, now).await {
        Ok(metadata) => metadata,
        Err(fault) => return vec![finding(Verdict::Bad, fault.to_string(), None)],
    };
    let mut findings = vec![finding(
        Verdict::Good,
        format!("{} describes itself, with its issuer as configured", provider.issuer),
        None,
    )];
    findings.push(keys(&metadata));
    findings.extend(abilities(provider, &metadata));
    findings.push(known_to_it(provider, &redirect_uri, &metadata, outgoing).await);
    let logout = logout_uri(provider, issuer);
    for (address, what) in [(redirect_uri, "redirect URI"), (logout, "back-channel logout")] {
        let text = format!("register there: {address} ({what})");
        findings.push(finding(Verdict::Good, text, None));
    }
    findings
}

fn keys(metadata: &Metadata) -> Finding {
    match metadata.keys.iter().count() {
        0 => finding(Verdict::Bad, "it publishes no key that can verify an ID token", None),
        count => finding(Verdict::Good, format!("it publishes {count} usable keys"), None),
    }
}

fn abilities(provider: &Provider, metadata: &Metadata) -> Vec<Finding> {
    let document = &metadata.document;
    let mut findings = Vec::new();
    let code = |types: &Vec<CoreResponseType>| types.as_slice() == [CoreResponseType::Code];
    if !document.response_types_supported().iter().any(|types| code(types)) {
        findings.push(finding(Verdict::Bad, "it does not offer response_type=code", None));
    }
    if let Some(scopes) = document.scopes_supported() {
        for scope in &provider.scopes {
            if !scopes.iter().any(|known| known.as_str() == scope) {
                findings.push(finding(
                    Verdict::Doubtful,
                    format!("it does not list the scope {scope}"),
                    Some("leave it out of scopes, or allow it there"),
                ));
            }
        }
    }
    let in_clear = |url: &url::Url| url.scheme() != "https" && !portcullis_web::is_loopback(url);
    let token = document.token_endpoint().map(openidconnect::TokenUrl::url);
    if in_clear(document.authorization_endpoint().url()) || token.is_some_and(in_clear) {
        findings.push(finding(Verdict::Bad, "it has endpoints without https", None));
    }
    if provider.roles.rules.is_empty() && provider.roles.everybody.is_empty() {
        findings.push(finding(
            Verdict::Doubtful,
            "nobody who comes from there gets a role",
            Some("add roles = { \"their-group\" = \"our-role\" }, or everybody = \"our-role\""),
        ));
    }
    findings
}

/// RFC 6749 §5.2: `invalid_client` if it does not know us, `invalid_grant` if it does.
async fn known_to_it(
    provider: &Provider,
    redirect_uri: &str,
    metadata: &Metadata,
    outgoing: &Outgoing,
) -> Finding {
    let Some(endpoint) = metadata.document.token_endpoint() else {
        return finding(Verdict::Bad, "it names no token endpoint", None);
    };
    let request = match request(provider, redirect_uri, endpoint.as_str()) {
        Ok(request) => request,
        Err(problem) => return finding(Verdict::Bad, problem, None),
    };
    let answer = match outgoing.call(request, 64 * 1024).await {
        Ok(answer) => answer,
        Err(fault) => {
            let text = format!("its token endpoint does not answer: {fault}");
            return finding(Verdict::Bad, text, None);
        }
    };
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    match body.get("error").and_then(Value::as_str) {
        Some("invalid_grant") => {
            finding(Verdict::Good, "it knows our client_id and its secret", None)
        }
        Some("invalid_client" | "unauthorized_client") => finding(
            Verdict::Bad,
            "it does not accept our client_id and secret",
            Some("compare both with what the provider shows; auth_method says how they are sent"),
        ),
        Some("redirect_uri_mismatch" | "invalid_request") => finding(
            Verdict::Doubtful,
            "its token endpoint did not say whether it knows us",
            Some("make sure that the redirect URI below is registered there"),
        ),
        other => {
            let what = other.map_or_else(|| answer.status().to_string(), str::to_owned);
            finding(Verdict::Doubtful, format!("its token endpoint answered {what}"), None)
        }
    }
}

fn request(
    provider: &Provider,
    redirect_uri: &str,
    endpoint: &str,
) -> Result<http::Request<Vec<u8>>, String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", "portcullis-check")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("code_verifier", &"portcullis-check-".repeat(3));
    let mut request = http::Request::post(endpoint)
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(http::header::ACCEPT, "application/json");
    match (&provider.client_secret, provider.secret_in) {
        (Some(secret), SecretIn::Header) => {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            let encode = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair =
                format!("{}:{}", encode(&provider.client_id), encode(secret.expose_secret()));
            request = request
                .header(http::header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
        }
        (secret, _) => {
            form.append_pair("client_id", &provider.client_id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
    }
    request.body(form.finish().into_bytes()).map_err(|fault| fault.to_string())
}
