//! What a person granted an app: the thing that a code, and then its tokens, stand for.

use portcullis_types::{
    Audience, Authentication, ClientId, IdentityScopes, PersonId, Scopes, SessionId, Tenant,
};
use serde::{Deserialize, Serialize};

/// One consent, made real. Kept as JSON beside the code and the grant; holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Which app.
    pub client_id: ClientId,
    /// For whom.
    pub person: PersonId,
    /// In which session. A grant with `offline_access` outlives it.
    pub session: Option<SessionId>,
    /// How the person had signed in.
    pub authentication: Authentication,
    /// What the app may learn about them.
    pub identity: IdentityScopes,
    /// What the app may do, at `resource`. Empty if it only signs people in.
    pub scope: Scopes,
    /// The API that the tokens are for. `None`: only our own `/userinfo`.
    pub resource: Option<Audience>,
    /// Whether the app itself named `resource`: then its access token opens no `/userinfo`.
    pub resource_named: bool,
    /// The customer whose data it may reach.
    pub tenant: Option<Tenant>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// `claims` of the request (OpenID Connect Core §5.5), as far as they are known here.
    pub claims: ClaimsAsked,
}

/// Single claims that were asked for by name, by where they go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsAsked {
    /// Into the ID token.
    pub id_token: Vec<String>,
    /// Into the answers of `/userinfo`.
    pub userinfo: Vec<String>,
}
