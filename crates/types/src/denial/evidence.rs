//! A denial as an operator reads it: what was expected, what was found.

use super::{
    AssertionFault, CertificateFault, ClientProof, Denial, FormatFault, HeaderFault, RevokedBy, cut,
};
use crate::{Timestamp, Ttl};
use std::fmt::Display;

impl Denial {
    /// What would have passed the check.
    #[expect(clippy::too_many_lines, reason = "a table: one line a denial")]
    pub fn expected(&self) -> String {
        match self {
            Self::Ambiguous { .. } => "a request with one meaning".into(),
            Self::Unmapped { allowed, .. } if !allowed.is_empty() => {
                format!("method {}", alternatives(allowed))
            }
            Self::Unmapped { .. } => "a path that a route maps to an API".into(),
            Self::NoCredential { .. } => "Authorization: Bearer followed by an access token".into(),
            Self::ManyCredentials { .. } => "one Authorization header".into(),
            Self::CredentialTooLarge { limit, .. } => format!("at most {limit} bytes"),
            Self::NotAToken { .. } => {
                "an access token (three base64url segments joined by dots)".into()
            }
            Self::Format { fault } => fault.expected(),
            Self::Header { fault } => fault.expected(),
            Self::WrongType { expected, .. } => format!("typ {expected}"),
            Self::UntrustedIssuer { trusted, .. } => format!("iss {}", alternatives(trusted)),
            Self::UnknownKey { known, .. } if known.is_empty() => {
                "a key of the issuer; its set has none".into()
            }
            Self::UnknownKey { known, .. } => {
                let keys: Vec<_> = known
                    .iter()
                    .map(|key| match &key.kid {
                        Some(kid) => format!("{kid} ({})", key.alg),
                        None => format!("a key without kid ({})", key.alg),
                    })
                    .collect();
                format!("a key of the issuer: {}", list(&keys))
            }
            Self::KeysUnavailable { .. } => "the issuer's key set, fetched or cached".into(),
            Self::BadSignature { kid: Some(kid), alg, .. } => {
                format!("a signature by key {kid} ({alg})")
            }
            Self::BadSignature { kid: None, alg, .. } => {
                format!("a signature by the issuer's {alg} key")
            }
            Self::MissingClaim { claim } => format!("the claim {claim}"),
            Self::BadClaim { claim, expected } => format!("{claim}: {expected}"),
            Self::Expired { now, leeway, .. } => format!("exp after {now} (leeway {leeway})"),
            Self::NotYetValid { claim, now, leeway, .. } => {
                format!("{claim} not after {now} (leeway {leeway})")
            }
            Self::LivesTooLong { limit, .. } => format!("a lifetime of at most {limit}"),
            Self::WrongAudience { expected, .. } => format!("aud {expected}"),
            Self::WrongPurpose { claim } => format!("no claim {claim}: access tokens have none"),
            Self::WrongTenant { expected: Some(tenant), .. } => format!("tenant {tenant}"),
            Self::WrongTenant { expected: None, .. } => "no tenant claim from this issuer".into(),
            Self::BadProof { fault } => fault.expected(),
            Self::ProofsFull { .. } => "fewer DPoP proofs within a minute".into(),
            Self::NotTheHolder { fault } => fault.expected(),
            Self::Revoked { .. } => "a token still in force".into(),
            Self::RevocationsUnknown { max_age, .. } => {
                format!("what the issuer has revoked, heard within {max_age}")
            }
            Self::WeakAuthentication { wanted_acr, max_age, now, .. } => {
                authentication_wanted(wanted_acr, *max_age, *now)
            }
            Self::WeakScope { needed, .. } => format!("scope {needed}"),
            Self::ForeignObject { tenant: Some(tenant), .. } => {
                format!("an object of tenant {tenant}")
            }
            Self::ForeignObject { tenant: None, .. } => {
                "a token that belongs to the object's tenant".into()
            }
            Self::Barred { bar } => bar.expected(),
            Self::BadRequest { parameter: Some(name), .. } => format!("a well-formed {name}"),
            Self::BadRequest { parameter: None, .. } => "a well-formed token request".into(),
            Self::Throttled { .. } => "fewer failed attempts in a row".into(),
            Self::BadClient { proof, .. } => proof.expected(),
            Self::ClientDisabled { .. } => "an enabled client".into(),
            Self::UnknownGrantType { supported, .. } => {
                format!("grant_type {}", alternatives(supported))
            }
            Self::GrantNotAllowed { allowed, .. } => {
                format!("grant_type {}", alternatives(allowed))
            }
            Self::BadTarget { allowed, .. } if allowed.is_empty() => {
                "a client with at least one API".into()
            }
            Self::BadTarget { allowed, .. } => format!("resource {}", alternatives(allowed)),
            Self::BadScope { .. } => "registered scopes".into(),
            Self::NoScopeLeft { client_may, api_has, .. } => {
                format!(
                    "scope within the client's [{}] and the API's [{api_has}]",
                    client_may.join(" ")
                )
            }
            Self::BadPossession { fault } => fault.expected(),
            Self::BadGranted { fault, .. } => fault.expected(),
            Self::BadClientDocument { client_id, .. } => {
                format!("a valid document at {}", cut(client_id))
            }
            Self::BadInbound { fault, .. } => fault.expected(),
            Self::ConditionNotMet { claim, expected, .. } => {
                format!("{}: {}", cut(claim), cut(expected))
            }
            Self::TenantHalted { .. } => "a tenant whose subscription is active".into(),
            Self::BadActor { fault, .. } => fault.expected(),
            Self::NoImpersonation { fault, .. } => fault.expected(),
            Self::PolicyRefused { .. } => "what the policy allows".into(),
            Self::BadDetails { fault } => fault.expected.clone(),
            Self::ForeignScope { own: Some(own), .. } => format!("scopes of tenant {own}"),
            Self::ForeignScope { own: None, .. } => "scopes without a tenant".into(),
            Self::NothingLeft { .. } => "a scope that every side allows".into(),
            Self::BadRedirect { registered, .. } if registered.is_empty() => {
                "a client with a redirect_uri".into()
            }
            Self::BadRedirect { registered, .. } => {
                format!("redirect_uri {}", alternatives(registered))
            }
            Self::BadAuthorization { parameter: Some(name), .. } => format!("a fitting {name}"),
            Self::BadAuthorization { error, .. } => error.expected().into(),
            Self::BadSignIn { fault, .. } => fault.expected(),
        }
    }

