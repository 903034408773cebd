//! What a tenant may change of its own record, and what is the operator's to say.
//!
//! A tenant decides what its own roles get within the ceiling, where its tokens say so, and what must be true of them
//! besides. A condition that the operator set stays: on an issuer that several trust, it tells whose token it is.

use super::{
    TenantRecord,
    record::{TenantProblem, found},
};
use portcullis_verify::subject::{Overage, Trust};
use serde::Serialize;
use serde_json::{Map, Value};

/// Everything in which `wanted` departs from what the operator gave, and may not.
pub(super) fn trespasses(given: &TenantRecord, wanted: &TenantRecord) -> Vec<TenantProblem> {
    let mut problems = Vec::new();
    let fixed = |record: &TenantRecord| TenantRecord {
        contacts: Vec::new(),
        trust: Vec::new(),
        ..record.clone()
    };
    differences("", &fixed(given), &fixed(wanted), &mut problems);
    let names = |record: &TenantRecord| -> Vec<String> {
        record.trust.iter().map(|trust| trust.name.clone()).collect()
    };
    if names(given) != names(wanted) {
        let problem = "the operator says whom the tenant trusts, and in which order".to_owned();
        problems.push(found("trust", problem, format!("keep: {}", names(given).join(", "))));
        return problems;
    }
    for (place, (given, wanted)) in given.trust.iter().zip(&wanted.trust).enumerate() {
        trust(place, (given, wanted), &mut problems);
    }
    problems
}

fn trust(place: usize, (given, wanted): (&Trust, &Trust), problems: &mut Vec<TenantProblem>) {
    let mut fixed = wanted.clone();
    fixed.conditions.clone_from(&given.conditions);
    fixed.grants.clone_from(&given.grants);
    let (mapping, kept) = (&mut fixed.mapping, &given.mapping);
    mapping.scope.clone_from(&kept.scope);
    mapping.roles.clone_from(&kept.roles);
    mapping.groups.clone_from(&kept.groups);
    mapping.display_name.clone_from(&kept.display_name);
    differences(&format!("trust[{place}]."), given, &fixed, problems);
    let overage = |trust: &Trust| {
        trust.mapping.groups.as_ref().map_or_else(Overage::default, |groups| groups.overage)
    };
    if overage(given) != overage(wanted) {
        let field = format!("trust[{place}].mapping.groups.overage");
        problems.push(of_the_operator(&field));
    }
    for (number, condition) in given.conditions.iter().enumerate() {
        if !wanted.conditions.contains(condition) {
            let field = format!("trust[{place}].conditions");
            let problem = format!("condition {number} of the operator is not there any more");
            let remedy = "put it back; others may be added to it".to_owned();
            problems.push(found(&field, problem, remedy));
        }
    }
}

/// Each member that is another.
fn differences<T: Serialize>(prefix: &str, given: &T, wanted: &T, into: &mut Vec<TenantProblem>) {
    let members = |record: &T| match serde_json::to_value(record) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let (given, wanted) = (members(given), members(wanted));
    let mut names: Vec<&String> = given.keys().chain(wanted.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| given.get(*name) != wanted.get(*name));
    into.extend(differing.map(|name| of_the_operator(&format!("{prefix}{name}"))));
}

fn of_the_operator(field: &str) -> TenantProblem {
    found(field, "the operator says this".into(), "leave it as it was, or ask the operator".into())
}
