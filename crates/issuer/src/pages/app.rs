//! What an app asks for, in plain words: everything, and nothing else.

use super::html;
use crate::visit::Visit;
use askama::Template;
use axum::response::Response;
use portcullis_directory::Client;
use portcullis_types::{IdentityScope, IdentityScopes, Place, RedirectUri, Registry, Scopes};
use portcullis_web::page::{Forms, Page, Words};
use url::Url;

/// An app as a person sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppView<'a> {
    /// As it calls itself.
    pub(crate) name: &'a str,
    /// Its `client_id`.
    pub(crate) id: &'a str,
    /// The host of its home page, if it says one.
    pub(crate) site: Option<String>,
    /// Where its picture is to be had here.
    pub(crate) logo: Option<String>,
    /// What it says about privacy.
    pub(crate) policy: Option<Outside<'a>>,
    /// Its terms.
    pub(crate) terms: Option<Outside<'a>>,
    /// The host of the document that describes it, for an app known by a URL.
    pub(crate) document: Option<String>,
    /// Whether it registered itself, and nobody looked at it.
    pub(crate) unchecked: bool,
}

/// A page of the app's own: never anything that a browser would run, since nothing else is registered.
#[derive(Clone, Debug)]
pub(crate) struct Outside<'a> {
    pub(crate) href: &'a str,
    /// Whose page it is, to be seen before it is opened.
    pub(crate) host: String,
}

impl<'a> Outside<'a> {
    /// `None` if the address has no host.
    pub(crate) fn of(href: &'a str) -> Option<Self> {
        let host = Url::parse(href).ok()?.host_str()?.to_owned();
        Some(Self { href, host })
    }
}

impl<'a> AppView<'a> {
    /// Of a client as it is registered, without its picture.
    pub(crate) fn of(client: &'a Client) -> Self {
        let id = client.id.as_str();
        let registered = &client.registration;
        Self {
            name: &client.name,
            id,
            site: registered.client_uri.as_deref().map(host),
            logo: None,
            policy: registered.policy_uri.as_deref().and_then(Outside::of),
            terms: registered.tos_uri.as_deref().and_then(Outside::of),
            document: Some(id).filter(|id| id.starts_with("https://")).map(host),
            unchecked: !client.is_vouched_for(),
        }
    }
}

/// Where an address leads, as a person recognises it: its host, or for an app's own scheme that.
pub(crate) fn host(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) => url.host_str().unwrap_or(url.scheme()).to_owned(),
        Err(_) => String::new(),
    }
}

/// One thing that an app may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    /// In plain words, as the end of a sentence.
    pub(crate) text: String,
    /// The scope's own name.
    pub(crate) scope: String,
    /// Whether it can do more harm than others.
    pub(crate) privileged: bool,
}

/// What an app gets, and what it does not get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions {
    /// What it will be able to do.
    pub(crate) granted: Vec<Permission>,
    /// What it will not get.
    pub(crate) withheld: Vec<String>,
}

impl Permissions {
    /// Of what is asked for; `refused` was asked for, too, and this person may not give it.
    pub(crate) fn of(
        words: Words,
        registry: &Registry,
        identity: IdentityScopes,
        scope: &Scopes,
        refused: &Scopes,
    ) -> Self {
        let told = identity.iter().map(|scope| Permission {
            text: identity_text(words, scope).to_owned(),
            scope: scope.name().to_owned(),
            privileged: scope == IdentityScope::OfflineAccess,
        });
        let done = scope.iter().map(|scope| Permission {
            text: scope_text(words, registry, scope.as_str()),
            scope: scope.as_str().to_owned(),
            privileged: scope.is_privileged(),
        });
        let granted = told.chain(done).collect();
        Self { granted, withheld: withheld(words, registry, identity, refused) }
    }
}

fn identity_text(words: Words, scope: IdentityScope) -> &'static str {
    match scope {
        IdentityScope::Openid => words.say("permission.openid"),
        IdentityScope::Profile => words.say("permission.profile"),
        IdentityScope::Email => words.say("permission.email"),
        IdentityScope::Phone => words.say("permission.phone"),
        IdentityScope::Address => words.say("permission.address"),
        IdentityScope::Roles => words.say("permission.roles"),
        IdentityScope::Groups => words.say("permission.groups"),
        IdentityScope::OfflineAccess => words.say("permission.offline_access"),
    }
}

/// By the catalogue, else by the operator's own description.
fn scope_text(words: Words, registry: &Registry, scope: &str) -> String {
    let bare = scope.split('@').next().unwrap_or(scope);
    if let Some(text) = words.find(&format!("scope.{bare}")) {
        return text.to_owned();
    }
    let described = registry.all().find(|(known, _)| known.as_str() == bare);
    match described.map(|(_, text)| text).filter(|text| !text.is_empty()) {
        Some(text) => text.trim_end_matches('.').to_owned(),
        None => words.fill("permission.other", &[scope]),
    }
}

fn withheld(
    words: Words,
    registry: &Registry,
    identity: IdentityScopes,
    refused: &Scopes,
) -> Vec<String> {
    let mut out: Vec<String> =
        ["without.password", "without.rights"].iter().map(|key| words.say(key).into()).collect();
    let facts = [
        (IdentityScope::Profile, "without.profile"),
        (IdentityScope::Email, "without.email"),
        (IdentityScope::OfflineAccess, "without.offline"),
    ];
    let kept = facts.iter().filter(|(scope, _)| !identity.iter().any(|asked| asked == *scope));
    out.extend(kept.map(|(_, key)| words.say(key).to_owned()));
    out.extend(refused.iter().map(|scope| {
        words.fill("without.refused", &[&scope_text(words, registry, scope.as_str())])
    }));
    out
}

/// The page on which a person decides. Its buttons send `decision` = `approve` or `deny`, with `flow`.
#[derive(Debug)]
pub(crate) struct ConsentView<'a> {
    /// Of the interaction.
    pub(crate) flow: &'a str,
    /// Stands for what this very page asks; the form brings it back.
    pub(crate) seal: &'a str,
    /// Who asks.
    pub(crate) app: AppView<'a>,
    /// Who is asked: their login.
    pub(crate) login: &'a str,
    /// Where they are sent back to, as it is registered.
    pub(crate) redirect_uri: &'a RedirectUri,
    /// The API's name, if the app may do something there.
    pub(crate) api: Option<&'a str>,
    /// What it gets and what not.
    pub(crate) permissions: Permissions,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    visit: &'a Visit,
    view: &'a ConsentView<'a>,
    back: String,
    here: bool,
}

/// `GET {issuer}/consent`.
pub(crate) fn consent(visit: &Visit, view: &ConsentView<'_>) -> Response {
    let place = view.redirect_uri.place();
    let back = match place {
        Place::Site(host) => host.to_owned(),
        Place::ThisMachine => visit.say("consent.back_here").to_owned(),
        Place::App(scheme) => visit.fill("consent.back_app", scheme),
    };
    let template = Consent { visit, view, back, here: place == Place::ThisMachine };
    visit.answer(Page { forms: Forms::Onward, ..Page::new(html(&template)) })
}
