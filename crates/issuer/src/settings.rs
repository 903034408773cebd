//! What an operator says about the issuer and the APIs that it issues tokens for.

use crate::{Certificates, Documents, Registrations};
use ipnet::IpNet;
use portcullis_jose::Alg;
use portcullis_types::{
    ApiName, Audience, IdFault, Issuer, Registry, Scope, ScopeFault, Scopes, Tenant, Ttl,
};

/// An API that tokens are issued for.
#[derive(Clone, Debug)]
pub struct Api {
    /// The operator's name for it.
    pub name: ApiName,
    /// Its identifier: the value of `resource` (RFC 8707) and of `aud`.
    pub resource: Audience,
    /// What it offers. A token for it holds nothing else.
    pub scopes: Scopes,
    /// What its tokens are signed with.
    pub signing_alg: Alg,
    /// How long its tokens live, if not as long as all others.
    pub token_ttl: Option<Ttl>,
    /// The tenant whose own it is: only that tenant's clients get tokens for it.
    pub tenant: Option<Tenant>,
}

/// The issuer as it is configured. Immutable.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) issuer: Issuer,
    pub(crate) apis: Vec<Api>,
    pub(crate) registry: Registry,
    pub(crate) token_ttl: Ttl,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) certificates: Certificates,
    pub(crate) registrations: Option<Registrations>,
    pub(crate) documents: Option<Documents>,
    pub(crate) dpop_nonce: DpopNonce,
    /// The audience of tokens that open nothing but facts about their person, and its name in challenges.
    pub(crate) userinfo: (ApiName, Audience),
    id_token_algs: Vec<Alg>,
}

/// Whether DPoP proofs must hold a nonce of ours (RFC 9449 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DpopNonce {
    /// They may; each answer to a proof brings one.
    #[default]
    Offered,
    /// They must.
    Required,
}

/// Why settings make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// Two APIs have one identifier.
    #[error("the APIs {0} and {1} have the same resource; a token could not tell them apart")]
    SameResource(ApiName, ApiName),
    /// An API offers a scope that does not exist.
    #[error("the API {api} offers the scope {scope}: {fault}")]
    Scope {
        /// Which API.
        api: ApiName,
        /// Which scope.
        scope: Scope,
        /// What is wrong with it.
        fault: Box<ScopeFault>,
    },
    /// HMAC: whoever can verify could also sign.
    #[error("the API {api} would have tokens signed with {alg}, which is symmetric")]
    Symmetric {
        /// Which API.
        api: ApiName,
        /// Which algorithm.
        alg: Alg,
    },
    /// The issuer is too long to be an audience.
    #[error("the address of the issuer's own endpoints {}", .0.problem)]
    Issuer(#[from] IdFault),
    /// A lifetime of nothing, or of more than a day.
    #[error("tokens of {api} would live {ttl}; 1 second to 1 day is allowed")]
    Ttl {
        /// Which API, or "all APIs".
        api: String,
        /// How long.
        ttl: Ttl,
    },
}

impl Settings {
    /// Checks and joins what was configured. `token_ttl` is for APIs that have none of their own.
    pub fn new(
        issuer: Issuer,
        apis: Vec<Api>,
        registry: Registry,
        token_ttl: Ttl,
    ) -> Result<Self, SettingsFault> {
        sensible("all APIs", token_ttl)?;
        for (place, api) in apis.iter().enumerate() {
            let mut before = apis.iter().take(place);
            if let Some(other) = before.find(|other| other.resource == api.resource) {
                return Err(SettingsFault::SameResource(other.name.clone(), api.name.clone()));
            }
            if api.signing_alg.is_symmetric() {
                let (api, alg) = (api.name.clone(), api.signing_alg);
                return Err(SettingsFault::Symmetric { api, alg });
            }
            for scope in &api.scopes {
                registry.known(scope).map_err(|fault| SettingsFault::Scope {
                    api: api.name.clone(),
                    scope: scope.clone(),
                    fault: Box::new(fault),
                })?;
            }
            api.token_ttl.map_or(Ok(()), |ttl| sensible(api.name.as_str(), ttl))?;
        }
        let userinfo = below(&issuer, "/userinfo");
        let userinfo = (ApiName::new("userinfo")?, Audience::new(&userinfo)?);
        Ok(Self {
            issuer,
            apis,
            registry,
            token_ttl,
            trusted_proxies: Vec::new(),
            certificates: Certificates::default(),
            registrations: None,
            documents: None,
            dpop_nonce: DpopNonce::default(),
            userinfo,
            id_token_algs: Vec::new(),
        })
    }