    /// What was there instead.
    #[expect(clippy::too_many_lines, reason = "a table: one line a denial")]
    pub fn found(&self) -> String {
        match self {
            Self::Unmapped { method, path, .. } => format!("{} {}", cut(method), cut(path)),
            Self::NoCredential { in_query: true, .. } => {
                "a token in the query, which is never read".into()
            }
            Self::NoCredential { scheme: Some(scheme), .. } => {
                format!("Authorization scheme {}", cut(scheme))
            }
            Self::NoCredential { .. } => "no Authorization header".into(),
            Self::ManyCredentials { found } => format!("{found} credentials"),
            Self::CredentialTooLarge { bytes, .. } => format!("{bytes} bytes"),
            Self::NotAToken { looks_like } => looks_like.clone(),
            Self::Format { fault } => fault.found(),
            Self::Header { fault } => fault.found(),
            Self::Barred { bar } => bar.found(),
            Self::WrongType { found: Some(typ), .. } => format!("typ {}", cut(typ)),
            Self::WrongType { found: None, .. } => "no typ".into(),
            Self::UntrustedIssuer { found: Some(iss), .. } => format!("iss {}", cut(iss)),
            Self::UntrustedIssuer { found: None, .. } => "no iss".into(),
            Self::UnknownKey { kid, alg, fetched_at, .. } => {
                let key = kid
                    .as_deref()
                    .map_or_else(|| "no kid".into(), |kid| format!("kid {}", cut(kid)));
                let when = fetched_at.map_or_else(String::new, |at| format!("; keys fetched {at}"));
                format!("{key} ({}){when}", cut(alg))
            }
            Self::KeysUnavailable { reason, .. } => cut(reason),
            Self::BadSignature { .. } => {
                "a signature that does not verify: altered, or signed by another key".into()
            }
            Self::MissingClaim { .. } => "none".into(),
            Self::BadClaim { .. } => "another type or value".into(),
            Self::Expired { exp, .. } => format!("exp {exp}"),
            Self::NotYetValid { claim, from, .. } => format!("{claim} {from}"),
            Self::LivesTooLong { lifetime, .. } => format!("{lifetime}"),
            Self::WrongAudience { found, .. } => format!("aud {}", list(found)),
            Self::WrongPurpose { claim } => format!("the claim {claim}"),
            Self::WrongTenant { found, .. } => {
                found.as_ref().map_or_else(|| "no tenant".into(), |t| format!("tenant {t}"))
            }
            Self::BadProof { fault } => fault.found(),
            Self::ProofsFull { .. } => "no room to remember another one".into(),
            Self::NotTheHolder { fault } => fault.found(),
            Self::Revoked { by } => by.found(),
            Self::RevocationsUnknown { heard_at: Some(at), .. } => format!("last heard {at}"),
            Self::RevocationsUnknown { heard_at: None, .. } => "never heard".into(),
            Self::WeakAuthentication { acr, auth_time, max_age, .. } => {
                let acr = acr
                    .as_deref()
                    .map_or_else(|| "no acr".into(), |acr| format!("acr {}", cut(acr)));
                match (auth_time, max_age) {
                    (Some(at), _) => format!("{acr}, auth_time {at}"),
                    (None, Some(_)) => format!("{acr}, no auth_time"),
                    (None, None) => acr,
                }
            }
            Self::WeakScope { found, .. } if found.is_empty() => "no scope".into(),
            Self::WeakScope { found, .. } => format!("scope {found}"),
            Self::ForeignObject { object_tenant, .. } => {
                format!("an object of tenant {object_tenant}")
            }
            Self::Ambiguous { problem }
            | Self::BadRequest { problem, .. }
            | Self::BadAuthorization { problem, .. } => problem.clone(),
            Self::Throttled { failures, .. } => format!("{failures} failed attempts"),
            Self::BadClient { client_id, proof } => proof.found(client_id.as_deref()),
            Self::ClientDisabled { since, .. } => format!("disabled since {since}"),
            Self::UnknownGrantType { found, .. } => format!("grant_type {}", cut(found)),
            Self::GrantNotAllowed { grant_type, .. } => format!("grant_type {grant_type}"),
            Self::BadTarget { found, .. } if found.is_empty() => "no resource".into(),
            Self::BadTarget { found, .. } => format!("resource {}", list(found)),
            Self::BadScope { found, problem } => format!("{}: {problem}", cut(found)),
            Self::NoScopeLeft { requested, .. } => format!("scope {requested}"),
            Self::BadPossession { fault } => fault.found(),
            Self::BadGranted { fault, .. } => fault.found(),
            Self::BadClientDocument { fault, .. } => fault.found(),
            Self::BadInbound { inbound, fault } => {
                format!("{}: {}", inbound.parameter(), fault.found())
            }
            Self::ConditionNotMet { claim, found: Some(found), .. } => {
                format!("{} {}", cut(claim), cut(found))
            }
            Self::ConditionNotMet { claim, found: None, .. } => format!("no {}", cut(claim)),
            Self::TenantHalted { tenant, halt, since, .. } => {
                format!("tenant {tenant}, {} since {since}", halt.word())
            }
            Self::BadActor { fault, .. } => fault.found(),
            Self::NoImpersonation { fault, .. } => fault.found(),
            Self::PolicyRefused { reasons, .. } if reasons.is_empty() => {
                "refused by default: no rule allows it".into()
            }
            Self::PolicyRefused { reasons, .. } => list(reasons),
            Self::BadDetails { fault } => format!("{}: {}", fault.place(), fault.found),
            Self::ForeignScope { scope, .. } => format!("scope {scope}"),
            Self::NothingLeft { requested, dropped } if dropped.is_empty() => {
                format!("scope {requested}")
            }
            Self::NothingLeft { dropped, .. } => super::exchange::losses(dropped),
            Self::BadRedirect { found: Some(uri), .. } => format!("redirect_uri {}", cut(uri)),
            Self::BadRedirect { found: None, .. } => "no redirect_uri".into(),
            Self::BadSignIn { fault, .. } => fault.found(),
        }
    }
}

