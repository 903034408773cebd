//! `/Users` (RFC 7643 §4.1).

use super::{
    Call, answer,
    error::{Kind, ScimError},
    etag, json,
    patch::{self, Operation},
    plain,
    query::Query,
};
use crate::server::State;
use axum::{
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use portcullis_directory::{
    Action, Address, Fault, Found, NewPerson, Page, Person, Profile, Wanted,
};
use portcullis_types::{PersonId, Timestamp};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// RFC 7644 §3.4.2.
pub(super) async fn list(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    let query = Query::of(&call)?;
    let base = state.settings.url("/scim/v2/Users/");
    let found = found(&state, &query, &base).await?;
    Ok(plain(StatusCode::OK, &query.list(&call, found)))
}

async fn found(state: &State, query: &Query, base: &str) -> Result<Found<Value>, ScimError> {
    let Some(filter) = query.filter.clone() else {
        let found = state.directory.people(Wanted::All, query.page).await?;
        let items = found.items.iter().map(|person| shown(person, base)).collect();
        return Ok(Found { total: found.total, items });
    };
    let indexed = filter.must_equal("username", None).map(|login| Wanted::Login(login.to_owned()));
    let indexed = indexed.or_else(|| {
        filter.must_equal("externalid", None).map(|id| Wanted::ExternalId(id.to_owned()))
    });
    let indexed = indexed.or_else(|| {
        filter.must_equal("emails", Some("value")).map(|mail| Wanted::Email(mail.to_owned()))
    });
    if let Some(wanted) = indexed {
        let found = state.directory.people(wanted, Page { start: 0, count: 1000 }).await?;
        let all = found.items.iter().map(|person| shown(person, base));
        return Ok(query.cut(all.filter(|user| filter.holds(user)).collect()));
    }
    let place = base.to_owned();
    let test = Wanted::Test(Box::new(move |person| filter.holds(&shown(person, &place))));
    let found = state.directory.people(test, query.page).await?;
    let items = found.items.iter().map(|person| shown(person, base)).collect();
    Ok(Found { total: found.total, items })
}

/// RFC 7644 §3.3.
pub(super) async fn create(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    let (mut call, body) = Call::with_body(&state, request).await?;
    let login = json::text(&body, "userName")
        .ok_or_else(|| ScimError::new(Kind::Value, "'userName' is missing"))?;
    let active = active(&body)?;
    let new = NewPerson {
        login,
        profile: profile(&body, &Profile::default())?,
        external_id: json::text(&body, "externalId"),
        disabled_since: (!active).then_some(call.now),
        ..NewPerson::default()
    };
    let actor = call.actor();
    let person = state.directory.add_person(call.acting(&actor), new).await?;
    Ok(respond(&state, &call, StatusCode::CREATED, &person))
}

/// RFC 7644 §3.4.1.
pub(super) async fn read(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    let person = one(&state, &id).await?;
    Ok(respond(&state, &call, StatusCode::OK, &person))
}

/// RFC 7644 §3.5.1.
pub(super) async fn replace(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request).await?;
    if json::text(&body, "userName").is_none() {
        return Err(ScimError::new(Kind::Value, "'userName' is missing"));
    }
    edit(&state, call, &id, move |_| body).await
}

/// RFC 7644 §3.5.2.
pub(super) async fn change(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request).await?;
    let operations: Vec<Operation> = patch::operations(&body)?;
    edit(&state, call, &id, move |mut user| {
        for operation in &operations {
            operation.apply(&mut user);
        }
        user
    })
    .await
}

