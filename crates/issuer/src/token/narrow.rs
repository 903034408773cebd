//! What was granted, narrowed to what may be had now: by this request, by the client's allow-list, by the API and
//! by the roles of the person. Each of them may have changed since.

use super::{Course, TokenError, ask::Ask};
use crate::{
    Api, Settings, policy,
    target::{self, Subject},
};
use portcullis_directory::{Authorization, Client, PeopleSettings, Person, excerpt};
use portcullis_policy::Point;
use portcullis_store::Tx;
use portcullis_types::{
    Check, Denial, Dropped, DroppedBy, GrantedFault, IdentityScope, IdentityScopes, Pattern,
    Ruling, Scope, Scopes,
};

/// What the request asks for; nothing means all that was granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) scope: Option<&'a str>,
    pub(super) resource: &'a [String],
}

/// What it gets.
#[derive(Debug)]
pub(super) struct Narrowed {
    /// `None`: our own `/userinfo`.
    pub(super) api: Option<Api>,
    pub(super) identity: IdentityScopes,
    pub(super) scope: Scopes,
    /// What the policy says of it, if one is asked.
    pub(super) ruling: Option<Ruling>,
}

pub(super) fn now(
    tx: &mut Tx<'_>,
    ask: &Ask,
    granted: &Authorization,
    (person, wanted): (&Person, Wanted<'_>),
    course: &mut Course,
) -> Result<Narrowed, TokenError> {
    let settings = &ask.state.settings;
    let target = resource(settings, &ask.client, granted, wanted.resource);
    let api = course.trace.step(Check::Resource, target)?;
    let asked = asked(settings, granted, wanted.scope, &ask.request.grant_type);
    let (identity, asked) = course.trace.step(Check::GrantScope, asked)?;
    let identity = identity.and(ask.client.registration.identity);
    course.record.requested_scope = wanted.scope.map(|_| asked.clone());
    let roles = tx.attached::<PeopleSettings>().unwrap_or_default().roles.scopes(&person.roles);
    let mut scope = match api {
        Some(api) => within(settings, &ask.client, api, (&asked, &roles), course),
        None => Scopes::default(),
    };
    let ruling = policy::step(course, ruled(ask))?;
    if let Some(ruling) = &ruling {
        let (left, dropped) = ruling.narrow(&scope, &settings.registry);
        scope = left;
        course.record.dropped.extend(dropped);
    }
    // A person who may nothing there any more still signs in.
    let signs_in = identity.has(IdentityScope::Openid) && !granted.resource_named;
    let api = api.filter(|_| !(scope.is_empty() && signs_in));
    let nothing_left = match api {
        Some(_) => scope.is_empty() && !granted.scope.is_empty(),
        None => !identity.has(IdentityScope::Openid),
    };
    let left = if nothing_left {
        Err(Denial::NoScopeLeft {
            requested: asked,
            client_may: ask.client.scopes.iter().map(ToString::to_string).collect(),
            api_has: api.map(|api| api.scopes.clone()).unwrap_or_default(),
        })
    } else {
        Ok(())
    };
    course.trace.step(Check::GrantScope, left)?;
    let resource = api.map_or(&settings.userinfo.1, |api| &api.resource);
    course.record.resource = Some(resource.to_string().into());
    course.record.api = api.map(|api| api.name.to_string().into());
    Ok(Narrowed { api: api.cloned(), identity, scope, ruling })
}

/// Where a policy is asked, one has answered.
fn ruled(ask: &Ask) -> Result<Option<Ruling>, Denial> {
    match (policy::judge(&ask.state, Point::Token), &ask.ruled) {
        (None, _) => Ok(None),
        (Some(_), Some(ruled)) => policy::allowed(ruled, None).map(Some),
        (Some(_), None) => {
            let reasons = vec!["no policy was asked".to_owned()];
            Err(Denial::PolicyRefused { inbound: None, reasons })
        }
    }
}

/// RFC 8707 §2.2: what was granted, or our own `/userinfo`.
fn resource<'s>(
    settings: &'s Settings,
    client: &Client,
    granted: &Authorization,
    wanted: &[String],
) -> Result<Option<&'s Api>, Denial> {
    let (_, userinfo) = &settings.userinfo;
    let signs_in = granted.identity.has(IdentityScope::Openid);
    let refuse = || {
        let own = signs_in.then(|| userinfo.clone());
        Err(Denial::BadTarget {
            found: wanted.iter().take(8).map(|resource| excerpt(resource)).collect(),
            allowed: granted.resource.iter().cloned().chain(own).collect(),
        })
    };
    let resource = match (wanted, &granted.resource) {
        ([one], _) if one == userinfo.as_str() && signs_in => return Ok(None),
        ([], None) => return Ok(None),
        ([], Some(granted)) => granted,
        ([one], Some(granted))
            if settings.named(one).is_some_and(|api| api.resource == *granted) =>
        {
            granted
        }
        _ => return refuse(),
    };
    let may = |api: &&Api| {
        target::may(client, api, Subject::Person) && target::is_of(api, granted.tenant.as_ref())
    };
    match settings.api(resource.as_str()).filter(may) {
        Some(api) => Ok(Some(api)),
        None => refuse(),
    }
}

/// RFC 6749 §6: never more than was granted.
fn asked(
    settings: &Settings,
    granted: &Authorization,
    wanted: Option<&str>,
    grant_type: &str,
) -> Result<(IdentityScopes, Scopes), Denial> {
    let Some(text) = wanted else { return Ok((granted.identity, granted.scope.clone())) };
    let wider = |problem: String| Denial::BadGranted {
        grant_type: excerpt(grant_type),
        fault: GrantedFault::Wider { problem },
    };
    let (identity, words) = IdentityScopes::part(text);
    let more = identity.without(granted.identity);
    if !more.is_empty() {
        return Err(wider(format!("{more} was not granted")));
    }
    let mut scopes = Vec::with_capacity(words.len());
    for word in words {
        let scope = Scope::parse(word).ok();
        let scope = scope.filter(|scope| settings.registry.covers(&granted.scope, scope));
        scopes.push(scope.ok_or_else(|| wider(format!("{} was not granted", excerpt(word))))?);
    }
    Ok((identity, scopes.into_iter().collect()))
}

fn within(
    settings: &Settings,
    client: &Client,
    api: &Api,
    (asked, roles): (&Scopes, &[Pattern]),
    course: &mut Course,
) -> Scopes {
    let (scope, dropped) = asked.narrow(&client.scopes, &api.scopes, &settings.registry);
    course.record.dropped = dropped;
    let (scope, dropped) = scope.narrow(roles, &api.scopes, &settings.registry);
    let by = DroppedBy::Policy("no role of the person allows it".to_owned());
    let dropped = dropped.into_iter().map(|lost| Dropped { by: by.clone(), ..lost });
    course.record.dropped.extend(dropped);
    scope
}