/// In the words of the claims.
fn authentication_wanted(acr: &[String], max_age: Option<Ttl>, now: Timestamp) -> String {
    let acr = (!acr.is_empty()).then(|| format!("acr {}", alternatives(acr)));
    let age = max_age.map(|age| format!("auth_time at most {age} before {now}"));
    acr.into_iter().chain(age).collect::<Vec<_>>().join(", ")
}

impl FormatFault {
    fn expected(&self) -> String {
        match self {
            Self::Character { .. } => "only letters, digits, '-', '_' and '.'".into(),
            Self::Segments { .. } | Self::Encrypted => {
                "three segments: header.payload.signature".into()
            }
            Self::Base64 { .. } => "base64url without padding or stray bits".into(),
            Self::TooLong { limit, .. } => format!("at most {limit} bytes"),
            Self::Payload { .. } => "a JSON object, each member once".into(),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Character { at } => format!("another character at byte {at}"),
            Self::Segments { found } => format!("{found} segments"),
            Self::Encrypted => "five segments: an encrypted token (JWE)".into(),
            Self::Base64 { segment } => format!("a {segment} that is not"),
            Self::TooLong { bytes, .. } => format!("{bytes} bytes"),
            Self::Payload { problem } => cut(problem),
        }
    }
}

impl HeaderFault {
    fn expected(&self) -> String {
        match self {
            Self::Json { .. } => "a JSON object, each member once".into(),
            Self::Algorithm { accepted, .. } => format!("alg {}", alternatives(accepted)),
            Self::Critical { .. } => "no crit: no extension is in use".into(),
            Self::UnencodedPayload => "no b64".into(),
            Self::Kid => "a kid of at most 128 safe characters".into(),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Json { problem } => cut(problem),
            Self::Algorithm { found: Some(alg), .. } => format!("alg {}", cut(alg)),
            Self::Algorithm { found: None, .. } => "no alg".into(),
            Self::Critical { names } => format!("crit {}", list(names)),
            Self::UnencodedPayload => "b64".into(),
            Self::Kid => "a longer one, or other characters".into(),
        }
    }
}

