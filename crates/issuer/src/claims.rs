//! What is told about a person (OpenID Connect Core §5.1, §5.4, §5.5): by scope, and what was asked for by name.

use portcullis_directory::{Person, Profile};
use portcullis_types::{IdentityScope, IdentityScopes};
use serde_json::{Map, Value, json};

/// All claims that there are, for the metadata.
pub(crate) const ALL: [&str; 23] = [
    "sub",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
    "roles",
    "groups",
    "acr",
];

/// The claims of a scope.
const fn of_scope(scope: IdentityScope) -> &'static [&'static str] {
    match scope {
        IdentityScope::Profile => &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
        IdentityScope::Email => &["email", "email_verified"],
        IdentityScope::Phone => &["phone_number", "phone_number_verified"],
        IdentityScope::Address => &["address"],
        IdentityScope::Roles => &["roles"],
        IdentityScope::Groups => &["groups"],
        IdentityScope::Openid | IdentityScope::OfflineAccess => &[],
    }
}

/// What these scopes and names yield. What is not known of the person is left out (§5.3.2).
pub(crate) fn of(person: &Person, scopes: IdentityScopes, names: &[String]) -> Map<String, Value> {
    let by_scope =
        scopes.iter().flat_map(|scope| of_scope(scope).iter().map(|name| -> &str { name }));
    let mut claims = Map::new();
    for name in by_scope.chain(names.iter().map(String::as_str)) {
        if let Some(value) = claim(person, name) {
            claims.insert(name.to_owned(), value);
        }
    }
    claims
}

fn claim(person: &Person, name: &str) -> Option<Value> {
    let profile = &person.profile;
    match name {
        "roles" => Some(json!(person.roles)),
        "groups" => Some(json!(person.groups)),
        "updated_at" => Some(json!(person.updated.seconds())),
        "email_verified" => profile.email.as_ref().map(|_| json!(profile.email_verified)),
        "phone_number_verified" => {
            profile.phone_number.as_ref().map(|_| json!(profile.phone_number_verified))
        }
        "address" => {
            profile.address.as_ref().and_then(|address| serde_json::to_value(address).ok())
        }
        "preferred_username" => {
            let login = || Some(person.login.clone());
            profile.preferred_username.clone().or_else(login).map(Value::String)
        }
        name => text(profile, name).map(Value::String),
    }
}

fn text(profile: &Profile, name: &str) -> Option<String> {
    let value = match name {
        "name" => &profile.name,
        "given_name" => &profile.given_name,
        "family_name" => &profile.family_name,
        "middle_name" => &profile.middle_name,
        "nickname" => &profile.nickname,
        "profile" => &profile.profile,
        "picture" => &profile.picture,
        "website" => &profile.website,
        "email" => &profile.email,
        "gender" => &profile.gender,
        "birthdate" => &profile.birthdate,
        "zoneinfo" => &profile.zoneinfo,
        "locale" => &profile.locale,
        "phone_number" => &profile.phone_number,
        _ => return None,
    };
    value.clone()
}
