//! What is special about each well-known identity provider.

use std::{fmt, str::FromStr};

/// A provider whose ways are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Any OpenID provider that keeps to the standard.
    Oidc,
    /// Auth0: its issuer ends with a slash; roles come in a claim of the operator's own namespace.
    Auth0,
    /// Okta: `groups` must be asked for; thin ID tokens need `/userinfo`.
    Okta,
    /// Microsoft Entra ID: a person is `tid` and `oid`; one application may serve many tenants; more than
    /// 200 groups are left out of the token; e-mail addresses prove nothing.
    Entra,
    /// Keycloak: roles lie nested, per realm and per client.
    Keycloak,
    /// Google: one issuer for all; `hd` says whose Workspace it is; there are no groups.
    Google,
    /// Amazon Cognito: groups lie in `cognito:groups`; `token_use` tells an ID token from an access token.
    Cognito,
    /// PingOne: one issuer per environment.
    PingOne,
}

impl Preset {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Oidc,
        Self::Auth0,
        Self::Okta,
        Self::Entra,
        Self::Keycloak,
        Self::Google,
        Self::Cognito,
        Self::PingOne,
    ];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Auth0 => "auth0",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Keycloak => "keycloak",
            Self::Google => "google",
            Self::Cognito => "cognito",
            Self::PingOne => "pingone",
        }
    }

    /// What to ask for, if the operator says nothing.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Okta => &["openid", "profile", "email", "groups"],
            _ => &["openid", "profile", "email"],
        }
    }

    /// Where groups and roles lie, if the operator says nothing.
    pub fn group_claims(self, client_id: &str) -> Vec<ClaimPath> {
        let path =
            |segments: &[&str]| ClaimPath(segments.iter().map(ToString::to_string).collect());
        match self {
            Self::Keycloak => vec![
                path(&["realm_access", "roles"]),
                path(&["resource_access", client_id, "roles"]),
                path(&["groups"]),
            ],
            Self::Entra => vec![path(&["roles"]), path(&["groups"])],
            Self::Google => Vec::new(),
            Self::Cognito => vec![path(&["cognito:groups"])],
            Self::Oidc | Self::Auth0 | Self::Okta | Self::PingOne => {
                vec![path(&["groups"]), path(&["roles"])]
            }
        }
    }

    /// What is wrong with an issuer for this provider, if anything.
    pub fn issuer_problem(self, issuer: &str) -> Option<&'static str> {
        match self {
            Self::Auth0 if !issuer.ends_with('/') => {
                Some("the issuer of Auth0 ends with a slash: https://TENANT.auth0.com/")
            }
            Self::Entra if !issuer.ends_with("/v2.0") => {
                Some("use the v2.0 issuer: https://login.microsoftonline.com/TENANT-ID/v2.0")
            }
            Self::Google if issuer != "https://accounts.google.com" => {
                Some("the issuer of Google is https://accounts.google.com")
            }
            Self::Keycloak if !issuer.contains("/realms/") => {
                Some("the issuer of Keycloak names the realm: https://HOST/realms/REALM")
            }
            Self::Okta if issuer.ends_with('/') => {
                Some("the issuer of Okta has no slash at its end")
            }
            Self::Cognito if !issuer.contains("://cognito-idp.") => Some(
                "the issuer of Cognito is the pool's: https://cognito-idp.REGION.amazonaws.com/POOL",
            ),
            Self::PingOne if !issuer.ends_with("/as") => Some(
                "the issuer of PingOne names the environment: https://auth.pingone.TLD/ENVIRONMENT/as",
            ),
            _ => None,
        }
    }
}

impl FromStr for Preset {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or(())
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a claim lies: names of members, from the outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(pub Vec<String>);

impl ClaimPath {
    /// `realm_access.roles` is nested; a name in a namespace of the operator's, which is a URL, is one.
    pub fn parse(text: &str) -> Self {
        if text.contains("://") {
            return Self(vec![text.to_owned()]);
        }
        Self(text.split('.').map(str::to_owned).collect())
    }

    /// What lies there.
    pub(super) fn find<'c>(&self, claims: &'c super::Claims) -> Option<&'c serde_json::Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.get(name))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
