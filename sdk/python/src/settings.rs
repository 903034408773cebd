//! What a verifier was told, as JSON from the Python side, and the circle of trust made of it.

use crate::clock;
use arc_swap::ArcSwap;
use portcullis_jose::{Alg, b64, jwk::KeySet};
use portcullis_keyring::{Circle, KeyAges, KeySource, Party, TheirKeys};
use portcullis_types::{ApiName, Audience, Issuer, Registry, Tenant, Ttl};
use portcullis_verify::{
    ACCESS_TOKEN, Apis, Demand, Guarded, Need, Profile, Speaks, TrustedIssuer, acr_at_least,
    dpop::{self, Possession},
};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, PRIVATE_NETWORKS, is_loopback};
use serde::{Deserialize, Deserializer, de::Error};
use std::sync::Arc;
use url::Url;

/// What Portcullis itself signs with.
const USUAL: [Alg; 3] = [Alg::RS256, Alg::ES256, Alg::Ed25519];

/// DPoP proofs that may be in use at a time, 50 bytes each: about 1000 a second.
const PROOFS: usize = 64 * 1024;

/// Everything a verifier is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    api: ApiName,
    audience: Audience,
    tenant: Option<Tenant>,
    /// Where the API's RFC 9728 metadata is.
    #[serde(deserialize_with = "address")]
    pub(crate) resource_metadata: Option<Url>,
    issuers: Vec<Trust>,
    /// Tokens that are remembered, per thread at work.
    pub(crate) cache: usize,
    scopes: Vec<CustomScope>,
    /// Where callers reach the service, if not on the host of its audience.
    #[serde(deserialize_with = "address")]
    url: Option<Url>,
    /// 32 bytes in base64url that all processes of the service share.
    dpop_nonce_key: Option<String>,
}

/// What a caller must show besides scopes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demands {
    dpop: Demanded,
    dpop_nonce: bool,
    client_certificate: Demanded,
    acr: Vec<String>,
    max_age_seconds: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Demanded {
    Accepted,
    Required,
}

impl Demands {
    /// Reads what Python wrote.
    pub(crate) fn parse(json: &str) -> Result<Demand, String> {
        let demands: Self = serde_json::from_str(json).map_err(|error| plain(&error))?;
        let need = |demanded| match demanded {
            Demanded::Accepted => Need::Accepted,
            Demanded::Required => Need::Required,
        };
        let nonce = if demands.dpop_nonce { Demanded::Required } else { Demanded::Accepted };
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if demands.acr.iter().any(|acr| acr.is_empty() || !acr.bytes().all(plain)) {
            return Err("a value of acr has no spaces, quotes and backslashes".into());
        }
        Ok(Demand {
            dpop: need(demands.dpop),
            dpop_nonce: need(nonce),
            client_certificate: need(demands.client_certificate),
            acr: acr_at_least(demands.acr.iter().map(String::as_str)),
            max_age: demands.max_age_seconds.map(Ttl::seconds),
        })
    }
}

/// An issuer as the service trusts it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    issuer: Issuer,
    #[serde(deserialize_with = "address")]
    jwks_uri: Option<Url>,
    jwks: Option<serde_json::Value>,
    algs: Option<Vec<Alg>>,
    typ: Option<Vec<String>>,
    profile: Option<ProfileName>,
    tenant: Option<Tenant>,
    max_lifetime_seconds: Option<u64>,
    leeway_seconds: Option<u64>,
    allow_loopback: Option<bool>,
    #[serde(default)]
    allow_private_network: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProfileName {
    Rfc9068,
    Legacy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomScope {
    name: String,
    implies: Vec<String>,
}

impl Settings {
    /// Reads and checks everything that needs no network.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(json).map_err(|error| plain(&error))?;
        if settings.issuers.is_empty() {
            return Err("at least one issuer must be trusted".into());
        }
        for (at, trust) in settings.issuers.iter().enumerate() {
            if settings.issuers.iter().skip(at + 1).any(|other| other.issuer == trust.issuer) {
                return Err(format!("the issuer {} is there twice", trust.issuer));
            }
        }
        Ok(settings)
    }

    /// The API that is guarded.
    pub(crate) fn guarded(&self) -> Guarded {
        Guarded {
            api: self.api.clone(),
            audience: self.audience.clone(),
            tenant: self.tenant.clone(),
        }
    }

    /// Where callers find the service, for the URLs in DPoP proofs.
    pub(crate) fn bases(&self) -> Vec<String> {
        dpop::bases(&self.audience, self.url.as_ref().map(Url::as_str))
    }

    /// What DPoP proofs are judged with. Without a key from outside, nonces are this process's own.
    fn possession(&self) -> Result<Possession, String> {
        let key = match &self.dpop_nonce_key {
            None => clock::secret()?,
            Some(text) => b64::decode(text)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or("dpop_nonce_key must be 32 random bytes in base64url")?,
        };
        Ok(Possession::new(&key, PROOFS))
    }

    /// Whom to trust, with their keys still to be fetched. No revocation reaches a service: short lives
    /// are the answer there, and the gateway before it.
    pub(crate) fn circle(self) -> Result<Circle, String> {
        let possession = Arc::new(self.possession()?);
        let mut registry = Registry::standard();
        for scope in &self.scopes {
            let (family, verb) = scope.name.split_once(':').unwrap_or((&scope.name, ""));
            let implies: Vec<&str> = scope.implies.iter().map(String::as_str).collect();
            registry =
                registry.with(family, verb, "", &implies).map_err(|fault| fault.to_string())?;
        }
        let parties: Result<Vec<Party>, String> =
            self.issuers.into_iter().map(Trust::party).collect();
        Ok(Circle {
            parties: parties?,
            registry,
            apis: vec![(self.api, self.audience)],
            revocations: ArcSwap::default(),
            possession,
        })
    }
}

