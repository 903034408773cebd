//! Another identity provider, as the operator described it.

use super::{ClaimPath, Preset};
use portcullis_directory::ProviderRoles;
use portcullis_types::{Acr, Tenant};
use secrecy::SecretString;

/// A provider that people may sign in with. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The operator's name for it: part of our redirect URI there, so that no answer of one provider can
    /// pass for another's.
    pub name: String,
    /// What the button says.
    pub title: String,
    /// Whose ways it has.
    pub preset: Preset,
    /// Its `iss`, byte by byte. For applications of Entra that serve many tenants, the `common` or
    /// `organizations` one.
    pub issuer: String,
    /// Our `client_id` there.
    pub client_id: String,
    /// Our secret there; without one, PKCE alone protects the code.
    pub client_secret: Option<SecretString>,
    /// How the secret is sent.
    pub secret_in: SecretIn,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// What must hold for everybody who comes from there.
    pub conditions: Vec<Condition>,
    /// The Entra tenants whose people may come.
    pub directories: Vec<String>,
    /// Where groups and roles lie.
    pub group_claims: Vec<ClaimPath>,
    /// What their groups and roles mean here.
    pub roles: ProviderRoles,
    /// The claim that is the login of newcomers: where nobody there can choose it for themselves.
    pub login: Option<ClaimPath>,
    /// What their values of `acr` mean here.
    pub acr: Vec<(String, Acr)>,
    /// The directory that provisions its people here, if that is the same company's.
    pub directory: Option<SameCompany>,
    /// What happens to somebody who was never here.
    pub newcomers: Newcomers,
    /// The customer to whom its people belong.
    pub tenant: Option<Tenant>,
}

/// A company's directory beside its provider: both know a person by one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameCompany {
    /// The operator's name for the directory.
    pub directory: String,
    /// The claim that is `externalId` there.
    pub claim: ClaimPath,
}

/// RFC 6749 §2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretIn {
    /// `client_secret_basic`.
    Header,
    /// `client_secret_post`.
    Body,
}

/// What happens to somebody whose account there is linked to nobody here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newcomers {
    /// They are refused: link an account from the account page.
    Refused,
    /// They become a person here. Never one who is here already: an address proves nothing.
    Join,
}

/// A claim that must have one of these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which.
    pub claim: ClaimPath,
    /// One of these, letter by letter.
    pub any_of: Vec<String>,
}

impl Provider {
    /// Whether its tokens come from many issuers, one for each Entra tenant.
    pub fn serves_many_tenants(&self) -> bool {
        let segment = self.issuer.split('/').nth(3).unwrap_or_default();
        self.preset == Preset::Entra && matches!(segment, "common" | "organizations" | "consumers")
    }

    /// Their names for sign-ins that are strong enough, as far as the operator told them; others would be refused
    /// by some.
    pub(crate) fn acr_values(&self, least: Option<Acr>) -> String {
        let Some(least) = least else { return String::new() };
        let strong = self.acr.iter().filter(|(_, ours)| *ours >= least);
        strong.map(|(theirs, _)| theirs.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[cfg(test)]
    pub(crate) fn plain(name: &str, preset: Preset) -> Self {
        Self {
            name: name.into(),
            title: name.into(),
            preset,
            issuer: "https://idp.example".into(),
            client_id: "our-client".into(),
            client_secret: None,
            secret_in: SecretIn::Header,
            scopes: Vec::new(),
            conditions: Vec::new(),
            directories: Vec::new(),
            group_claims: Vec::new(),
            roles: ProviderRoles::none(name.into()),
            login: None,
            acr: Vec::new(),
            directory: None,
            newcomers: Newcomers::Refused,
            tenant: None,
        }
    }
}

/// The redirect URI to register at the provider.
pub fn redirect_uri(provider: &Provider, issuer: &str) -> String {
    below(provider, issuer, "callback")
}

/// The address for back-channel logout to register there.
pub fn logout_uri(provider: &Provider, issuer: &str) -> String {
    below(provider, issuer, "logout")
}

fn below(provider: &Provider, issuer: &str, what: &str) -> String {
    format!("{}/sign-in/with/{}/{what}", issuer.trim_end_matches('/'), provider.name)
}
