//! Who the subject of a token is here.

use super::{
    CheckedTrust, ServiceRule, SubjectTemplate, TokenKind,
    claims::{Claims, Said},
};
use crate::claims::{bad, missing};
use portcullis_jose::principal_key;
use portcullis_types::{InboundFault, PrincipalKey, PrincipalKind};

/// What the actor profile of OAuth calls an agent in `sub_profile`.
const AGENT: &str = "ai_agent";

/// Who it is, at its provider and here. Only this file makes one.
#[derive(Debug)]
pub(super) struct Identified {
    pub(super) principal: PrincipalKey,
    pub(super) kind: PrincipalKind,
    pub(super) idp_tenant: Option<String>,
    pub(super) sub: String,
}

pub(super) fn identified(
    said: &Said<'_>,
    claims: &Claims,
    trust: &CheckedTrust,
) -> Result<Identified, InboundFault> {
    let kind = principal_kind(said, claims, trust)?;
    let sub = subject(said, claims, (kind, trust))?;
    let idp_tenant = tenant(said, claims, trust)?;
    // The record's spelling: Google has two of its own, and they are not two Googles.
    let principal = principal_key(kind, trust.issuer(), idp_tenant.as_deref(), &sub)
        .map_err(|fault| bad("sub", fault.problem))?;
    Ok(Identified { principal, kind, idp_tenant, sub })
}

fn principal_kind(
    said: &Said<'_>,
    claims: &Claims,
    trust: &CheckedTrust,
) -> Result<PrincipalKind, InboundFault> {
    let is = |claim: &str, value: &str| said.text(claim).map(|text| text.as_deref() == Some(value));
    let own_client = || -> Result<bool, InboundFault> {
        let sub = said.text("sub")?;
        Ok(claims.client.is_some() && sub == claims.client)
    };
    let issued_to = claims.kind == TokenKind::AccessToken;
    let service = match trust.terms().service {
        ServiceRule::Always => true,
        ServiceRule::Never => false,
        ServiceRule::SubEnds(end) => said.text("sub")?.is_some_and(|sub| sub.ends_with(end)),
        ServiceRule::SubIsClient => issued_to && own_client()?,
        ServiceRule::Begins(claim, start) => {
            said.text(claim)?.is_some_and(|text| text.starts_with(start))
        }
        ServiceRule::Entra => {
            let app = is("idtyp", "app")?;
            if app && said.raw("scp").is_some() {
                return Err(bad("scp", "absent: only people's tokens have it").into());
            }
            app || claims.kind == TokenKind::Jwt || issued_to && said.raw("scp").is_none()
        }
        ServiceRule::ByKind => claims.kind == TokenKind::Jwt || issued_to && own_client()?,
    };
    Ok(match service {
        _ if is("sub_profile", AGENT)? => PrincipalKind::Agent,
        true => PrincipalKind::Service,
        false => PrincipalKind::Person,
    })
}

/// The value of the first template that fits.
fn subject(
    said: &Said<'_>,
    claims: &Claims,
    (kind, trust): (PrincipalKind, &CheckedTrust),
) -> Result<String, InboundFault> {
    let names: Vec<&str> = match trust.subject_claims() {
        Some(own) => own.iter().map(|name| &**name).collect(),
        None => template(said, claims, (kind, trust)).ok_or_else(|| missing("sub"))?.to_vec(),
    };
    let joined = names.len() > 1;
    let parts = names.iter().map(|name| part(said, name, joined));
    let sub = parts.collect::<Result<Vec<_>, _>>()?.join(" ");
    let begins = trust.sub_prefix();
    if sub.len() <= begins.len() || !sub.starts_with(begins) {
        return Err(bad("sub", &format!("a text that begins with {begins} and goes on")).into());
    }
    Ok(sub)
}

/// If none is there as a whole, the first that could be, so that the answer says what is missing.
fn template(
    said: &Said<'_>,
    claims: &Claims,
    (kind, trust): (PrincipalKind, &CheckedTrust),
) -> Option<&'static [&'static str]> {
    let person = kind == PrincipalKind::Person;
    let mut fitting = trust.terms().subject.iter().filter(|template| {
        template.kinds.contains(&claims.kind) && !(template.services_only && person)
    });
    let first = fitting.clone().next();
    let there =
        |template: &&SubjectTemplate| template.claims.iter().all(|name| said.raw(name).is_some());
    fitting.find(there).or(first).map(|template| template.claims)
}

/// OpenID Connect Core §2: ASCII, so that no two of them look alike. What is joined holds no joint.
fn part(said: &Said<'_>, name: &str, joined: bool) -> Result<String, InboundFault> {
    let text = said.text(name)?.ok_or_else(|| missing(name))?;
    let first = if joined { b'!' } else { b' ' };
    if text.bytes().all(|b| (first..=b'~').contains(&b)) {
        return Ok(text);
    }
    let expected = if joined { "printable ASCII without spaces" } else { "printable ASCII" };
    Err(bad(name, expected).into())
}

fn tenant(
    said: &Said<'_>,
    claims: &Claims,
    trust: &CheckedTrust,
) -> Result<Option<String>, InboundFault> {
    if claims.kind == TokenKind::IdJag {
        return Ok(said.text("tenant")?);
    }
    let Some(path) = trust.tenant_path() else { return Ok(None) };
    match said.at(path) {
        None => Ok(None),
        Some(serde_json::Value::String(tenant)) if (1..=512).contains(&tenant.len()) => {
            Ok(Some(tenant))
        }
        Some(_) => Err(bad(path.as_str(), "a text of 1 to 512 bytes").into()),
    }
}
