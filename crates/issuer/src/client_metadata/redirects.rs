//! Where an app may be sent back to, and what kind of app that makes it.

use super::{Fields, MetadataError};
use portcullis_directory::{ApplicationType, GrantType};
use portcullis_types::{Place, RedirectUri};

/// `redirect_uris` and `application_type`. A web app has sites only; an app on people's machines may also
/// listen there or own a scheme (RFC 8252 §7). Where the type is left out, as older MCP clients do, the
/// addresses say it.
pub(super) fn read(
    fields: &Fields<'_>,
    grants: &[GrantType],
) -> Result<(Vec<RedirectUri>, ApplicationType), MetadataError> {
    let said = match fields.text("application_type")? {
        None => None,
        Some("web") => Some(ApplicationType::Web),
        Some("native") => Some(ApplicationType::Native),
        Some(_) => return Err(fields.wrong("application_type", "web or native")),
    };
    let uris = list(fields, "redirect_uris")?;
    if uris.is_empty() && grants.contains(&GrantType::AuthorizationCode) {
        return Err(MetadataError::RedirectUri("redirect_uris is missing".into()));
    }
    let elsewhere = uris.iter().find(|uri| !is_site(uri));
    match (said, elsewhere) {
        (Some(ApplicationType::Web), Some(uri)) => Err(MetadataError::RedirectUri(format!(
            "{uri} is for an app on people's machines: register application_type \"native\""
        ))),
        (Some(said), _) => Ok((uris, said)),
        (None, Some(_)) => Ok((uris, ApplicationType::Native)),
        (None, None) => Ok((uris, ApplicationType::Web)),
    }
}

/// A web site that is not this very machine under another name.
fn is_site(uri: &RedirectUri) -> bool {
    let loopback = url::Url::parse(uri.as_str()).is_ok_and(|url| portcullis_web::is_loopback(&url));
    matches!(uri.place(), Place::Site(_)) && !loopback
}

/// A list of addresses that a browser may be sent to.
pub(super) fn list(fields: &Fields<'_>, name: &str) -> Result<Vec<RedirectUri>, MetadataError> {
    let texts = fields.texts(name).map_err(|fault| redirect(fault.description().to_owned()))?;
    let mut uris = Vec::new();
    for text in texts.unwrap_or_default() {
        let uri = checked(name, text)?;
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    Ok(uris)
}

/// One such address.
pub(super) fn one(fields: &Fields<'_>, name: &str) -> Result<Option<RedirectUri>, MetadataError> {
    let text = fields.text(name)?;
    text.map(|text| checked(name, text)).transpose().map_err(|fault| match fault {
        MetadataError::RedirectUri(problem) => MetadataError::Metadata(problem),
        other => other,
    })
}

fn checked(name: &str, text: &str) -> Result<RedirectUri, MetadataError> {
    RedirectUri::new(text).map_err(|fault| {
        let shown = portcullis_directory::excerpt(text);
        redirect(format!("{name}: {shown:?} {}", fault.problem))
    })
}

const fn redirect(problem: String) -> MetadataError {
    MetadataError::RedirectUri(problem)
}
