//! A client: who it is, how it proves that, and what it may ask for.

mod problem;

use crate::{CertificateMatcher, ClientKeys, Origin, Registration};
use portcullis_types::{Audience, ClientId, Denial, Pattern, Scopes, Tenant, Timestamp};
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
    /// What it gets when it asks for no scope, or, on behalf of a person, names an API and asks for identity scopes
    /// alone; without one, it must ask.
    pub default_scope: Option<Scopes>,
    /// The APIs it may have tokens for. Empty means none.
    pub resources: Vec<Audience>,
    /// The API it gets a token for when it names none; without one, its only API, or it must ask.
    pub default_resource: Option<Audience>,
    /// The customer it belongs to.
    pub tenant: Option<Tenant>,
    /// Since when it gets no tokens, and its tokens open nothing.
    pub disabled_since: Option<Timestamp>,
    /// Whether the operator keeps it disabled: then its tenant cannot enable it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Tokens issued before this are ended. Whole seconds, as `iat` is.
    pub not_before: Option<Timestamp>,
    /// What it registered for signing people in.
    pub registration: Registration,
    /// When it was registered.
    pub created: Timestamp,
    /// When it ends by itself; `None` for never.
    pub expires: Option<Timestamp>,
    /// Its secrets, newest first; at most two that still work.
    pub secrets: Vec<SecretFacts>,
}

/// How a client proves who it is (OpenID Connect Core §9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClientAuth {
    /// Not at all: a public client (RFC 6749 §2.1), which anybody can pretend to be.
    None,
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
            Self::None => "none",
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
    /// RFC 6749 §4.1: a person signs in.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628: a person signs in on another device.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 8693: a token of somebody's for one of ours.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// RFC 7523 §2.1: a JWT of a tenant's provider, an ID-JAG among them.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

impl GrantType {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::TokenExchange,
        Self::JwtBearer,
    ];

    /// Whether it turns what others hold into tokens: who may use it proves who it is.
    pub const fn is_for_what_others_hold(self) -> bool {
        matches!(self, Self::TokenExchange | Self::JwtBearer)
    }

    /// The value of `grant_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
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
    /// Older rows do not say: whatever is disabled there, an operator disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<bool>,
}

impl Client {
    /// Whether anybody could pretend to be it.
    pub const fn is_public(&self) -> bool {
        matches!(self.auth, ClientAuth::None)
    }

    /// Whether it may use that grant.
    pub fn may(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether an operator registered it: others said themselves what they are called.
    pub fn is_vouched_for(&self) -> bool {
        self.registration.origin == Origin::Operator
    }

    /// Whether it may act at all: it is not disabled, and its time is not over.
    pub fn enabled(&self, now: Timestamp) -> Result<(), Denial> {
        let over = self.expires.filter(|expires| *expires <= now);
        match self.disabled_since.or(over) {
            Some(since) => Err(Denial::ClientDisabled { client_id: self.id.clone(), since }),
            None => Ok(()),
        }
    }

    /// The keys it registered, whatever for: to prove itself, to sign requests, to have answers encrypted.
    /// To use published ones, ask [`Directory::keys_of`](crate::Directory::keys_of).
    pub fn keys(&self) -> Option<&ClientKeys> {
        match &self.auth {
            ClientAuth::PrivateKeyJwt { jwks } | ClientAuth::SelfSignedTls { jwks } => Some(jwks),
            _ => self.registration.jwks.as_ref(),
        }
    }

    /// The sector of its pairwise subjects (OpenID Connect Core §8.1): what was said, or the only host of its
    /// redirect URIs. An app that has none is a sector of its own.
    pub fn sector(&self) -> String {
        let said = self.registration.sector.clone();
        let host = || self.registration.host().ok().flatten();
        said.or_else(host).unwrap_or_else(|| self.id.to_string())
    }
}
