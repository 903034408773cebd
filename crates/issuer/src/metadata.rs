//! Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0): what is true now, and no more.

use crate::{Settings, Shown, Vouched, authorize, token, tokens_metadata};
use axum::{
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use http::header;
use portcullis_directory::{AuthMethod, GrantType};
use portcullis_jose::Alg;
use portcullis_types::{Audience, IdentityScope, Scopes};
use serde::Serialize;

#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    token_endpoint: String,
    jwks_uri: String,
    /// RFC 7591.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    client_id_metadata_document_supported: bool,
    scopes_supported: Vec<&'a str>,
    #[serde(flatten)]
    authorization: authorize::Metadata,
    grant_types_supported: Vec<&'a str>,
    /// draft-ietf-oauth-identity-assertion-authz-grant.
    authorization_grant_profiles_supported: [&'a str; 1],
    token_endpoint_auth_methods_supported: Vec<&'a str>,
    token_endpoint_auth_signing_alg_values_supported: Vec<Alg>,
    /// RFC 9728 §4.
    protected_resources: Vec<&'a Audience>,
    #[serde(flatten)]
    tokens: tokens_metadata::Metadata,
    /// RFC 8705 §3.3.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
    /// RFC 8705 §5.
    #[serde(skip_serializing_if = "Option::is_none")]
    mtls_endpoint_aliases: Option<Aliases>,
}

/// Where certificates are asked for.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "each is the metadata member of its name")]
struct Aliases {
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    device_authorization_endpoint: String,
    userinfo_endpoint: String,
    pushed_authorization_request_endpoint: String,
}

impl Aliases {
    fn below(url: &str) -> Self {
        let at = |endpoint: &str| format!("{url}/{endpoint}");
        Self {
            token_endpoint: at("token"),
            introspection_endpoint: at("introspect"),
            revocation_endpoint: at("revoke"),
            device_authorization_endpoint: at("device_authorization"),
            userinfo_endpoint: at("userinfo"),
            pushed_authorization_request_endpoint: at("par"),
        }
    }
}

/// The document, which only a restart changes.
pub(crate) fn document(settings: &Settings) -> Bytes {
    let scopes: Scopes = settings.apis.iter().flat_map(|api| api.scopes.iter().cloned()).collect();
    let metadata = Metadata {
        issuer: settings.issuer.as_str(),
        token_endpoint: settings.url("/token"),
        jwks_uri: settings.url("/jwks"),
        registration_endpoint: settings.registrations.as_ref().map(|_| settings.url("/register")),
        client_id_metadata_document_supported: settings.documents.is_some(),
        scopes_supported: IdentityScope::ALL
            .map(IdentityScope::name)
            .into_iter()
            .chain(scopes.iter().map(AsRef::as_ref))
            .collect(),
        authorization: authorize::metadata(settings),
        grant_types_supported: token::SERVED.map(GrantType::name).to_vec(),
        authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
        token_endpoint_auth_methods_supported: auth_methods(settings),
        token_endpoint_auth_signing_alg_values_supported: Alg::ALL
            .into_iter()
            .filter(|alg| !alg.is_symmetric())
            .collect(),
        protected_resources: settings
            .apis
            .iter()
            // Whose API it is, is nobody else's business.
            .filter(|api| api.tenant.is_none())
            .map(|api| &api.resource)
            .collect(),
        tokens: tokens_metadata::metadata(settings, &auth_methods(settings)),
        tls_client_certificate_bound_access_tokens: settings.certificates.shown == Shown::Here,
        mtls_endpoint_aliases: settings.certificates.mtls_url.as_deref().map(Aliases::below),
    };
    serde_json::to_vec_pretty(&metadata).unwrap_or_default().into()
}

fn auth_methods(settings: &Settings) -> Vec<&'static str> {
    let mut methods = AuthMethod::ALL.to_vec();
    let certificates = &settings.certificates;
    if certificates.shown == Shown::Here {
        methods.push(AuthMethod::SelfSignedTlsClientAuth);
        if certificates.vouched == Vouched::ByAuthorities {
            methods.push(AuthMethod::TlsClientAuth);
        }
    }
    methods.into_iter().map(AuthMethod::name).collect()
}

/// `GET`, from anywhere: browsers may read it too.
pub(crate) fn serve(document: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=600"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, document).into_response()
}
