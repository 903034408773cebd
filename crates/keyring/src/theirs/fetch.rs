//! One fetch: from the issuer to its keys (OpenID Connect Discovery 1.0 §4, RFC 8414 §3, RFC 7517 §5).

use portcullis_jose::{
    json,
    jwk::{KeyFault, KeySet},
};
use portcullis_types::{Issuer, Ttl};
use portcullis_web::{FetchFault, Fetched, Outgoing};
use url::Url;

/// Neither metadata nor a key set may be larger, in bytes. AWS draws the same line.
pub const LARGEST_DOCUMENT: usize = 150_000;

/// Where to look.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Discovery,
    JwksUri(Url),
}

/// A key set as it came.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) set: KeySet,
    pub(crate) max_age: Option<Ttl>,
}

/// Why no keys came. Never a word of what did come, except the names that must match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchTrouble {
    #[error("{url}: {fault}")]
    Refused { url: String, fault: FetchFault },
    #[error("{url} answers with status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} is not metadata as RFC 8414 §3.2 wants it: {problem}")]
    Metadata { url: String, problem: String },
    #[error(
        "{url} speaks for the issuer {found:?}, not for {expected:?}; they must be equal, byte for byte"
    )]
    Issuer { url: String, found: String, expected: Issuer },
    #[error("{url} is not a key set: {fault}")]
    KeySet { url: String, fault: KeyFault },
    #[error("{issuer} leads to no metadata address")]
    NoAddress { issuer: Issuer },
}

/// Fetches the keys, by way of the metadata where that is wanted.
pub(crate) async fn fetch(
    issuer: &Issuer,
    place: &Place,
    client: &Outgoing,
) -> Result<Document, FetchTrouble> {
    match place {
        Place::JwksUri(url) => key_set(url, client).await,
        Place::Discovery => key_set(&discover(issuer, client).await?, client).await,
    }
}

async fn key_set(url: &Url, client: &Outgoing) -> Result<Document, FetchTrouble> {
    let fetched = get(url, client).await?;
    if fetched.status != 200 {
        return Err(FetchTrouble::Status { url: url.to_string(), status: fetched.status });
    }
    let set = KeySet::parse(&fetched.body)
        .map_err(|fault| FetchTrouble::KeySet { url: url.to_string(), fault })?;
    Ok(Document { set, max_age: fetched.max_age })
}

async fn get(url: &Url, client: &Outgoing) -> Result<Fetched, FetchTrouble> {
    let fetched = client.get_json(url, LARGEST_DOCUMENT).await;
    fetched.map_err(|fault| FetchTrouble::Refused { url: url.to_string(), fault })
}

/// The issuer's `jwks_uri`. The second address is tried only if the first does not exist: an issuer that
/// is down, or that lies, does not get better by being asked elsewhere.
async fn discover(issuer: &Issuer, client: &Outgoing) -> Result<Url, FetchTrouble> {
    let mut missing = FetchTrouble::NoAddress { issuer: issuer.clone() };
    for url in addresses(issuer) {
        let fetched = get(&url, client).await?;
        match fetched.status {
            200 => return jwks_uri(issuer, &url, &fetched.body),
            status @ 400..=499 => missing = FetchTrouble::Status { url: url.into(), status },
            status => return Err(FetchTrouble::Status { url: url.into(), status }),
        }
    }
    Err(missing)
}

/// Appended to the issuer as OpenID has it, inserted before its path as OAuth has it. A slash at the end
/// of the issuer belongs to its name but not to these addresses (both specifications say so).
fn addresses(issuer: &Issuer) -> impl Iterator<Item = Url> {
    let base = Url::parse(issuer.as_str()).ok();
    let path = base.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
    let path = path.unwrap_or_default();
    [
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{path}"),
    ]
    .into_iter()
    .filter_map(move |path| {
        let mut url = base.clone()?;
        url.set_path(&path);
        Some(url)
    })
}

/// Reads the metadata. Its `issuer` must be ours to the byte, or it would be another's keys that we trust
/// (RFC 8414 §3.3).
fn jwks_uri(issuer: &Issuer, url: &Url, body: &[u8]) -> Result<Url, FetchTrouble> {
    let metadata = |problem: &str| FetchTrouble::Metadata {
        url: url.to_string(),
        problem: problem.to_owned(),
    };
    let members = json::object(body).map_err(|fault| metadata(&fault.to_string()))?;
    let member = |name: &str| members.get(name).and_then(serde_json::Value::as_str);
    let found = member("issuer").ok_or_else(|| metadata("it has no \"issuer\""))?;
    if found != issuer.as_str() {
        let found = found.chars().take(256).collect();
        return Err(FetchTrouble::Issuer { url: url.to_string(), found, expected: issuer.clone() });
    }
    let address = member("jwks_uri").ok_or_else(|| metadata("it has no \"jwks_uri\""))?;
    Url::parse(address).map_err(|_| metadata("its \"jwks_uri\" is not an absolute URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_both_specifications_put_it() {
        let look = |text: &str| -> Vec<String> {
            addresses(&Issuer::new(text).unwrap()).map(String::from).collect()
        };
        let plain = [
            "https://id.example/.well-known/openid-configuration",
            "https://id.example/.well-known/oauth-authorization-server",
        ];
        assert_eq!(look("https://id.example"), plain);
        assert_eq!(look("https://id.example/"), plain);
        assert_eq!(
            look("https://id.example:8443/realms/one/"),
            [
                "https://id.example:8443/realms/one/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/one",
            ]
        );
    }
}
