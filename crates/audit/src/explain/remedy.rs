//! The changes that would allow it, smallest first: the operator's before the caller's.

use super::{
    ClientNow, Step, Surroundings, TokenRequest, TokenView,
    command::{client_update, portcullis},
    shell_word,
};
use crate::{Access, Event, Grant, Record};
use portcullis_types::{
    ClientId, ClientProof, Denial, DroppedBy, Fixer, HeaderFault, RevokedBy, Scope, Scopes,
};

pub(super) fn steps(record: &Record<'_>, around: &Surroundings<'_>) -> Vec<Step> {
    let Some(denial) = record.denial.as_deref() else { return Vec::new() };
    let specific = match &record.event {
        Event::Access(access) => for_access(denial, access, around),
        Event::Grant(grant) if grant.endpoint.is_none() => for_grant(denial, grant, around),
        // A token request is no remedy there.
        Event::Grant(grant) => for_grant(denial, grant, &Surroundings { issuer: None, ..*around }),
        Event::Admin(_) => Vec::new(),
    };
    if specific.is_empty() { vec![general(denial, around)] } else { specific }
}

/// The denial's own advice, with the command that carries it out, if there is one.
fn general(denial: &Denial, around: &Surroundings<'_>) -> Step {
    let remedy = denial.remedy_for_operator();
    let id = |id: &str| ClientId::new(id).ok().map(|id| shell_word(id.as_str()));
    let command = match denial {
        Denial::ClientDisabled { client_id, .. }
        | Denial::Revoked { by: RevokedBy::Client { client_id, .. } } => {
            id(client_id.as_str()).map(|id| format!("client enable {id}"))
        }
        Denial::BadClient { client_id: Some(client), proof: ClientProof::WrongSecret } => {
            id(client).map(|id| format!("client rotate-secret {id}"))
        }
        Denial::BadClient { proof: ClientProof::UnknownClient, .. } => Some("client list".into()),
        _ => None,
    };
    let command = command.map(|words| portcullis(&words, around));
    Step { change: remedy.change, by: remedy.by, command }
}

fn for_access(denial: &Denial, access: &Access<'_>, around: &Surroundings<'_>) -> Vec<Step> {
    let resource = access.resource.as_deref();
    let needed = access.needed.as_deref().cloned().unwrap_or_default();
    match denial {
        Denial::WeakScope { found, missing, .. } => {
            let wanted = Wanted { scope: found.union(missing), missing: missing.clone(), resource };
            another_token(&wanted, around)
        }
        Denial::WrongAudience { .. } => {
            let wanted = Wanted { scope: needed.clone(), missing: needed, resource };
            another_token(&wanted, around)
        }
        Denial::NoCredential { .. } | Denial::NotAToken { .. } => {
            let command =
                around.issuer.map(|ours| curl(around, &ours.token_endpoint, &needed, resource));
            vec![Step { command, ..general(denial, around) }]
        }
        Denial::Expired { .. }
        | Denial::BadSignature { .. }
        | Denial::UnknownKey { .. }
        | Denial::Revoked { by: RevokedBy::Token { .. } | RevokedBy::NotBefore { .. } } => {
            let same = access
                .token
                .as_ref()
                .and_then(|token| TokenView::of(token).scopes())
                .filter(|scope| !scope.is_empty())
                .unwrap_or(needed);
            let command =
                endpoint(access, around).map(|endpoint| curl(around, endpoint, &same, resource));
            vec![Step { command, ..general(denial, around) }]
        }
        Denial::Header { fault: HeaderFault::Algorithm { .. } } | Denial::Format { .. } => {
            vec![general(denial, around)]
        }
        _ => Vec::new(),
    }
}

/// Our token endpoint, if the token says that it came from there.
fn endpoint<'s>(access: &Access<'_>, around: &Surroundings<'s>) -> Option<&'s str> {
    let ours = around.issuer?;
    let iss = TokenView::of(access.token.as_ref()?).iss?;
    (iss == ours.issuer.as_str()).then_some(ours.token_endpoint.as_str())
}

