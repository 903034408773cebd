//! Where a token says what, by the record or else by its preset.

use super::Faults;
use crate::subject::{ClaimPath, Overage, Preset, ScopeFormat, Trust};
use portcullis_types::Details;

const MOST_PATHS: usize = 16;

/// Every place, read once.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) scope: Option<(ClaimPath, ScopeFormat)>,
    pub(super) roles: Vec<ClaimPath>,
    pub(super) groups: Option<(ClaimPath, Overage)>,
    pub(super) overage_marks: Vec<ClaimPath>,
    pub(super) tenant: Option<ClaimPath>,
    pub(super) display_name: Option<ClaimPath>,
    pub(super) client: Vec<String>,
    pub(super) ceiling: Details,
}

pub(super) fn places(trust: &Trust, faults: &mut Faults) -> Places {
    let (own, terms) = (&trust.mapping, trust.preset.terms());
    let scope = match (&own.scope, terms.scope) {
        (Some(own), _) => {
            path("mapping.scope.claim", &own.claim, faults).map(|at| (at, own.format))
        }
        (None, Some(usual)) => {
            path("mapping.scope.claim", usual.claim, faults).map(|at| (at, usual.format))
        }
        (None, None) => None,
    };
    if own.scope.as_ref().is_some_and(|scope| scope.prefix_strip.as_deref() == Some("")) {
        faults.add("mapping.scope.prefix_strip", "is empty", "leave it out");
    }
    let groups = match &own.groups {
        Some(own) => path("mapping.groups.path", &own.path, faults).map(|at| (at, own.overage)),
        None => terms
            .group_path
            .and_then(|usual| path("mapping.groups.path", usual, faults))
            .map(|at| (at, Overage::Refuse)),
    };
    let tenant = own.tenant.as_deref().or(terms.tenant_claim);
    let display_name = own.display_name.as_deref().unwrap_or("name");
    Places {
        scope,
        roles: roles(trust, faults),
        groups,
        overage_marks: terms
            .overage
            .iter()
            .filter_map(|mark| path("mapping.groups", mark, faults))
            .collect(),
        tenant: tenant.and_then(|tenant| path("mapping.tenant", tenant, faults)),
        display_name: path("mapping.display_name", display_name, faults),
        client: custom(trust, faults),
        ceiling: trust.ceiling.authorization_details.clone(),
    }
}

fn roles(trust: &Trust, faults: &mut Faults) -> Vec<ClaimPath> {
    let usual = || trust.preset.terms().role_paths.iter().map(|path| (*path).to_owned()).collect();
    let roles: Vec<String> = trust.mapping.roles.clone().unwrap_or_else(usual);
    if roles.len() > MOST_PATHS {
        faults.add("mapping.roles", "has more than 16 paths", "name the lists that matter here");
    }
    let named = roles.iter().enumerate();
    named
        .filter_map(|(place, text)| path(&format!("mapping.roles[{place}]"), text, faults))
        .collect()
}

/// What only the preset `custom` may say; of the others it is known.
fn custom(trust: &Trust, faults: &mut Faults) -> Vec<String> {
    let own = [("subject", &trust.mapping.subject), ("client", &trust.mapping.client)];
    for (name, claims) in own {
        let Some(claims) = claims else { continue };
        let field = format!("mapping.{name}");
        if trust.preset != Preset::Custom {
            faults.add(&*field, "is the preset's to say", "leave it out, or use the preset custom");
        }
        let named = |claim: &String| (1..=128).contains(&claim.len());
        if claims.is_empty() || claims.len() > 4 || !claims.iter().all(named) {
            faults.add(
                &*field,
                "is no list of 1 to 4 claims",
                "name claims of the token's top level",
            );
        }
    }
    let usual = || {
        let claims = trust.preset.terms().client_claims;
        claims.iter().map(|claim| (*claim).to_owned()).collect()
    };
    trust.mapping.client.clone().unwrap_or_else(usual)
}

fn path(field: &str, text: &str, faults: &mut Faults) -> Option<ClaimPath> {
    match ClaimPath::parse(text) {
        Ok(path) => Some(path),
        Err(fault) => {
            faults.add(field, format!("'{}' is no path", text.escape_debug()), fault.to_string());
            None
        }
    }
}
