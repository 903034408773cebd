//! What the subject of a token may do here at most: what the token says, and what the record grants for it, under
//! the record's ceiling.

use super::{
    CheckedTrust, ClaimPath, Grantee, Overage, ScopeFormat, TokenKind,
    claims::{Claims, Said},
    condition::cut,
};
use crate::claims::bad;
use portcullis_types::{
    Denial, Details, Inbound, InboundFault, MappingRow, PrincipalKind, Scope, Scopes,
};
use serde_json::Value;

/// A token says at most so many scopes, roles or groups.
const MOST: usize = 256;
/// And a name is at most so long.
const LONGEST: usize = 512;
/// More lines help nobody.
const SHOWN: usize = 128;

/// Roles and groups, as the token says them.
#[derive(Debug, Default)]
pub(super) struct Membership {
    pub(super) roles: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// What a subject may do at most. Only this file makes one.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) scopes: Scopes,
    pub(super) details: Details,
}

/// The lists of roles and groups. A token that could not hold all groups is refused, or counts as in none.
pub(super) fn membership(
    said: &Said<'_>,
    trust: &CheckedTrust,
) -> Result<Membership, InboundFault> {
    let mut roles = Vec::new();
    for path in trust.role_paths() {
        roles.extend(names(said, path)?);
    }
    let Some((path, overage)) = trust.groups() else {
        return Ok(Membership { roles, groups: Vec::new() });
    };
    let elsewhere = trust
        .overage_marks()
        .iter()
        .any(|mark| said.at(mark).is_some_and(|value| value != Value::Bool(false)));
    let groups = match (elsewhere, overage) {
        (false, _) => names(said, path)?,
        (true, Overage::NoGroups) => Vec::new(),
        (true, Overage::Refuse) => {
            let expected = "all groups in the token; this one refers to a list elsewhere";
            return Err(bad(path.as_str(), expected).into());
        }
    };
    Ok(Membership { roles, groups })
}

pub(super) fn names(said: &Said<'_>, path: &ClaimPath) -> Result<Vec<String>, InboundFault> {
    let expected = || bad(path.as_str(), "a list of at most 256 texts of 1 to 512 bytes").into();
    let Some(value) = said.at(path) else { return Ok(Vec::new()) };
    let Value::Array(items) = value else { return Err(expected()) };
    if items.len() > MOST {
        return Err(expected());
    }
    let text = |item| match item {
        Value::String(text) if (1..=LONGEST).contains(&text.len()) => Ok(text),
        _ => Err(expected()),
    };
    items.into_iter().map(text).collect()
}

/// Scopes of the claim and of the grants, under the ceiling.
pub(super) fn mapped(
    said: &Said<'_>,
    (claims, kind): (&Claims, PrincipalKind),
    member: &Membership,
    (trust, inbound): (&CheckedTrust, Inbound),
    rows: &mut Vec<MappingRow>,
) -> Result<Mapped, Denial> {
    let refused = |fault| Denial::BadInbound { inbound, fault };
    let words = words(said, (claims, kind), trust).map_err(refused)?;
    let mut scopes = Vec::new();
    for word in &words {
        let outcome = own(word, trust);
        if rows.len() < SHOWN {
            let from = trust.scope_claim(claims.kind).unwrap_or_default();
            let dropped = outcome.as_ref().err().map(|why| (*why).into());
            rows.push(MappingRow {
                from: from.to_owned(),
                scope: cut(&word.escape_debug().to_string()),
                dropped,
            });
        }
        scopes.extend(outcome);
    }
    // What an ID-JAG says is the most that it is good for.
    let bound = claims.kind == TokenKind::IdJag && said.raw("scope").is_some();
    let bound: Option<Scopes> = bound.then(|| scopes.iter().cloned().collect());
    let mut details = Details::default();
    for grant in trust.grants().iter().filter(|grant| holds(&grant.to, member)) {
        let from = || match &grant.to {
            Grantee::Everyone => "everyone".to_owned(),
            Grantee::Role(role) => format!("role {role}"),
            Grantee::Group(group) => format!("group {group}"),
        };
        for scope in &grant.scopes {
            let dropped = match &bound {
                Some(bound) if !alone(scope).lies_within(bound) => {
                    Some("the assertion does not have it")
                }
                _ => None,
            };
            if rows.len() < SHOWN {
                let dropped = dropped.map(Into::into);
                rows.push(MappingRow { from: from(), scope: scope.to_string(), dropped });
            }
            scopes.extend(dropped.is_none().then(|| scope.clone()));
        }
        details = together(details, &grant.details)?;
    }
    let (_, ceiling) = trust.ceiling();
    let details = details.meet(ceiling).map_err(|fault| Denial::BadDetails { fault })?;
    Ok(Mapped { scopes: scopes.into_iter().collect(), details })
}

