//! What an app says about itself (RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2), read
//! strictly and brought down to what the operator allows.
//!
//! A value that we do not have is left out where the client can live without it, and the answer says what
//! is so (RFC 7591 §2); what would change its meaning, or its safety, is refused. A member that nobody
//! knows is ignored.

mod auth;
mod fields;
mod redirects;
mod shapes;

pub(crate) use fields::Fields;

use crate::Ceiling;
use portcullis_directory::{
    ApplicationType, GrantType, NewAuth, NewClient, Origin, Pkce, Registration, SubjectType,
};
use portcullis_jose::Alg;
use portcullis_types::{Acr, ClientId, IdentityScope, IdentityScopes, Pattern, Scope, Timestamp};
use serde_json::{Map, Value};
use url::Url;

/// Why what an app says is refused (RFC 7591 §3.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetadataError {
    /// `invalid_redirect_uri`.
    RedirectUri(String),
    /// `invalid_client_metadata`.
    Metadata(String),
    /// `invalid_software_statement`.
    Statement,
    /// `unapproved_software_statement`.
    UnapprovedStatement,
}

impl MetadataError {
    /// The value of `error`.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::RedirectUri(_) => "invalid_redirect_uri",
            Self::Metadata(_) => "invalid_client_metadata",
            Self::Statement => "invalid_software_statement",
            Self::UnapprovedStatement => "unapproved_software_statement",
        }
    }

    /// What was wrong and what is expected.
    pub(crate) fn description(&self) -> &str {
        match self {
            Self::RedirectUri(problem) | Self::Metadata(problem) => problem,
            Self::Statement => "software_statement must be a signed JWT",
            Self::UnapprovedStatement => "nobody's software statements are believed here",
        }
    }
}

/// Who an app is to be, as far as its own words matter.
#[derive(Debug)]
pub(crate) struct Said {
    name: Option<String>,
    pub(crate) auth: NewAuth,
    grant_types: Vec<GrantType>,
    scopes: Vec<Pattern>,
    pub(crate) registration: Registration,
    /// To be fetched, and compared with the redirect URIs.
    pub(crate) sector_identifier_uri: Option<Url>,
}

/// Reads it all. `ours` are the algorithms that we can sign with.
pub(crate) fn read(
    metadata: &Map<String, Value>,
    ceiling: &Ceiling,
    ours: &[Alg],
) -> Result<Said, MetadataError> {
    let fields = Fields(metadata);
    no_statement(&fields)?;
    let (auth, keys) = auth::read(&fields, ceiling)?;
    let public = matches!(auth, NewAuth::Public);
    let mut grant_types = grants(&fields, ceiling, public)?;
    responses(&fields, &grant_types)?;
    let (redirect_uris, application_type) = redirects::read(&fields, &grant_types)?;
    let (identity, scopes) = scopes(&fields, ceiling, &mut grant_types)?;
    let mut registration = Registration {
        redirect_uris,
        application_type,
        identity,
        jwks: keys,
        token_endpoint_auth_method: auth::secret_method(&fields, &auth)?,
        pkce: if public || !identity.has(IdentityScope::Openid) {
            Pkce::Required
        } else {
            ceiling.pkce
        },
        ..Registration::default()
    };
    about(&fields, &mut registration)?;
    sign_in(&fields, &mut registration)?;
    shapes::read(&fields, &mut registration, ours)?;
    registration.follow(registration.fapi2.max(ceiling.profile));
    let sector_identifier_uri = sector(&fields, &mut registration)?;
    let name = fields.text("client_name")?.map(str::to_owned);
    Ok(Said { name, auth, grant_types, scopes, registration, sector_identifier_uri })
}

impl Said {
    /// The client that comes of it.
    pub(crate) fn into_new(
        self,
        id: Option<ClientId>,
        origin: Origin,
        ceiling: &Ceiling,
        expires: Option<Timestamp>,
    ) -> NewClient {
        let name = self.name.unwrap_or_else(|| nameless(&self.registration));
        let resources = if self.scopes.is_empty() { Vec::new() } else { ceiling.resources.clone() };
        NewClient {
            id,
            name,
            auth: self.auth,
            grant_types: self.grant_types,
            scopes: self.scopes,
            default_scope: None,
            default_resource: None,
            resources,
            tenant: None,
            registration: Registration { origin, ..self.registration },
            expires,
        }
    }
}

/// Of an app without a name, where it lives is known.
fn nameless(registration: &Registration) -> String {
    let host = registration.redirect_uris.first().and_then(|uri| {
        Url::parse(uri.as_str()).ok().and_then(|url| url.host_str().map(str::to_owned))
    });
    host.unwrap_or_else(|| "An app without a name".to_owned())
}

/// RFC 7591 §2.3: we believe nobody's.
fn no_statement(fields: &Fields<'_>) -> Result<(), MetadataError> {
    match fields.text("software_statement").map_err(|_| MetadataError::Statement)? {
        None => Ok(()),
        Some(jwt) if portcullis_jose::jws::Compact::parse(jwt).is_err() => {
            Err(MetadataError::Statement)
        }
        Some(_) => Err(MetadataError::UnapprovedStatement),
    }
}