impl RevokedBy {
    pub(super) fn found(&self) -> String {
        match self {
            Self::Token { since } => format!("revoked {since}"),
            Self::Client { client_id, since } => {
                format!("its client {client_id} was disabled {since}")
            }
            Self::NotBefore { client_id, before } => {
                format!("issued before {before}, when all tokens of client {client_id} were ended")
            }
            Self::Session { since } => format!("its session ended {since}"),
            Self::Grant { since } => format!("its grant was revoked {since}"),
            Self::PersonNotBefore { before } => {
                format!("issued before {before}, when all tokens of the person were ended")
            }
            Self::Tenant { tenant, halt, since } => {
                format!("its tenant {tenant} was {} {since}", halt.word())
            }
        }
    }
}

impl ClientProof {
    fn expected(&self) -> String {
        match self {
            Self::Missing => {
                "client credentials: HTTP Basic, form fields or a client_assertion".into()
            }
            Self::UnknownClient => "a registered client_id".into(),
            Self::WrongSecret => "the client's current secret".into(),
            Self::WrongMethod { registered, .. } => {
                format!("the client's registered method {registered}")
            }
            Self::Assertion { fault } => fault.expected(),
            Self::Certificate { fault } => fault.expected(),
        }
    }

    fn found(&self, client_id: Option<&str>) -> String {
        let id =
            client_id.map_or_else(|| "no client_id".into(), |id| format!("client_id {}", cut(id)));
        match self {
            Self::Missing => "none".into(),
            Self::UnknownClient => format!("{id}, which nobody has"),
            Self::WrongSecret => format!("{id} with another secret"),
            Self::WrongMethod { used, .. } => format!("{id} by {used}"),
            Self::Assertion { fault } => fault.found(),
            Self::Certificate { fault } => fault.problem(),
        }
    }
}

