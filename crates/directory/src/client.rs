//! A client: who it is, how it proves that, and what it may ask for.

use crate::{CertificateMatcher, ClientKeys, ClientSecret};
use portcullis_types::{Audience, ClientId, Pattern, Scopes, Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A registered client. Holds no secret, only facts about them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Client {
    /// Its `client_id`: `cli_…`, or a name that an operator chose.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// How it proves who it is.
    pub auth: ClientAuth,
    /// Which grants it may use.
    pub grant_types: Vec<GrantType>,
    /// Its allow-list: what it may ask for. Empty means nothing.
    pub scopes: Vec<Pattern>,
    /// What it gets when it asks for no scope; without one, it must ask.
    pub default_scope: Option<Scopes>,
    /// The APIs it may have tokens for. Empty means none.
    pub resources: Vec<Audience>,
    /// The API it gets a token for when it names none; without one, its only API, or it must ask.
    pub default_resource: Option<Audience>,
    /// The customer it belongs to.
    pub tenant: Option<Tenant>,
    /// Since when it gets no tokens, and its tokens open nothing.
    pub disabled_since: Option<Timestamp>,
    /// Tokens issued before this are ended. Whole seconds, as `iat` is.
    pub not_before: Option<Timestamp>,
    /// When it was registered.
    pub created: Timestamp,
    /// Its secrets, newest first; at most two that still work.
    pub secrets: Vec<SecretFacts>,
}

/// How a client proves who it is (OpenID Connect Core §9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_secret_basic` or `client_secret_post`, as it likes.
    ClientSecret,
    /// `private_key_jwt`, with one of these keys.
    PrivateKeyJwt {
        /// Public keys only.
        jwks: ClientKeys,
    },
    /// `tls_client_auth`, with a certificate that an authority vouches for (RFC 8705 §2.1).
    TlsClient {
        /// Which certificate is this client's.
        matcher: CertificateMatcher,
    },
    /// `self_signed_tls_client_auth`, with a certificate for one of these keys (RFC 8705 §2.2).
    SelfSignedTls {
        /// Public keys only.
        jwks: ClientKeys,
    },
}

impl ClientAuth {
    /// As the operator reads it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret_basic or client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::TlsClient { .. } => "tls_client_auth",
            Self::SelfSignedTls { .. } => "self_signed_tls_client_auth",
        }
    }
}

/// What is known about a secret, apart from the secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecretFacts {
    /// Counts up with each rotation.
    pub number: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working; `None` for the current one.
    pub expires: Option<Timestamp>,
    /// When it last proved anything, to within a minute.
    pub last_used: Option<Timestamp>,
}

/// A grant that this server has. Parsing one that it does not have fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.4.
    ClientCredentials,
}

impl GrantType {
    /// All there are.
    pub const ALL: [Self; 1] = [Self::ClientCredentials];

    /// The value of `grant_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GrantType {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|grant| grant.name() == text).ok_or(())
    }
}

/// The part of a client that an operator writes, kept as one JSON column.
#[derive(Serialize, Deserialize)]
pub(crate) struct Rights {
    pub(crate) grant_types: Vec<GrantType>,
    pub(crate) scopes: Vec<Pattern>,
    pub(crate) default_scope: Option<Scopes>,
    pub(crate) resources: Vec<Audience>,
    pub(crate) default_resource: Option<Audience>,
    pub(crate) tenant: Option<Tenant>,
}

impl Client {
    /// What is wrong with it as a whole, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.name.is_empty() || self.name.len() > 200 || self.name.chars().any(char::is_control)
        {
            return Some("the name must be 1 to 200 bytes without control characters".into());
        }
        if self.id.as_str().contains(ClientSecret::PREFIX) {
            return Some("the id must not contain pcs_, which marks secrets".into());
        }
        if self.grant_types.is_empty() {
            return Some("without a grant type the client can do nothing".into());
        }
        let outside = |scope: &_| !self.scopes.iter().any(|pattern| pattern.matches(scope));
        if self.default_scope.as_ref().is_some_and(Scopes::is_empty) {
            return Some("a default scope of nothing is no default; leave it out".into());
        }
        if let Some(scope) = self.default_scope.iter().flatten().find(|scope| outside(scope)) {
            return Some(format!("the default scope {scope} is not in the client's allow-list"));
        }
        match &self.default_resource {
            Some(resource) if !self.resources.contains(resource) => {
                Some(format!("the default resource {resource} is not among the client's resources"))
            }
            _ => None,
        }
    }
}
