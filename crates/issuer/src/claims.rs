//! What is told about a person (OpenID Connect Core §5.1, §5.4, §5.5): by scope, and what was asked for by name.

use portcullis_directory::{ClaimsAsked, Person};
use portcullis_types::{IdentityScope, IdentityScopes};
use serde::Serialize;
use serde_json::{Map, Value, to_value};

/// One claim: its name, the scope that brings it, and what it is of a person.
struct Claim(&'static str, IdentityScope, fn(&Person) -> Option<Value>);

use IdentityScope::{Address, Email, Groups, Phone, Profile, Roles};

/// All claims about a person. What is not here is told to nobody, by whatever name they ask.
const CLAIMS: [Claim; 21] = [
    Claim("name", Profile, |person| fact(&person.profile.name)),
    Claim("given_name", Profile, |person| fact(&person.profile.given_name)),
    Claim("family_name", Profile, |person| fact(&person.profile.family_name)),
    Claim("middle_name", Profile, |person| fact(&person.profile.middle_name)),
    Claim("nickname", Profile, |person| fact(&person.profile.nickname)),
    Claim("preferred_username", Profile, |person| {
        fact(person.profile.preferred_username.as_ref().unwrap_or(&person.login))
    }),
    Claim("profile", Profile, |person| fact(&person.profile.profile)),
    Claim("picture", Profile, |person| fact(&person.profile.picture)),
    Claim("website", Profile, |person| fact(&person.profile.website)),
    Claim("gender", Profile, |person| fact(&person.profile.gender)),
    Claim("birthdate", Profile, |person| fact(&person.profile.birthdate)),
    Claim("zoneinfo", Profile, |person| fact(&person.profile.zoneinfo)),
    Claim("locale", Profile, |person| fact(&person.profile.locale)),
    Claim("updated_at", Profile, |person| fact(&person.updated.seconds())),
    Claim("email", Email, |person| fact(&person.profile.email)),
    Claim("email_verified", Email, |person| {
        person.profile.email.as_ref().and_then(|_| fact(&person.profile.email_verified))
    }),
    Claim("phone_number", Phone, |person| fact(&person.profile.phone_number)),
    Claim("phone_number_verified", Phone, |person| {
        person
            .profile
            .phone_number
            .as_ref()
            .and_then(|_| fact(&person.profile.phone_number_verified))
    }),
    Claim("address", Address, |person| fact(&person.profile.address)),
    Claim("roles", Roles, |person| fact(&person.roles)),
    Claim("groups", Groups, |person| fact(&person.groups)),
];

/// What is not known is left out (§5.3.2).
fn fact(value: &impl Serialize) -> Option<Value> {
    to_value(value).ok().filter(|value| !value.is_null())
}

/// The names of all claims, for the metadata.
pub(crate) fn names() -> Vec<&'static str> {
    let told = CLAIMS.iter().map(|Claim(name, ..)| *name);
    std::iter::once("sub").chain(told).chain(std::iter::once("acr")).collect()
}

/// The scope that brings the claim of that name; `None`: it is none about a person.
pub(crate) fn scope_of(name: &str) -> Option<IdentityScope> {
    CLAIMS.iter().find(|Claim(other, ..)| *other == name).map(|Claim(_, scope, _)| *scope)
}

/// Of what is asked for by name, what those may learn who may have these scopes.
///
/// Attack: a name in `claims` instead of the scope, past the allow-list of the app and the consent of the person.
pub(crate) fn allowed(asked: &ClaimsAsked, may: IdentityScopes) -> ClaimsAsked {
    let is_allowed = |name: &&String| scope_of(name).is_some_and(|scope| may.has(scope));
    let of = |names: &[String]| names.iter().filter(is_allowed).cloned().collect();
    ClaimsAsked { id_token: of(&asked.id_token), userinfo: of(&asked.userinfo) }
}

/// The scopes that would bring all that is asked for by name: what a person is asked, and what is recorded.
pub(crate) fn scopes_of(asked: &ClaimsAsked) -> IdentityScopes {
    asked.id_token.iter().chain(&asked.userinfo).filter_map(|name| scope_of(name)).collect()
}

/// What these scopes and names yield.
pub(crate) fn of(person: &Person, scopes: IdentityScopes, names: &[String]) -> Map<String, Value> {
    CLAIMS
        .iter()
        .filter(|Claim(name, scope, _)| scopes.has(*scope) || names.iter().any(|one| one == name))
        .filter_map(|Claim(name, _, value)| Some(((*name).to_owned(), value(person)?)))
        .collect()
}
