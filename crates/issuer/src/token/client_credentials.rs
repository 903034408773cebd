//! RFC 6749 §4.4 with RFC 8707: the client's own rights, narrowed to one API.

use super::{course::Course, form::TokenRequest};
use crate::{
    Api, policy,
    server::State,
    target::{self, Subject},
};
use portcullis_directory::{Client, excerpt};
use portcullis_types::{Check, Denial, Registry, Ruling, Scopes, Ttl};

/// What a token will say.
pub(crate) struct Grant<'a> {
    /// Whom it is for.
    pub(crate) api: &'a Api,
    /// What it may do there. Never empty.
    pub(crate) scope: Scopes,
    /// How long it lives.
    pub(crate) ttl: Ttl,
}

/// Which API, then which scopes: a scope means something only at an API.
pub(crate) async fn grant<'a>(
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
    let about = (&asked, api.resource.as_str());
    let ruling = policy::of_a_client(state, client, about, course).await;
    let ruling = policy::step(course, ruling)?;
    let ttl = policy::shortened(api.token_ttl.unwrap_or(state.settings.token_ttl), ruling.as_ref());
    let scope = narrow(state, (client, api, ruling.as_ref()), asked, course);
    let scope = course.trace.step(Check::GrantScope, scope)?;
    Ok(Grant { api, scope, ttl })
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
    let scopes = match (scope, &client.default_scope) {
        (Some(text), _) => target::asked(registry, text)?,
        (None, Some(default)) => target::existing(registry, default.clone())?,
        (None, None) => {
            let problem = "is missing, and this client has no default".into();
            return Err(Denial::BadScope { found: "scope".into(), problem });
        }
    };
    Ok(target::own(client, scopes))
}

/// What is asked for, what the client may, what the API has, what the policy leaves: only what is in all.
fn narrow(
    state: &State,
    (client, api, ruling): (&Client, &Api, Option<&Ruling>),
    asked: Scopes,
    course: &mut Course,
) -> Result<Scopes, Denial> {
    let registry = &state.settings.registry;
    let (mut granted, dropped) = asked.narrow(&client.scopes, &api.scopes, registry);
    course.record.dropped = dropped;
    if let Some(ruling) = ruling {
        let (left, dropped) = ruling.narrow(&granted, registry);
        granted = left;
        course.record.dropped.extend(dropped);
    }
    if granted.is_empty() {
        return Err(Denial::NoScopeLeft {
            requested: asked,
            client_may: client.scopes.iter().map(ToString::to_string).collect(),
            api_has: api.scopes.clone(),
        });
    }
    Ok(granted)
}