impl Trust {
    fn party(self) -> Result<Party, String> {
        let client = self.client()?;
        let source = match (&self.jwks_uri, &self.jwks) {
            (Some(_), Some(_)) => {
                return Err(format!("{}: give jwks_uri or jwks, not both", self.issuer));
            }
            (Some(url), None) => KeySource::JwksUri(url.clone()),
            (None, Some(jwks)) => KeySource::Inline(Arc::new(key_set(&self.issuer, jwks)?)),
            (None, None) => KeySource::Discovery,
        };
        let trusted = self.terms()?;
        let keys = TheirKeys::new(trusted.issuer.clone(), source, client, KeyAges::default());
        Ok(Party { trusted, keys })
    }

    fn terms(self) -> Result<TrustedIssuer, String> {
        let algs = self.algs.unwrap_or_else(|| USUAL.to_vec());
        if let Some(alg) = algs.iter().find(|alg| alg.is_symmetric()) {
            return Err(format!("{alg} is never accepted: whoever can verify it can also make it"));
        }
        let leeway = self.leeway_seconds.unwrap_or(30);
        if leeway > 300 {
            return Err(format!("a leeway of {leeway} s is too much: at most 300 s"));
        }
        if algs.is_empty() || self.typ.as_ref().is_some_and(Vec::is_empty) {
            return Err(format!("{}: algs and typ need at least one value", self.issuer));
        }
        Ok(TrustedIssuer {
            issuer: self.issuer,
            algs,
            typ: self.typ.unwrap_or_else(|| vec![ACCESS_TOKEN.to_owned()]),
            profile: match self.profile {
                None | Some(ProfileName::Rfc9068) => Profile::AccessToken,
                Some(ProfileName::Legacy) => Profile::Legacy,
            },
            apis: Apis::All,
            speaks: match self.tenant {
                None => Speaks::ForNoTenant,
                Some(any) if any.as_str() == "any" => Speaks::ForAnyTenant,
                Some(own) => Speaks::For(own),
            },
            max_lifetime: Ttl::seconds(self.max_lifetime_seconds.unwrap_or(86_400)),
            leeway: Ttl::seconds(leeway),
        })
    }

    /// Loopback may be called if the address that the service itself was told is one.
    fn client(&self) -> Result<Outgoing, String> {
        let told = Url::parse(self.issuer.as_str()).ok();
        let named = [told.as_ref(), self.jwks_uri.as_ref()].into_iter().flatten().any(is_loopback);
        let allowed = self.allow_loopback.unwrap_or(named);
        let loopback = if allowed { Loopback::Allowed } else { Loopback::Refused };
        let private = if self.allow_private_network { &PRIVATE_NETWORKS[..] } else { &[] };
        let allowed_private = private.to_vec();
        let policy = OutgoingPolicy { loopback, allowed_private, ..OutgoingPolicy::default() };
        Outgoing::new(policy).map_err(|fault| fault.to_string())
    }
}

fn key_set(issuer: &Issuer, jwks: &serde_json::Value) -> Result<KeySet, String> {
    // A string holds the document itself.
    let text = jwks.as_str().map_or_else(|| jwks.to_string(), str::to_owned);
    let set = KeySet::parse(text.as_bytes())
        .map_err(|fault| format!("{issuer}: this is no JWK Set: {fault}"))?;
    if set.is_empty() {
        return Err(format!("{issuer}: the JWK Set has no key that can verify a signature"));
    }
    Ok(set)
}

fn address<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    let parse = |text: String| {
        Url::parse(&text).map_err(|error| D::Error::custom(format!("{text}: {error}")))
    };
    text.map(parse).transpose()
}

/// Without line and column: the JSON was written by us, not by the reader.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(text, _)| text.to_owned())
}
