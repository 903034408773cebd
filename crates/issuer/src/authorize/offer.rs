//! What an app may have for a person (RFC 6749 §3.3, RFC 8707): what it asks for, narrowed by the client's
//! allow-list, by the API and by the person's roles. Only ever less, and every loss is told.

use super::parameters::refuse;
use crate::{
    Api, Settings, claims,
    target::{self, NoTarget, Subject, WrongScope},
};
use portcullis_directory::{ClaimsAsked, Client, GrantType, Person, excerpt};
use portcullis_types::{
    Audience, AuthorizationError as Error, Denial, Dropped, DroppedBy, IdentityScope,
    IdentityScopes, Pattern, Scopes, Tenant,
};

/// What an app asks for, as it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) scope: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
    /// By name, in `claims`.
    pub(crate) claims: Option<&'a ClaimsAsked>,
}

/// What may be granted.
#[derive(Clone, Debug)]
pub(crate) struct Offer<'s> {
    pub(crate) identity: IdentityScopes,
    /// What the app may learn besides, one by one.
    pub(crate) claims: ClaimsAsked,
    /// At `api`. Empty if the app only signs people in.
    pub(crate) scope: Scopes,
    pub(crate) api: Option<&'s Api>,
    /// Whether the app itself named the API.
    pub(crate) named: bool,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) dropped: Vec<Dropped>,
}

impl<'s> Offer<'s> {
    /// What the app may have at most, whoever signs in.
    pub(crate) fn to_app(
        settings: &'s Settings,
        client: &Client,
        wanted: Wanted<'_>,
    ) -> Result<Self, Denial> {
        let Wanted { scope, resource, .. } = wanted;
        let (identity, words) = IdentityScopes::part(scope.unwrap_or_default());
        let named = resource.is_some();
        let asked = if words.is_empty() && (scope.is_none() || named) {
            client.default_scope.clone().unwrap_or_default()
        } else {
            target::scopes(settings, client, &words).map_err(|WrongScope { word, problem }| {
                let problem = format!("{}: {problem}", excerpt(word));
                refuse(Error::InvalidScope, "scope", problem)
            })?
        };
        let api = api(settings, client, resource, &asked)?;
        let (scope, dropped) = match api {
            Some(api) => asked.narrow(&client.scopes, &api.scopes, &settings.registry),
            None => (Scopes::default(), lost(&asked, &DroppedBy::Client)),
        };
        let may = client.registration.identity;
        let identity = useful(identity.and(may), client);
        let claims = wanted.claims.filter(|_| identity.has(IdentityScope::Openid));
        let claims = claims.map(|asked| claims::allowed(asked, may)).unwrap_or_default();
        // A token for an API that the app did not name would open nothing there.
        let api = api.filter(|_| named || !scope.is_empty());
        let tenant = client.tenant.clone();
        Self { identity, claims, scope, api, named, tenant, dropped }.something()
    }

    /// What is left of it for this person: their roles say what anybody may do in their name.
    pub(crate) fn for_person(
        mut self,
        roles: &[Pattern],
        person: &Person,
        settings: &Settings,
    ) -> Result<Self, Denial> {
        self.tenant = tenant(self.tenant.as_ref(), self.api, person)?;
        if let Some(api) = self.api {
            let (scope, dropped) = self.scope.narrow(roles, &api.scopes, &settings.registry);
            let why = DroppedBy::Policy("no role of the person allows it".to_owned());
            self.dropped
                .extend(dropped.into_iter().map(|lost| Dropped { by: why.clone(), ..lost }));
            self.scope = scope;
        }
        if self.scope.is_empty() && !self.named {
            self.api = None;
        }
        self.something()
    }

    /// Never a token with no rights.
    fn something(self) -> Result<Self, Denial> {
        let signs_in = self.identity.has(IdentityScope::Openid) && !self.named;
        if signs_in || !self.scope.is_empty() {
            return Ok(self);
        }
        let problem = match self.dropped.first() {
            Some(lost) => format!("nothing that was asked for may be granted: {lost}"),
            None => "no scope is asked for, and the client has no default".to_owned(),
        };
        Err(refuse(Error::InvalidScope, "scope", problem))
    }

    /// All that the app may learn, whether it asks by scope or by name: what the person has to agree to.
    pub(crate) fn told(&self) -> IdentityScopes {
        self.identity.or(claims::scopes_of(&self.claims))
    }

    /// The identifier of the API.
    pub(crate) fn resource(&self) -> Option<&'s Audience> {
        self.api.map(|api| &api.resource)
    }
}

/// Facts about the person need `openid` (OpenID Connect Core §5.4); a refresh token needs its grant.
fn useful(identity: IdentityScopes, client: &Client) -> IdentityScopes {
    let offline: IdentityScopes = std::iter::once(IdentityScope::OfflineAccess).collect();
    let identity =
        if client.may(GrantType::RefreshToken) { identity } else { identity.without(offline) };
    if identity.has(IdentityScope::Openid) { identity } else { identity.and(offline) }
}

/// RFC 8707 §2: one API, named by the app or by its default; none, if it asks for nothing there.
fn api<'s>(
    settings: &'s Settings,
    client: &Client,
    named: Option<&str>,
    asked: &Scopes,
) -> Result<Option<&'s Api>, Denial> {
    let introduced_itself = client.resources.is_empty() && !client.is_vouched_for();
    if named.is_none() && (asked.is_empty() || introduced_itself) {
        return Ok(None);
    }
    let api = target::target(settings, client, named, Subject::Person).map_err(|fault| {
        let problem = match fault {
            NoTarget::Unsaid => "resource must name one API".to_owned(),
            NoTarget::NotAllowed(api) => format!("the app may have no token for {}", excerpt(api)),
        };
        refuse(Error::InvalidTarget, "resource", problem)
    });
    api.map(Some)
}

/// Whose data: an app and an API of one customer are for that customer's people alone.
fn tenant(
    app: Option<&Tenant>,
    api: Option<&Api>,
    person: &Person,
) -> Result<Option<Tenant>, Denial> {
    let own = person.tenant.as_ref();
    let wanted = [app, api.and_then(|api| api.tenant.as_ref())];
    if wanted.into_iter().flatten().any(|wanted| Some(wanted) != own) {
        let problem = "the app or its API belongs to another customer than the person".to_owned();
        let (error, parameter) = (Error::AccessDenied, None);
        return Err(Denial::BadAuthorization { error, parameter, problem });
    }
    Ok(own.cloned())
}

fn lost(asked: &Scopes, by: &DroppedBy) -> Vec<Dropped> {
    asked.iter().map(|scope| Dropped { scope: scope.clone(), by: by.clone() }).collect()
}

/// RFC 8707 §2: several APIs at once are another error than any other parameter twice.
pub(crate) fn one_target(denial: Denial) -> Denial {
    match denial {
        Denial::BadAuthorization { parameter: Some(name), .. } if name == "resource" => {
            refuse(Error::InvalidTarget, "resource", "ask for one resource at a time")
        }
        other => other,
    }
}
