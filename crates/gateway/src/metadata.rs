//! Protected resource metadata (RFC 9728): where to get a token for an API.

use crate::settings::{Api, Settings};
use bytes::Bytes;
use portcullis_types::Audience;
use portcullis_verify::dpop;
use rustc_hash::FxHashMap;
use serde::Serialize;
use url::Url;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// RFC 9728 §2.
#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: &'a [String],
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: [&'static str; dpop::ALGS.len()],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
}

/// Every API's document, by the path at which this gateway serves it and the host it is for.
pub(crate) struct Documents(FxHashMap<String, Vec<(Option<String>, Bytes)>>);

impl Documents {
    /// Writes the document of each API.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut documents = FxHashMap::<_, Vec<_>>::default();
        for api in &settings.apis {
            let host = Url::parse(api.resource.as_str()).ok().and_then(|url| host(&url));
            documents.entry(path(&api.resource)).or_default().push((host, document(api)));
        }
        Self(documents)
    }

    /// The document at `path`, if it is one. Where two APIs differ in their host alone, that of `host`.
    pub(crate) fn at(&self, path: &str, host: Option<&str>) -> Option<Bytes> {
        if !path.starts_with(WELL_KNOWN) {
            return None;
        }
        let documents = self.0.get(path)?;
        let meant = documents.iter().find(|(known, _)| known.as_deref() == host);
        let only = documents.first().filter(|_| documents.len() == 1);
        meant.or(only).map(|(_, document)| document.clone())
    }
}

/// As a `Host` header has it: with the port, unless it is the scheme's own.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The `resource_metadata` of a challenge: on the resource's own host (RFC 9728 §3.1), or on ours where
/// the resource is no web address.
pub(crate) fn address(gateway: &str, resource: &Audience) -> String {
    let origin = dpop::origin(resource).unwrap_or_else(|| gateway.to_owned());
    format!("{origin}{}", path(resource))
}

/// RFC 9728 §3.1: the well-known part goes between host and path. A resource that is no web address is
/// told apart by its text.
fn path(resource: &Audience) -> String {
    match Url::parse(resource.as_str()) {
        // Only a slash right after the host is cut (RFC 9728 §3.1).
        Ok(url) if url.has_host() && url.path() == "/" => WELL_KNOWN.to_owned(),
        Ok(url) if url.has_host() => format!("{WELL_KNOWN}{}", url.path()),
        _ => {
            let text: String =
                url::form_urlencoded::byte_serialize(resource.as_str().as_bytes()).collect();
            format!("{WELL_KNOWN}/{text}")
        }
    }
}

fn document(api: &Api) -> Bytes {
    let metadata = Metadata {
        resource: api.resource.as_str(),
        authorization_servers: &api.issuers,
        scopes_supported: api.scopes.iter().map(portcullis_types::Scope::as_str).collect(),
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: dpop::ALGS.map(portcullis_jose::Alg::name),
        dpop_bound_access_tokens_required: api.demand.dpop.is_required(),
        tls_client_certificate_bound_access_tokens: api.demand.client_certificate.is_required(),
        resource_name: api.title.as_deref(),
    };
    serde_json::to_vec(&metadata).map_or_else(|_| Bytes::new(), Bytes::from)
}
