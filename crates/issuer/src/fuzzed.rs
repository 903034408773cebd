//! Parsers of what strangers send, for fuzz targets alone: each takes whatever comes, and says nothing.

use crate::{Ceiling, authorize, client_metadata, remote, scim, token::form};
use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderValue};
use ipnet::IpNet;
use portcullis_directory::{AuthMethod, GrantType, Origin};
use portcullis_jose::{Alg, json};
use portcullis_types::IdentityScopes;
use std::net::{IpAddr, SocketAddr};

/// A SCIM filter; a SCIM PATCH on a person and on a group.
pub fn scim(filter: &str, body: &str) {
    scim::fuzzed(filter, body);
}

/// The parameters of `/authorize` and of `/token`, as a form and as JSON.
pub fn parameters(text: &[u8]) {
    let _ = authorize::Parameters::of_form(text).map(|parameters| parameters.all_fit().is_ok());
    form::fuzzed(text);
}

/// What a request object says.
pub fn request_object(text: &str) {
    if let Ok(jws) = portcullis_jose::jws::Compact::parse(text) {
        let _ = jws.header();
    }
    if let Ok(claims) = json::object(text.as_bytes()) {
        let _ = authorize::Parameters::of_claims(claims).map(|read| read.all_fit().is_ok());
    }
}

/// The `claims` parameter.
pub fn claims(text: &str) {
    authorize::fuzzed_claims(text);
}

/// What an app says about itself, at registration or in a document of its own.
pub fn client_metadata(text: &[u8]) {
    if let Ok(metadata) = json::object(text) {
        let ceiling = everything();
        if let Ok(said) = client_metadata::read(&metadata, &ceiling, &[Alg::ES256, Alg::Ed25519]) {
            let _ = said.into_new(None, Origin::Dynamic, &ceiling, None);
        }
    }
}

/// What lets an app say the most: where nothing is allowed, all is refused at once.
fn everything() -> Ceiling {
    use AuthMethod::{
        ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, SelfSignedTlsClientAuth, TlsClientAuth,
    };
    Ceiling {
        identity: IdentityScopes::all(),
        scopes: "generate:*".parse().into_iter().collect(),
        resources: "https://gw.example/v1".parse().into_iter().collect(),
        auth_methods: vec![
            AuthMethod::None,
            ClientSecretBasic,
            ClientSecretPost,
            PrivateKeyJwt,
            TlsClientAuth,
            SelfSignedTlsClientAuth,
        ],
        grant_types: GrantType::ALL.to_vec(),
        ..Ceiling::default()
    }
}

/// Who sends a request, by `X-Forwarded-For` of a proxy that is trusted.
pub fn forwarded_for(values: &[&[u8]], trusted: &[IpNet]) -> Option<IpAddr> {
    let mut extensions = Extensions::new();
    extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    let mut headers = HeaderMap::new();
    for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
        headers.append("x-forwarded-for", value);
    }
    remote::address(&extensions, &headers, trusted)
}