/// Those that we have, that the operator allows and that the client can use.
fn grants(
    fields: &Fields<'_>,
    ceiling: &Ceiling,
    public: bool,
) -> Result<Vec<GrantType>, MetadataError> {
    let asked = fields.texts("grant_types")?;
    let asked = asked.unwrap_or_else(|| vec![GrantType::AuthorizationCode.name()]);
    let mut grants: Vec<GrantType> = Vec::new();
    for grant in asked.iter().filter_map(|grant| grant.parse().ok()) {
        let possible = ceiling.grant_types.contains(&grant)
            && !(public && grant == GrantType::ClientCredentials)
            // Whose tokens an app may trade is for an operator to say.
            && !matches!(grant, GrantType::TokenExchange | GrantType::JwtBearer);
        if possible && !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    let people = [GrantType::AuthorizationCode, GrantType::DeviceCode];
    if !grants.iter().any(|grant| people.contains(grant)) {
        grants.retain(|grant| *grant != GrantType::RefreshToken);
    }
    if grants.is_empty() {
        let allowed: Vec<_> = ceiling.grant_types.iter().map(|grant| grant.name()).collect();
        let allowed = allowed.join(", ");
        let problem = format!("grant_types has none that this client may use: {allowed}");
        return Err(MetadataError::Metadata(problem));
    }
    Ok(grants)
}

/// RFC 7591 §2.1: `code` goes with the authorization code grant, and we have no other.
fn responses(fields: &Fields<'_>, grants: &[GrantType]) -> Result<(), MetadataError> {
    let Some(asked) = fields.texts("response_types")? else { return Ok(()) };
    if grants.contains(&GrantType::AuthorizationCode) && !asked.contains(&"code") {
        let problem = "response_types must have \"code\", the only one there is";
        return Err(MetadataError::Metadata(problem.to_owned()));
    }
    Ok(())
}

/// `scope` (RFC 7591 §2): without it, all that there is for such clients.
fn scopes(
    fields: &Fields<'_>,
    ceiling: &Ceiling,
    grants: &mut [GrantType],
) -> Result<(IdentityScopes, Vec<Pattern>), MetadataError> {
    let people = grants.iter().any(|grant| *grant != GrantType::ClientCredentials);
    let refresh = grants.contains(&GrantType::RefreshToken);
    let (identity, api) = match fields.text("scope")? {
        None => (ceiling.identity, ceiling.scopes.clone()),
        Some(scope) => {
            let (identity, rest) = IdentityScopes::part(scope);
            let scopes = rest.iter().filter_map(|word| Scope::parse(word).ok());
            let allowed =
                |scope: &Scope| ceiling.scopes.iter().any(|pattern| pattern.matches(scope));
            (identity.and(ceiling.identity), scopes.filter(allowed).map(Pattern::from).collect())
        }
    };
    let offline = IdentityScopes::default().with(IdentityScope::OfflineAccess);
    let identity = if refresh { identity } else { identity.without(offline) };
    Ok((if people { identity } else { IdentityScopes::default() }, api))
}

/// What people may read about it.
fn about(fields: &Fields<'_>, to: &mut Registration) -> Result<(), MetadataError> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    to.client_uri = owned(fields.text("client_uri")?);
    to.logo_uri = owned(fields.text("logo_uri")?);
    to.policy_uri = owned(fields.text("policy_uri")?);
    to.tos_uri = owned(fields.text("tos_uri")?);
    to.software_id = owned(fields.short("software_id")?);
    to.software_version = owned(fields.short("software_version")?);
    let contacts = fields.texts("contacts")?.unwrap_or_default();
    to.contacts = contacts.into_iter().map(str::to_owned).collect();
    Ok(())
}

/// What is to happen when people sign in and out.
fn sign_in(fields: &Fields<'_>, to: &mut Registration) -> Result<(), MetadataError> {
    let acrs = fields.texts("default_acr_values")?.unwrap_or_default();
    let known = acrs.into_iter().filter(|acr| acr.parse::<Acr>().is_ok());
    to.default_acr_values = known.map(str::to_owned).collect();
    to.default_max_age = fields.seconds("default_max_age")?;
    to.require_auth_time = fields.flag("require_auth_time")?;
    to.require_pushed_authorization_requests =
        fields.flag("require_pushed_authorization_requests")?;
    to.require_signed_request_object = fields.flag("require_signed_request_object")?;
    to.dpop_bound_access_tokens = fields.flag("dpop_bound_access_tokens")?;
    to.tls_client_certificate_bound_access_tokens =
        fields.flag("tls_client_certificate_bound_access_tokens")?;
    to.post_logout_redirect_uris = redirects::list(fields, "post_logout_redirect_uris")?;
    to.backchannel_logout_uri = fields.text("backchannel_logout_uri")?.map(str::to_owned);
    to.backchannel_logout_session_required =
        fields.flag("backchannel_logout_session_required")? && to.backchannel_logout_uri.is_some();
    to.initiate_login_uri = redirects::one(fields, "initiate_login_uri")?;
    to.subject_type = match fields.text("subject_type")? {
        None | Some("public") => SubjectType::Public,
        Some("pairwise") => SubjectType::Pairwise,
        Some(_) => return Err(fields.wrong("subject_type", "public or pairwise")),
    };
    let web = to.application_type == ApplicationType::Web;
    let plain = |uri: &portcullis_types::RedirectUri| !uri.as_str().starts_with("https://");
    if web && to.initiate_login_uri.as_ref().is_some_and(plain) {
        return Err(fields.wrong("initiate_login_uri", "an https address"));
    }
    Ok(())
}

/// OpenID Connect Core §8.1: the sector is the host where the list is; the list is fetched later.
fn sector(fields: &Fields<'_>, to: &mut Registration) -> Result<Option<Url>, MetadataError> {
    let Some(uri) = fields.text("sector_identifier_uri")? else { return Ok(None) };
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "https" && uri.len() <= 2000);
    let url = url.ok_or_else(|| fields.wrong("sector_identifier_uri", "an https address"))?;
    to.sector_identifier_uri = Some(uri.to_owned());
    if to.subject_type == SubjectType::Pairwise {
        to.sector = url.host_str().map(str::to_owned);
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests;
