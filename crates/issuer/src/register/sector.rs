//! The list behind `sector_identifier_uri` (OpenID Connect Dynamic Client Registration §5): without it, an
//! app could put itself into another's sector and learn that two subjects are one person.

use super::error::RegistrationError;
use crate::client_metadata::MetadataError;
use portcullis_directory::Directory;
use portcullis_types::RedirectUri;
use url::Url;

/// More than any list of redirect URIs.
const LIMIT: usize = 64 * 1024;

/// Whether the list there holds every redirect URI.
pub(super) async fn check(
    directory: &Directory,
    url: &Url,
    redirect_uris: &[RedirectUri],
) -> Result<(), RegistrationError> {
    let refuse = |problem: String| {
        let problem = format!("sector_identifier_uri: {problem}");
        RegistrationError::from(MetadataError::Metadata(problem))
    };
    let outgoing = directory.outgoing();
    let outgoing = outgoing.ok_or_else(|| refuse("this server can fetch nothing".into()))?;
    let fetched = outgoing.get_json(url, LIMIT).await;
    let fetched = fetched.map_err(|fault| {
        tracing::info!(%url, %fault, "a list of redirect URIs was not fetched");
        refuse("it cannot be fetched from there".into())
    })?;
    if fetched.status != 200 {
        return Err(refuse(format!("it answers with status {}", fetched.status)));
    }
    let listed: Vec<String> = serde_json::from_slice(&fetched.body)
        .map_err(|_| refuse("it must answer with a JSON list of texts".into()))?;
    match redirect_uris.iter().find(|uri| !listed.iter().any(|listed| listed == uri.as_str())) {
        Some(missing) => Err(refuse(format!("{missing} is not in its list"))),
        None => Ok(()),
    }
}