/// The token that would do.
struct Wanted<'a> {
    /// All that to ask for, so that the new token can do what the old one could.
    scope: Scopes,
    /// What the client may not be allowed yet.
    missing: Scopes,
    /// For which API.
    resource: Option<&'a str>,
}

/// The operator allows what is not allowed; the caller asks for it.
fn another_token(wanted: &Wanted<'_>, around: &Surroundings<'_>) -> Vec<Step> {
    let mut steps = allow(wanted, around);
    let scope = match wanted.scope.len() {
        0 => None,
        1 => Some(format!("scope={}", wanted.scope)),
        _ => Some(format!("scope=\"{}\"", wanted.scope)),
    };
    let resource = wanted.resource.map(|resource| format!("resource={resource}"));
    let asked: Vec<_> = [scope, resource].into_iter().flatten().collect();
    let ours = around.issuer.filter(|_| around.issuance.is_some() || around.client.is_some());
    steps.push(Step {
        change: format!("Ask for a token with {}.", asked.join(" and ")),
        by: Fixer::Caller,
        command: ours
            .map(|ours| curl(around, &ours.token_endpoint, &wanted.scope, wanted.resource)),
    });
    steps
}

/// What stands in the way at the issuer: the API's offer, the client's allow-list, a policy.
fn allow(wanted: &Wanted<'_>, around: &Surroundings<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(client) = around.client.filter(|client| client.disabled_since.is_some()) {
        steps.push(Step {
            change: format!("Enable the client {} again.", client.id),
            by: Fixer::Operator,
            command: Some(portcullis(&format!("client enable {}", client.id), around)),
        });
    }
    let api = around.apis.iter().find(|api| Some(api.resource.as_str()) == wanted.resource);
    if let (Some(api), Some(registry)) = (api, around.registry) {
        let lacking = registry.missing(&api.scopes, &wanted.missing);
        if !lacking.is_empty() {
            steps.push(Step {
                change: format!(
                    "Add {lacking} to the scopes of [[api]] {} in {}.",
                    api.name,
                    around.config.unwrap_or("portcullis.toml")
                ),
                by: Fixer::Operator,
                command: None,
            });
        }
    }
    steps.extend(allow_client(wanted, around));
    steps.extend(dropped_by_policy(around, &wanted.missing).map(|(scope, reason)| Step {
        change: format!("Change the policy that takes {scope} away: {reason}"),
        by: Fixer::Operator,
        command: None,
    }));
    steps
}

fn allow_client(wanted: &Wanted<'_>, around: &Surroundings<'_>) -> Option<Step> {
    let (id, scopes, resource) = match around.client {
        Some(client) => {
            let resource = wanted.resource.filter(|resource| !may_have(client, resource));
            (&client.id, not_allowed(client, &wanted.missing, around), resource)
        }
        None => return allow_as_recorded(wanted, around),
    };
    let mut what = Vec::new();
    if !scopes.is_empty() {
        what.push(format!("the scope {scopes}"));
    }
    what.extend(resource.map(|resource| format!("tokens for {resource}")));
    let command = client_update(id, &scopes, resource, around)?;
    let change = format!("Allow the client {id} {}.", what.join(" and "));
    Some(Step { change, by: Fixer::Operator, command: Some(command) })
}

/// Without the client's present state, its issuance says what its allow-list took away.
fn allow_as_recorded(wanted: &Wanted<'_>, around: &Surroundings<'_>) -> Option<Step> {
    let Event::Grant(grant) = &around.issuance?.event else { return None };
    let id = ClientId::new(grant.client_id.as_deref()?).ok()?;
    let by_client = grant.dropped.iter().filter(|lost| lost.by == DroppedBy::Client);
    let scopes: Scopes = by_client
        .map(|lost| lost.scope.clone())
        .filter(|scope| wanted.missing.contains(scope))
        .collect();
    let command = client_update(&id, &scopes, None, around)?;
    let change = format!("Allow the client {id} the scope {scopes}.");
    Some(Step { change, by: Fixer::Operator, command: Some(command) })
}

