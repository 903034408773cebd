//! RFC 6749 §4.4 with RFC 8707: the client's own rights, narrowed to one API.

use super::{course::Course, form::TokenRequest};
use crate::{
    Api,
    server::State,
    target::{self, Subject},
};
use portcullis_directory::{Client, excerpt, without_secrets};
use portcullis_types::{Check, Denial, Registry, Scope, Scopes};

/// What a token will say.
pub(crate) struct Grant<'a> {
    /// Whom it is for.
    pub(crate) api: &'a Api,
    /// What it may do there. Never empty.
    pub(crate) scope: Scopes,
}

/// Which API, then which scopes: a scope means something only at an API.
pub(crate) fn grant<'a>(
    state: &'a State,
    client: &Client,
    request: &TokenRequest,
    course: &mut Course,
) -> Result<Grant<'a>, Denial> {
    let target = api(state, client, &request.resource);
    let api = course.trace.step(Check::Resource, target)?;
    course.record.resource = Some(api.resource.to_string().into());
    course.record.api = Some(api.name.to_string().into());
    let asked = asked(request.scope.as_deref(), client, &state.settings.registry);
    let asked = course.trace.step(Check::GrantScope, asked)?;
    let default_scope = request.scope.is_none();
    course.record.default_used = default_scope || request.resource.is_empty();
    course.record.requested_scope = (!default_scope).then(|| asked.clone());
    let scope = narrow(state, client, api, asked, course);
    let scope = course.trace.step(Check::GrantScope, scope)?;
    Ok(Grant { api, scope })
}

/// RFC 8707 §2.
fn api<'a>(state: &'a State, client: &Client, asked: &[String]) -> Result<&'a Api, Denial> {
    let settings = &state.settings;
    let refuse = || {
        let may = settings.apis.iter().filter(|api| target::may(client, api, Subject::Client));
        Denial::BadTarget {
            found: asked.iter().take(8).map(|resource| excerpt(resource)).collect(),
            allowed: may.map(|api| api.resource.clone()).collect(),
        }
    };
    if asked.len() > 1 {
        return Err(refuse());
    }
    let named = asked.first().map(String::as_str);
    target::target(settings, client, named, Subject::Client).map_err(|_| refuse())
}

/// RFC 6749 §3.3: what is asked for, or the client's default.
fn asked(scope: Option<&str>, client: &Client, registry: &Registry) -> Result<Scopes, Denial> {
    let refuse = |found: &str, problem: String| Denial::BadScope {
        found: excerpt(found),
        problem: without_secrets(&problem).into_owned(),
    };
    let scopes = match (scope, &client.default_scope) {
        (None, Some(default)) => default.clone(),
        (None, None) => {
            return Err(refuse("scope", "is missing, and this client has no default".into()));
        }
        (Some(text), _) => Scopes::parse(text).map_err(|fault| {
            let culprit = text.split(' ').find(|piece| Scope::parse(piece).is_err());
            refuse(culprit.filter(|piece| !piece.is_empty()).unwrap_or("scope"), fault.to_string())
        })?,
    };
    for scope in &scopes {
        registry.known(scope).map_err(|fault| refuse(scope.as_str(), fault.to_string()))?;
    }
    Ok(target::own(client, scopes))
}

/// What is asked for, what the client may, what the API has: only what is in all three.
fn narrow(
    state: &State,
    client: &Client,
    api: &Api,
    asked: Scopes,
    course: &mut Course,
) -> Result<Scopes, Denial> {
    let (granted, dropped) = asked.narrow(&client.scopes, &api.scopes, &state.settings.registry);
    course.record.dropped = dropped;
    if granted.is_empty() {
        return Err(Denial::NoScopeLeft {
            requested: asked,
            client_may: client.scopes.iter().map(ToString::to_string).collect(),
            api_has: api.scopes.clone(),
        });
    }
    Ok(granted)
}
