//! What an app registers about itself (RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2),
//! beyond what it may ask for.

use crate::{AuthMethod, ClientKeys};
use portcullis_jose::Alg;
use portcullis_types::{Audience, IdentityScopes, RedirectUri, Ttl};
use serde::{Deserialize, Serialize};

/// The part of a client that people's browsers meet. An app without redirect URIs signs nobody in.
#[expect(clippy::struct_excessive_bools, reason = "each is the metadata member of its name")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registration {
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where the browser may go after signing out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// What it may learn about people.
    pub identity: IdentityScopes,
    /// Whether it runs on a server of its own or on people's machines.
    pub application_type: ApplicationType,
    /// Which way of a client with a secret it said it would take; either is accepted.
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// The only algorithm of its assertions; `None`: any that it has a key of.
    pub token_endpoint_auth_signing_alg: Option<Alg>,
    /// Its keys for request objects and encryption, if it does not prove itself with keys anyway. Read
    /// [`Client::keys`](crate::Client::keys), which knows both.
    pub jwks: Option<ClientKeys>,
    /// Its home page.
    pub client_uri: Option<String>,
    /// Its picture. Anybody may register anybody's: it proves nothing about the app.
    pub logo_uri: Option<String>,
    /// What it says about privacy.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// Whom to write to.
    pub contacts: Vec<String>,
    /// Where others may begin a sign-in (OpenID Connect Core §4).
    pub initiate_login_uri: Option<RedirectUri>,
    /// Which `sub` it sees.
    pub subject_type: SubjectType,
    /// The sector of a pairwise `sub` (OpenID Connect Core §8.1): a host. Read [`Client::sector`](crate::Client::sector).
    pub sector: Option<String>,
    /// Where the list of redirect URIs was that put it into that sector.
    pub sector_identifier_uri: Option<String>,
    /// How its ID tokens look.
    pub id_token: Shape,
    /// How answers of `/userinfo` look; without `signed`, plain JSON.
    pub userinfo: Shape,
    /// How answers of the authorization endpoint look in the modes of JARM.
    pub authorization: Shape,
    /// How answers of `/introspect` look when it asks for a JWT (RFC 9701).
    pub introspection: Shape,
    /// The algorithm of its request objects; `None`: any that is registered here and has a key of it.
    pub request_object_signing_alg: Option<Alg>,
    /// Only requests by a request object (RFC 9101 §10.5).
    pub require_signed_request_object: bool,
    /// Only requests by way of PAR (RFC 9126 §6).
    pub require_pushed_authorization_requests: bool,
    /// OpenID Connect Core §3.1.2.1, for requests that name none.
    pub default_max_age: Option<Ttl>,
    /// OpenID Connect Core §2.
    pub default_acr_values: Vec<String>,
    /// `auth_time` in each ID token.
    pub require_auth_time: bool,
    /// Whether PKCE may be left out.
    pub pkce: Pkce,
    /// Only tokens bound to a key by DPoP (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// Only tokens bound to a client certificate (RFC 8705 §3.4).
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Where it hears that a session ended (OpenID Connect Back-Channel Logout 1.0).
    pub backchannel_logout_uri: Option<String>,
    /// Whether it wants to know which session.
    pub backchannel_logout_session_required: bool,
    /// Whether it is the operator's own, so that nobody is asked to consent: but where any program could be it, a public
    /// client on this machine or behind a scheme (RFC 8252 §8.6).
    pub first_party: bool,
    /// All that the FAPI 2.0 profiles ask for, at once.
    pub fapi2: Fapi2,
    /// Whom its assertions may be for.
    pub assertion_audience: AssertionAudience,
    /// The APIs that it is the resource server of: it may introspect any token for them. Only an operator says so.
    pub introspects: Vec<Audience>,
    /// Whether it acts by itself for others, as agents do: policies leave those less. Only an operator says so.
    pub agent: bool,
    /// What policies are told of it besides. Only an operator says so.
    pub labels: Vec<String>,
    /// The software, as it calls itself (RFC 7591 §2).
    pub software_id: Option<String>,
    /// Its version, as it calls itself.
    pub software_version: Option<String>,
    /// How it came to be known.
    pub origin: Origin,
}

impl Registration {
    /// The only host of its redirect URIs. On people's own machines, and for schemes of apps, there is none: one
    /// machine has many apps, and anybody can claim a scheme. The error: there are several.
    pub(crate) fn host(&self) -> Result<Option<String>, SeveralHosts> {
        let host = |uri: &RedirectUri| {
            let url = url::Url::parse(uri.as_str()).ok().filter(|url| url.scheme() == "https")?;
            url.host_str().map(str::to_owned)
        };
        let mut hosts = self.redirect_uris.iter().map(host);
        let first = hosts.next().flatten();
        if hosts.all(|other| other == first) { Ok(first) } else { Err(SeveralHosts) }
    }
}

/// Redirect URIs of several hosts, or of a host and of people's own machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeveralHosts;

/// OpenID Connect Dynamic Client Registration §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// On a server of its own.
    #[default]
    Web,
    /// On people's machines.
    Native,
}

/// OpenID Connect Core §8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same for all apps.
    #[default]
    Public,
    /// Another one for each sector.
    Pairwise,
}

/// How a JWT for the client looks: signed, and encrypted if it registered that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// `…_signed_response_alg`.
    pub signed: Option<Alg>,
    /// `…_encrypted_response_alg`: a key management algorithm of JWE.
    pub encrypted_alg: Option<String>,
    /// `…_encrypted_response_enc`.
    pub encrypted_enc: Option<String>,
}

/// RFC 7636, OAuth 2.1 §7.5.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// Always.
    #[default]
    Required,
    /// A confidential OpenID client may send a `nonce` instead.
    OrNonce,
}

/// FAPI 2.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fapi2 {
    /// Neither profile.
    #[default]
    Off,
    /// The security profile.
    Security,
    /// Message signing as well: signed request objects and JARM.
    MessageSigning,
}

/// What `aud` of a client's assertion may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// Our issuer alone (rfc7523bis): what is for a token endpoint, another server could have had made.
    #[default]
    Issuer,
    /// Our token endpoint as well, for libraries that know nothing else (OpenID Connect Core §9).
    TokenEndpoint,
}

/// How a client came to be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An operator registered it.
    #[default]
    Operator,
    /// It registered itself (RFC 7591).
    Dynamic,
    /// It is a client-id metadata document.
    Document,
}