fn may_have(client: &ClientNow, resource: &str) -> bool {
    client.resources.iter().any(|own| own.as_str() == resource)
}

/// Which of `scopes` the allow-list of the client does not cover.
pub(super) fn not_allowed(
    client: &ClientNow,
    scopes: &Scopes,
    around: &Surroundings<'_>,
) -> Scopes {
    let Some(registry) = around.registry else { return Scopes::default() };
    let allowed: Scopes =
        client.scopes.iter().flat_map(|pattern| pattern.expand(registry)).collect();
    registry.missing(&allowed, scopes)
}

pub(super) fn dropped_by_policy<'r>(
    around: &Surroundings<'r>,
    missing: &Scopes,
) -> impl Iterator<Item = (&'r Scope, &'r str)> {
    let grant = around.issuance.and_then(|record| match &record.event {
        Event::Grant(grant) => Some(grant),
        Event::Access(_) | Event::Admin(_) => None,
    });
    let missing = missing.clone();
    grant.into_iter().flat_map(|grant| grant.dropped.iter()).filter_map(move |lost| {
        match &lost.by {
            DroppedBy::Policy(reason) if missing.contains(&lost.scope) => {
                Some((&lost.scope, reason.as_str()))
            }
            _ => None,
        }
    })
}

fn for_grant(denial: &Denial, grant: &Grant<'_>, around: &Surroundings<'_>) -> Vec<Step> {
    let resource = grant.resource.as_deref().or(grant.requested_resource.first().map(|r| &**r));
    match denial {
        Denial::NoScopeLeft { requested, .. } => {
            let wanted = Wanted { scope: requested.clone(), missing: requested.clone(), resource };
            another_token(&wanted, around)
        }
        Denial::BadTarget { found, allowed } => {
            let mut steps = Vec::new();
            let known =
                |one: &&String| around.apis.iter().any(|api| api.resource.as_str() == **one);
            if let (Some(client), Some(one)) = (around.client, found.iter().find(known)) {
                steps.push(Step {
                    change: format!("Allow the client {} tokens for {one}.", client.id),
                    by: Fixer::Operator,
                    command: client_update(&client.id, &Scopes::default(), Some(one), around),
                });
            } else if let (Some(ours), Some(resource)) = (around.issuer, allowed.first()) {
                let scope = grant.requested_scope.clone().unwrap_or_default();
                let command = curl(around, &ours.token_endpoint, &scope, Some(resource.as_str()));
                steps.push(Step { command: Some(command), ..general(denial, around) });
            }
            steps
        }
        Denial::UnknownGrantType { .. } | Denial::BadClient { proof: ClientProof::Missing, .. } => {
            let scope = grant.requested_scope.clone().unwrap_or_default();
            let command =
                around.issuer.map(|ours| curl(around, &ours.token_endpoint, &scope, resource));
            vec![Step { command, ..general(denial, around) }]
        }
        _ => Vec::new(),
    }
}

fn curl(
    around: &Surroundings<'_>,
    endpoint: &str,
    scope: &Scopes,
    resource: Option<&str>,
) -> String {
    let issuance = around.issuance.and_then(|record| match &record.event {
        Event::Grant(grant) => Some(grant),
        Event::Access(_) | Event::Admin(_) => None,
    });
    let recorded =
        issuance.and_then(|grant| grant.client_id.as_deref()).and_then(|id| ClientId::new(id).ok());
    let client_id = around.client.map(|client| &client.id).or(recorded.as_ref());
    let auth_method = issuance.and_then(|grant| grant.auth_method.as_deref());
    TokenRequest { endpoint, client_id, auth_method, scope: Some(scope), resource }.curl()
}