    /// With proxies in front, of which each says in `X-Forwarded-For` whom it speaks for. Whoever else says
    /// so is not believed.
    #[must_use]
    pub fn behind(self, trusted_proxies: Vec<IpNet>) -> Self {
        Self { trusted_proxies, ..self }
    }

    /// With clients that can show certificates.
    #[must_use]
    pub fn with_certificates(self, certificates: Certificates) -> Self {
        Self { certificates, ..self }
    }

    /// With apps that register themselves, or without.
    #[must_use]
    pub fn with_registrations(self, registrations: Option<Registrations>) -> Self {
        Self { registrations, ..self }
    }

    /// With apps that are known by a document, or without.
    #[must_use]
    pub fn with_documents(self, documents: Option<Documents>) -> Self {
        Self { documents, ..self }
    }

    /// With DPoP proofs that must, or may, hold a nonce of ours.
    #[must_use]
    pub fn with_dpop_nonce(self, dpop_nonce: DpopNonce) -> Self {
        Self { dpop_nonce, ..self }
    }

    /// With keys of these algorithms as well, for ID tokens and other JWTs that apps read.
    #[must_use]
    pub fn signing_id_tokens_with(self, id_token_algs: Vec<Alg>) -> Self {
        Self { id_token_algs, ..self }
    }

    /// Our identifier.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The APIs, in the order of the configuration.
    pub fn apis(&self) -> &[Api] {
        &self.apis
    }

    /// The algorithms that tokens are signed with, each once. The keyring needs a key for each.
    pub fn signing_algs(&self) -> Vec<Alg> {
        let of_apis = self.apis.iter().map(|api| api.signing_alg);
        let mut algs: Vec<Alg> = of_apis.chain(self.id_token_algs.iter().copied()).collect();
        algs.sort_unstable();
        algs.dedup();
        algs
    }

    /// The API of that identifier.
    pub(crate) fn api(&self, resource: &str) -> Option<&Api> {
        self.apis.iter().find(|api| api.resource.as_str() == resource)
    }

    /// Our own management API, if the operator has made it one of the APIs.
    pub(crate) fn management(&self) -> Option<&Api> {
        self.api(&self.url(crate::manage::PATH)).filter(|api| api.tenant.is_none())
    }

    /// The API that a caller means. URL libraries add the slash of a bare host, and write hosts in small letters:
    /// that names no other place (RFC 3986 §6.2.2.1, §6.2.3), so it is no other API. What tokens say in `aud` is
    /// always the identifier as configured.
    pub(crate) fn named(&self, resource: &str) -> Option<&Api> {
        let url = |text: &str| url::Url::parse(text).ok();
        self.api(resource).or_else(|| {
            let wanted = url(resource)?;
            self.apis.iter().find(|api| url(api.resource.as_str()).is_some_and(|url| url == wanted))
        })
    }

    /// Where an endpoint of ours is, as the world sees it.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        below(&self.issuer, endpoint)
    }

    /// The path of the issuer identifier: empty, or `/` and more, without a slash at its end.
    pub(crate) fn path(&self) -> String {
        let url = url::Url::parse(self.issuer.as_str());
        url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
    }
}

fn below(issuer: &Issuer, endpoint: &str) -> String {
    format!("{}{endpoint}", issuer.as_str().trim_end_matches('/'))
}

fn sensible(api: &str, ttl: Ttl) -> Result<(), SettingsFault> {
    if (Ttl::seconds(1)..=Ttl::LONGEST_ACCESS_TOKEN).contains(&ttl) {
        Ok(())
    } else {
        Err(SettingsFault::Ttl { api: api.to_owned(), ttl })
    }
}