fn together(details: Details, more: &Details) -> Result<Details, Denial> {
    if more.is_empty() {
        return Ok(details);
    }
    details.together(more).map_err(|fault| Denial::BadDetails { fault })
}

fn holds(to: &Grantee, member: &Membership) -> bool {
    match to {
        Grantee::Everyone => true,
        Grantee::Role(role) => member.roles.contains(role),
        Grantee::Group(group) => member.groups.contains(group),
    }
}

/// The scope that a word is, of the tenant itself and under the ceiling. A look-alike letter is no letter of a
/// scope, and a foreign word grants nothing.
fn own(word: &str, trust: &CheckedTrust) -> Result<Scope, &'static str> {
    let scope = word.parse::<Scope>().map_err(|_| "it is no scope of ours")?;
    let scope = scope.unqualified(trust.tenant());
    if scope.tenant().is_some() {
        return Err("it is about another tenant");
    }
    let (ceiling, _) = trust.ceiling();
    if alone(&scope).lies_within(ceiling) { Ok(scope) } else { Err("it is above the ceiling") }
}

fn alone(scope: &Scope) -> Scopes {
    std::iter::once(scope.clone()).collect()
}

/// The words of the scope claim, without what they begin with there.
fn words(
    said: &Said<'_>,
    (claims, kind): (&Claims, PrincipalKind),
    trust: &CheckedTrust,
) -> Result<Vec<String>, InboundFault> {
    let spaced;
    let (path, format, strip) = match trust.scope() {
        // The draft says how an ID-JAG is written, not the provider.
        _ if claims.kind == TokenKind::IdJag => {
            spaced = ClaimPath::parse("scope").map_err(|_| bad("scope", "a claim"))?;
            (&spaced, ScopeFormat::Space, None)
        }
        Some(_) if trust.scopes_of_people_only() && kind != PrincipalKind::Person => {
            return Ok(Vec::new());
        }
        Some((path, format, strip)) => (path, format, strip),
        None => return Ok(Vec::new()),
    };
    let wrong = |expected: &str| InboundFault::from(bad(path.as_str(), expected));
    let list = match (said.at(path), format) {
        (None, _) => return Ok(Vec::new()),
        (Some(Value::String(text)), ScopeFormat::Space) => split(&text, ' ', MOST),
        (Some(Value::String(text)), ScopeFormat::Csv) => split(&text, ',', MOST),
        (Some(Value::Array(_)), ScopeFormat::Array) => Some(names(said, path)?),
        (Some(_), ScopeFormat::Space) => {
            return Err(wrong("a text of scopes separated by spaces"));
        }
        (Some(_), ScopeFormat::Csv) => return Err(wrong("a text of scopes separated by commas")),
        (Some(_), ScopeFormat::Array) => return Err(wrong("a list of scopes")),
    };
    let list = list.ok_or_else(|| wrong("at most 256 scopes"))?;
    let Some(strip) = strip else { return Ok(list) };
    Ok(list.iter().filter_map(|word| word.strip_prefix(strip)).map(str::to_owned).collect())
}

/// `None` for more than `most` words; they are not looked at.
fn split(text: &str, by: char, most: usize) -> Option<Vec<String>> {
    let words = text.split(by).map(str::trim).filter(|word| !word.is_empty());
    let list: Vec<_> = words.take(most + 1).map(str::to_owned).collect();
    (list.len() <= most).then_some(list)
}
