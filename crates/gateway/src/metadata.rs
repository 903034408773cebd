//! Protected resource metadata (RFC 9728): where to get a token for an API.

use crate::settings::{Api, Settings};
use bytes::Bytes;
use portcullis_types::Audience;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
}

/// Every API's document, by the path at which this gateway serves it.
pub(crate) struct Documents(FxHashMap<String, Bytes>);

impl Documents {
    /// Writes the document of each API.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(settings.apis.iter().map(|api| (path(&api.resource), document(api))).collect())
    }

    /// The document at `path`, if it is one.
    pub(crate) fn at(&self, path: &str) -> Option<Bytes> {
        path.starts_with(WELL_KNOWN).then(|| self.0.get(path).cloned()).flatten()
    }
}

/// The `resource_metadata` of a challenge: on the resource's own host (RFC 9728 §3.1), or on ours where
/// the resource is no web address.
pub(crate) fn address(gateway: &str, resource: &Audience) -> String {
    let origin = match Url::parse(resource.as_str()) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => {
            url.origin().ascii_serialization()
        }
        _ => gateway.to_owned(),
    };
    format!("{origin}{}", path(resource))
}

/// RFC 9728 §3.1: the well-known part goes between host and path. A resource that is no web address is
/// told apart by its text.
fn path(resource: &Audience) -> String {
    match Url::parse(resource.as_str()) {
        Ok(url) if url.has_host() => format!("{WELL_KNOWN}{}", url.path().trim_end_matches('/')),
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
        resource_name: api.title.as_deref(),
    };
    serde_json::to_vec(&metadata).map_or_else(|_| Bytes::new(), Bytes::from)
}