impl CertificateFault {
    fn expected(&self) -> String {
        match self {
            Self::Absent => "the client's certificate".into(),
            Self::Malformed { .. } => "an X.509 certificate".into(),
            Self::Untrusted { .. } => {
                "a certificate that an authority in client_ca vouches for".into()
            }
            Self::Time { .. } => "a certificate that is valid now".into(),
            Self::Name { expected, .. } => format!("a certificate with {expected}"),
            Self::UnknownKey { .. } => "a certificate with a registered key".into(),
        }
    }

    /// What was wrong, for the operator.
    pub fn problem(&self) -> String {
        match self {
            Self::Absent => "none".into(),
            Self::Malformed { problem } | Self::Untrusted { problem } | Self::Time { problem } => {
                cut(problem)
            }
            Self::Name { found, .. } if found.is_empty() => "no such name in it".into(),
            Self::Name { found, .. } => cut(&found.join(", ")),
            Self::UnknownKey { thumbprint } => format!("the key {}", cut(thumbprint)),
        }
    }
}

impl AssertionFault {
    fn expected(&self) -> String {
        match self {
            Self::Type { .. } => {
                "client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                    .into()
            }
            Self::Malformed { .. } => "a signed JWT".into(),
            Self::UnknownKey { .. } => "a key that is registered for this client".into(),
            Self::Signature => "a signature by the client's registered key".into(),
            Self::Claim { claim, expected } => format!("{claim}: {expected}"),
            Self::Subject { .. } => "iss and sub equal to the client_id".into(),
            Self::Audience { expected, .. } => format!("aud {expected}, alone"),
            Self::Time { .. } => "an assertion that is valid now and lives at most an hour".into(),
            Self::Replayed { .. } => "a jti that was never used".into(),
            Self::Algorithm { expected, .. } => format!("alg {expected}"),
            Self::Keys { .. } => "the keys that the client publishes".into(),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Type { found } => format!("client_assertion_type {}", cut(found)),
            Self::Malformed { problem } | Self::Time { problem } | Self::Keys { problem } => {
                cut(problem)
            }
            Self::Algorithm { found, .. } => format!("alg {}", cut(found)),
            Self::UnknownKey { kid: Some(kid) } => format!("kid {}", cut(kid)),
            Self::UnknownKey { kid: None } => "no kid, and no single key that fits".into(),
            Self::Signature => "a signature that does not verify".into(),
            Self::Claim { .. } => "none, or another type".into(),
            Self::Subject { found } => cut(found),
            Self::Audience { found, .. } => format!("aud {}", list(found)),
            Self::Replayed { jti } => format!("jti {}, used before", cut(jti)),
        }
    }
}

pub(super) fn list<T: Display>(items: &[T]) -> String {
    join(items, ", ")
}

pub(super) fn alternatives<T: Display>(items: &[T]) -> String {
    join(items, " or ")
}

fn join<T: Display>(items: &[T], by: &str) -> String {
    const SHOWN: usize = 8;
    let mut words: Vec<_> = items.iter().take(SHOWN).map(|item| cut(&item.to_string())).collect();
    if items.len() > SHOWN {
        words.push(format!("{} more", items.len() - SHOWN));
    }
    if words.is_empty() { "none".into() } else { words.join(by) }
}
