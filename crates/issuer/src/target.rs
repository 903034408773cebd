//! Which API a token is for (RFC 8707 §2), and what is asked for there (RFC 6749 §3.3): one rule for every endpoint,
//! each of which has words of its own for what is wrong.

use crate::{Api, Settings};
use portcullis_directory::{Client, excerpt, without_secrets};
use portcullis_types::{Denial, Registry, Scope, Scopes, Tenant};

/// Whose rights a token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The client's own.
    Client,
    /// Those of a person, who is not known yet.
    Person,
}

/// Why it is for no API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTarget<'a> {
    /// It is not said which. One token for several could be used by each of them at the others.
    Unsaid,
    /// The client may have no token for this one.
    NotAllowed(&'a str),
}

/// Exactly one API: the one that is named, or the client's default, or its only one.
pub(crate) fn target<'s, 'a>(
    settings: &'s Settings,
    client: &'a Client,
    named: Option<&'a str>,
    subject: Subject,
) -> Result<&'s Api, NoTarget<'a>> {
    let wanted = match (named, &client.default_resource, client.resources.as_slice()) {
        (Some(named), _, _) => named,
        (None, Some(default), _) => default.as_str(),
        (None, None, [only]) => only.as_str(),
        (None, None, _) => return Err(NoTarget::Unsaid),
    };
    let api = settings.named(wanted).filter(|api| may(client, api, subject));
    api.ok_or(NoTarget::NotAllowed(wanted))
}

/// Whether a client may have tokens for that API at all. An API of one customer is for that customer's: a client for
/// itself must be of it. An app of nobody's may serve its people; who they are is judged when they are known.
pub(crate) fn may(client: &Client, api: &Api, subject: Subject) -> bool {
    let anybodys = client.tenant.is_none() && subject == Subject::Person;
    client.resources.contains(&api.resource) && (anybodys || is_of(api, client.tenant.as_ref()))
}

/// Whether the data of this API may be shown to that customer.
pub(crate) fn is_of(api: &Api, tenant: Option<&Tenant>) -> bool {
    api.tenant.is_none() || api.tenant.as_ref() == tenant
}

/// Whether MCP clients are served there: it has scopes of theirs.
pub(crate) fn is_mcp(api: &Api) -> bool {
    api.scopes.iter().any(|scope| scope.family() == "mcp")
}

/// What a client that was told its words asks for (RFC 6749 §3.3): scopes that exist, each of them.
pub(crate) fn asked(registry: &Registry, text: &str) -> Result<Scopes, Denial> {
    let scopes = Scopes::parse(text).map_err(|fault| {
        let culprit = text.split(' ').find(|piece| Scope::parse(piece).is_err());
        let culprit = culprit.filter(|piece| !piece.is_empty()).unwrap_or("scope");
        no_scope(culprit, &fault.to_string())
    })?;
    existing(registry, scopes)
}

/// The same, of scopes that can be read.
pub(crate) fn existing(registry: &Registry, scopes: Scopes) -> Result<Scopes, Denial> {
    for scope in &scopes {
        registry.known(scope).map_err(|fault| no_scope(scope.as_str(), &fault.to_string()))?;
    }
    Ok(scopes)
}

fn no_scope(found: &str, problem: &str) -> Denial {
    let problem = without_secrets(problem).into_owned();
    Denial::BadScope { found: excerpt(found), problem }
}

/// A word that is no scope here, and why.
pub(crate) struct WrongScope<'a> {
    pub(crate) word: &'a str,
    pub(crate) problem: String,
}

/// The scopes that an app asks for. Whom an operator registered, hears of its mistake; an app that introduced itself
/// may not know our words, and loses them.
pub(crate) fn scopes<'a>(
    settings: &Settings,
    client: &Client,
    words: &[&'a str],
) -> Result<Scopes, WrongScope<'a>> {
    let wrong = |word, problem: String| WrongScope {
        word,
        problem: without_secrets(&problem).into_owned(),
    };
    let mut scopes = Vec::with_capacity(words.len());
    for word in words {
        let scope = Scope::parse(word);
        match scope.and_then(|scope| settings.registry.known(&scope).map(|()| scope)) {
            Ok(scope) => scopes.push(scope),
            Err(fault) if client.is_vouched_for() => return Err(wrong(word, fault.to_string())),
            Err(_) => {}
        }
    }
    let scopes: Scopes = scopes.into_iter().collect();
    scopes.within_limits().map_err(|fault| wrong("scope", fault.to_string()))?;
    Ok(own(client, scopes))
}

/// A token says its own tenant once, not in each scope.
pub(crate) fn own(client: &Client, scopes: Scopes) -> Scopes {
    match &client.tenant {
        Some(tenant) => scopes.unqualified(tenant),
        None => scopes,
    }
}