/// RFC 7644 §3.6.
pub(super) async fn delete(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (mut call, _) = Call::of(&state, request).await?;
    let person = one(&state, &id).await?;
    if call.if_match()?.is_some_and(|version| version != person.version) {
        return Err(ScimError::stale());
    }
    let actor = call.actor();
    state.directory.remove_person(call.acting(&actor), &person.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Changes a person to what `next` makes of them, as JSON, in one transaction.
async fn edit(
    state: &State,
    mut call: Call,
    id: &str,
    next: impl FnOnce(Value) -> Value + Send + 'static,
) -> Result<Response, ScimError> {
    let person = one(state, id).await?;
    let (version, now, actor) = (call.if_match()?, call.now, call.actor());
    let edit = move |person: &mut Person| {
        if version.is_some_and(|version| version != person.version) {
            return Err(Fault::Stale);
        }
        let user = next(shown(person, ""));
        take(person, &user, now).map_err(|fault| Fault::Invalid(fault.into_detail()))
    };
    let edited =
        state.directory.edited_person(call.acting(&actor), Action::PersonScim, &person.id, edit);
    let edited = edited.await.map_err(|fault| match fault {
        Fault::UnknownPerson(id) => ScimError::nobody(&id),
        other => other.into(),
    })?;
    Ok(respond(state, &call, StatusCode::OK, &edited))
}

async fn one(state: &State, id: &str) -> Result<Person, ScimError> {
    let person = match PersonId::new(id) {
        Ok(id) => state.directory.person(&id).await?,
        Err(_) => None,
    };
    person.ok_or_else(|| ScimError::nobody(id))
}

fn respond(state: &State, call: &Call, status: StatusCode, person: &Person) -> Response {
    let base = state.settings.url("/scim/v2/Users/");
    answer(call, status, person.version, &shown(person, &base))
}

/// Takes over what a resource says; of what it does not say, nothing stays (RFC 7644 §3.5.1).
fn take(person: &mut Person, user: &Value, now: Timestamp) -> Result<(), ScimError> {
    if let Some(login) = json::text(user, "userName") {
        person.login = login;
    }
    person.external_id = json::text(user, "externalId");
    person.profile = profile(user, &person.profile)?;
    match (active(user)?, person.disabled_since) {
        (true, _) => person.disabled_since = None,
        (false, None) => person.disabled_since = Some(now),
        (false, Some(_)) => {}
    }
    Ok(())
}

fn active(user: &Value) -> Result<bool, ScimError> {
    match json::get(user, "active") {
        None | Some(Value::Null) => Ok(true),
        Some(value) => json::flag(value)
            .ok_or_else(|| ScimError::new(Kind::Value, "'active' must be true or false")),
    }
}

/// The profile that a resource describes. What SCIM has no word for stays as it was.
fn profile(user: &Value, before: &Profile) -> Result<Profile, ScimError> {
    for name in ["name", "emails", "phoneNumbers", "addresses"] {
        let value = json::get(user, name).unwrap_or(&Value::Null);
        let fits = match name {
            "name" => value.is_object() || value.is_null(),
            _ => value.is_array() || value.is_object() || value.is_null(),
        };
        if !fits {
            return Err(ScimError::new(Kind::Value, format!("'{name}' has a wrong type")));
        }
    }
    let names = json::get(user, "name").unwrap_or(&Value::Null);
    let (given, family) = (json::text(names, "givenName"), json::text(names, "familyName"));
    let both = match (&given, &family) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    let email = chosen(user, "emails").and_then(|email| json::text(email, "value"));
    let phone = chosen(user, "phoneNumbers").and_then(|phone| json::text(phone, "value"));
    let same = |old: &Option<String>, new: &Option<String>| old == new && new.is_some();
    Ok(Profile {
        name: json::text(user, "displayName").or_else(|| json::text(names, "formatted")).or(both),
        given_name: given,
        family_name: family,
        middle_name: json::text(names, "middleName"),
        nickname: json::text(user, "nickName"),
        profile: json::text(user, "profileUrl"),
        locale: json::text(user, "locale").or_else(|| json::text(user, "preferredLanguage")),
        zoneinfo: json::text(user, "timezone"),
        email_verified: before.email_verified && same(&before.email, &email),
        email,
        phone_number_verified: before.phone_number_verified && same(&before.phone_number, &phone),
        phone_number: phone,
        address: chosen(user, "addresses").map(address),
        preferred_username: before.preferred_username.clone(),
        picture: before.picture.clone(),
        website: before.website.clone(),
        gender: before.gender.clone(),
        birthdate: before.birthdate.clone(),
    })
}

/// Of several values the primary one, that of work, or the first.
fn chosen<'v>(user: &'v Value, name: &str) -> Option<&'v Value> {
    let value = json::get(user, name)?;
    let Some(list) = value.as_array() else { return Some(value).filter(|value| value.is_object()) };
    let is_primary =
        |value: &&Value| json::get(value, "primary").and_then(json::flag) == Some(true);
    let is_work = |value: &&Value| json::text(value, "type").is_some_and(|kind| kind == "work");
    let first = list.iter().find(is_primary).or_else(|| list.iter().find(is_work));
    first.or_else(|| list.first()).filter(|value| value.is_object())
}

fn address(value: &Value) -> Address {
    Address {
        formatted: json::text(value, "formatted"),
        street_address: json::text(value, "streetAddress"),
        locality: json::text(value, "locality"),
        region: json::text(value, "region"),
        postal_code: json::text(value, "postalCode"),
        country: json::text(value, "country"),
    }
}

/// A person as SCIM has them; `base` is where their kind lives.
pub(super) fn shown(person: &Person, base: &str) -> Value {
    let profile = &person.profile;
    let mut user = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            user.insert(name.to_owned(), value);
        }
    };
    let text = |value: &Option<String>| value.clone().map(Value::from);
    put("schemas", Some(json!([SCHEMA])));
    put("id", Some(person.id.as_str().into()));
    put("externalId", text(&person.external_id));
    put("userName", Some(person.login.as_str().into()));
    put("displayName", text(&profile.name));
    put("nickName", text(&profile.nickname));
    put("profileUrl", text(&profile.profile));
    put("locale", text(&profile.locale));
    put("timezone", text(&profile.zoneinfo));
    put("active", Some(person.disabled_since.is_none().into()));
    put(
        "name",
        some_of([
            ("formatted", &profile.name),
            ("givenName", &profile.given_name),
            ("middleName", &profile.middle_name),
            ("familyName", &profile.family_name),
        ]),
    );
    let one = |value: &Option<String>| {
        value.as_ref().map(|value| json!([{ "value": value, "type": "work", "primary": true }]))
    };
    put("emails", one(&profile.email));
    put("phoneNumbers", one(&profile.phone_number));
    let address = profile.address.as_ref().and_then(|address| {
        some_of([
            ("formatted", &address.formatted),
            ("streetAddress", &address.street_address),
            ("locality", &address.locality),
            ("region", &address.region),
            ("postalCode", &address.postal_code),
            ("country", &address.country),
        ])
    });
    put("addresses", address.map(|address| json!([address])));
    put(
        "meta",
        Some(json!({
            "resourceType": "User",
            "created": person.created.to_string(),
            "lastModified": person.updated.to_string(),
            "location": format!("{base}{}", person.id),
            "version": etag(person.version),
        })),
    );
    Value::Object(user)
}

fn some_of<const N: usize>(members: [(&str, &Option<String>); N]) -> Option<Value> {
    let members: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())))
        .collect();
    (!members.is_empty()).then_some(Value::Object(members))
}
