//! Client information (RFC 7591 §3.2.1, RFC 7592 §3): everything as it is in effect.

use super::seconds;
use crate::server::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, StatusCode, header};
use portcullis_directory::{ApplicationType, Client, ClientAuth, NameKind, Registration, Shape};
use serde_json::{Map, Value, json};

/// Of secrets nobody keeps a copy; a program in a browser may read them where it registered.
pub(super) const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::PRAGMA, "no-cache"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
];

/// What is answered.
pub(super) struct Information(Map<String, Value>);

impl Information {
    /// `token` manages the registration; `secret` is told this once.
    pub(super) fn of(state: &State, client: &Client, token: &str, secret: Option<String>) -> Self {
        let uri = state.settings.url(&format!("/register/{}", client.id));
        let mut to = Map::new();
        let mut put = |name: &str, value: Value| {
            to.insert(name.to_owned(), value);
        };
        put("client_id", json!(client.id));
        put("client_id_issued_at", json!(seconds(client.created)));
        put("registration_client_uri", json!(uri));
        put("registration_access_token", json!(token));
        if let Some(secret) = secret {
            put("client_secret", json!(secret));
        }
        if client.auth == ClientAuth::ClientSecret {
            put("client_secret_expires_at", json!(client.expires.map_or(0, seconds)));
        }
        put("client_name", json!(client.name));
        put("token_endpoint_auth_method", json!(method(client)));
        let grants: Vec<_> = client.grant_types.iter().map(|grant| grant.name()).collect();
        let code = grants.contains(&"authorization_code");
        put("grant_types", json!(grants));
        put("response_types", if code { json!(["code"]) } else { json!([]) });
        put("scope", json!(scope(client)));
        keys(client, &mut to);
        registration(&client.registration, &mut to);
        Self(to)
    }

    pub(super) fn into_response(self, status: StatusCode) -> Response {
        let body = Value::Object(self.0).to_string();
        (status, HEADERS, body).into_response()
    }
}

fn method(client: &Client) -> &'static str {
    match (&client.auth, client.registration.token_endpoint_auth_method) {
        (ClientAuth::ClientSecret, Some(method)) => method.name(),
        (ClientAuth::ClientSecret, None) => "client_secret_basic",
        (other, _) => other.name(),
    }
}

/// Wildcards cannot be asked for, so they are not told.
fn scope(client: &Client) -> String {
    let identity = client.registration.identity.to_string();
    let api = client.scopes.iter().map(ToString::to_string).filter(|scope| !scope.contains('*'));
    let words: Vec<_> =
        Some(identity).into_iter().filter(|all| !all.is_empty()).chain(api).collect();
    words.join(" ")
}

fn keys(client: &Client, to: &mut Map<String, Value>) {
    if let Some(keys) = client.keys() {
        let name = if keys.uri().is_some() { "jwks_uri" } else { "jwks" };
        to.insert(name.to_owned(), keys.to_json());
    }
    if let ClientAuth::TlsClient { matcher } = &client.auth {
        let name = match matcher.kind() {
            NameKind::SubjectDn => "tls_client_auth_subject_dn",
            NameKind::SanDns => "tls_client_auth_san_dns",
            NameKind::SanUri => "tls_client_auth_san_uri",
            NameKind::SanIp => "tls_client_auth_san_ip",
            NameKind::SanEmail => "tls_client_auth_san_email",
        };
        to.insert(name.to_owned(), json!(matcher.value()));
    }
}

/// Members that say nothing are left out, flags that are off too.
fn registration(from: &Registration, to: &mut Map<String, Value>) {
    let web = from.application_type == ApplicationType::Web;
    let members = [
        ("redirect_uris", json!(from.redirect_uris)),
        ("post_logout_redirect_uris", json!(from.post_logout_redirect_uris)),
        ("application_type", json!(if web { "web" } else { "native" })),
        ("client_uri", json!(from.client_uri)),
        ("logo_uri", json!(from.logo_uri)),
        ("policy_uri", json!(from.policy_uri)),
        ("tos_uri", json!(from.tos_uri)),
        ("contacts", json!(from.contacts)),
        ("software_id", json!(from.software_id)),
        ("software_version", json!(from.software_version)),
        ("initiate_login_uri", json!(from.initiate_login_uri)),
        ("subject_type", json!(from.subject_type)),
        ("sector_identifier_uri", json!(from.sector_identifier_uri)),
        ("request_object_signing_alg", json!(from.request_object_signing_alg)),
        ("token_endpoint_auth_signing_alg", json!(from.token_endpoint_auth_signing_alg)),
        ("default_max_age", json!(from.default_max_age.map(portcullis_types::Ttl::as_seconds))),
        ("default_acr_values", json!(from.default_acr_values)),
        ("require_auth_time", json!(from.require_auth_time)),
        ("require_signed_request_object", json!(from.require_signed_request_object)),
        (
            "require_pushed_authorization_requests",
            json!(from.require_pushed_authorization_requests),
        ),
        ("dpop_bound_access_tokens", json!(from.dpop_bound_access_tokens)),
        (
            "tls_client_certificate_bound_access_tokens",
            json!(from.tls_client_certificate_bound_access_tokens),
        ),
        ("backchannel_logout_uri", json!(from.backchannel_logout_uri)),
        ("backchannel_logout_session_required", json!(from.backchannel_logout_session_required)),
    ];
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    let said = members.into_iter().filter(|(_, value)| says(value));
    to.extend(said.map(|(name, value)| (name.to_owned(), value)));
    for (what, shape) in [
        ("id_token", &from.id_token),
        ("userinfo", &from.userinfo),
        ("introspection", &from.introspection),
        ("authorization", &from.authorization),
    ] {
        put_shape(what, shape, to);
    }
}

fn put_shape(what: &str, shape: &Shape, to: &mut Map<String, Value>) {
    let members = [
        (format!("{what}_signed_response_alg"), json!(shape.signed)),
        (format!("{what}_encrypted_response_alg"), json!(shape.encrypted_alg)),
        (format!("{what}_encrypted_response_enc"), json!(shape.encrypted_enc)),
    ];
    to.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
}
