//! What subjects may do, and the ceiling: both in scopes that exist, of the tenant itself.

use super::{CheckedGrant, Faults, Home};
use crate::subject::{Grantee, Trust};
use portcullis_types::{Pattern, Scope, Scopes};

const MOST_GRANTS: usize = 512;
const MOST_PATTERNS: usize = 256;

/// The ceiling with everything that its scopes imply, so that whatever they cover lies within.
pub(super) fn ceiling(trust: &Trust, home: &Home<'_>, faults: &mut Faults) -> Scopes {
    if trust.ceiling.scopes.is_empty() {
        let remedy = "write the scopes that no subject of this issuer may exceed";
        faults.add("ceiling.scopes", "allows nothing", remedy);
    }
    let scopes = expanded("ceiling.scopes", &trust.ceiling.scopes, home, faults);
    home.registry.closure(&scopes)
}

pub(super) fn all(
    trust: &Trust,
    home: &Home<'_>,
    ceiling: &Scopes,
    faults: &mut Faults,
) -> Vec<CheckedGrant> {
    if trust.grants.len() > MOST_GRANTS {
        faults.add("grants", "has more than 512 entries", "grant to groups rather than to each");
    }
    let mut grants = Vec::new();
    for (place, grant) in trust.grants.iter().enumerate() {
        let at = format!("grants[{place}]");
        let name = match &grant.to {
            Grantee::Everyone => "everyone",
            Grantee::Role(name) | Grantee::Group(name) => name,
        };
        if !(1..=512).contains(&name.len()) {
            faults.add(format!("{at}.to"), "is no name", "write it as the provider does");
        }
        let field = format!("{at}.scopes");
        if grant.scopes.is_empty() {
            faults.add(&*field, "grants nothing", "write the scopes, or leave the grant out");
        }
        let scopes = expanded(&field, &grant.scopes, home, faults);
        for scope in scopes.iter().filter(|scope| !alone(scope).lies_within(ceiling)) {
            let what = format!("{scope} is above the ceiling, so nobody would get it");
            faults.add(&*field, what, "raise the ceiling, or leave it out");
        }
        let details = grant.authorization_details.clone();
        if let Err(fault) = details.meet(&trust.ceiling.authorization_details) {
            let what = format!("has nothing in common with the ceiling: {fault}");
            faults.add(format!("{at}.authorization_details"), what, "make them agree");
        }
        grants.push(CheckedGrant { to: grant.to.clone(), scopes, details });
    }
    grants
}

fn alone(scope: &Scope) -> Scopes {
    std::iter::once(scope.clone()).collect()
}

/// The scopes that patterns stand for, written without the own tenant.
fn expanded(field: &str, lines: &[String], home: &Home<'_>, faults: &mut Faults) -> Scopes {
    if lines.len() > MOST_PATTERNS {
        faults.add(field, "has more than 256 entries", "use wildcards: model:*");
        return Scopes::default();
    }
    let mut scopes = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let field = format!("{field}[{place}]");
        let pattern = match line.parse::<Pattern>() {
            Ok(pattern) => pattern,
            Err(fault) => {
                faults.add(field, fault.to_string(), "write family:verb, such as model:list");
                continue;
            }
        };
        let expanded = pattern.expand(home.registry).unqualified(home.tenant);
        if expanded.is_empty() {
            let what = format!("'{pattern}' is no scope that exists");
            faults.add(&*field, what, "write a scope that is registered");
        }
        for scope in expanded.iter().filter(|scope| scope.tenant().is_some()) {
            let what = format!("{scope} is about another tenant");
            faults.add(&*field, what, "leave it out: a trust record reaches its own tenant alone");
        }
        scopes.extend(expanded.iter().cloned());
    }
    scopes.into_iter().collect()
}
