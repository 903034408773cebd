//! `/Users` (RFC 7643 §4.1): the people whom the calling directory provisioned. Their addresses are its to say, as are
//! their names; it reaches nobody else's.

use super::{
    Call,
    error::{Kind, ScimError},
    etag, json,
    patch::Operation,
    query::Query,
    resource::Resource,
    schema::{self, Fate},
};
use portcullis_directory::{
    Acting, Address, DisabledBy, Fault, Found, NewPerson, Page, Person, Profile, Wanted,
};
use portcullis_types::PersonId;
use serde_json::{Map, Value, json};

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

impl Resource for Person {
    const LARGEST: usize = 64 * 1024;
    const SCHEMA: &'static str = SCHEMA;
    type Next = Person;

    async fn find(call: &Call, id: &str) -> Result<Option<Self>, ScimError> {
        match PersonId::new(id) {
            Ok(id) => Ok(call.directory.person(&id).await?),
            Err(_) => Ok(None),
        }
    }

    async fn found(call: &Call, query: &Query) -> Result<Found<Value>, ScimError> {
        let (directory, base) = (&call.directory, call.base.as_str());
        let Some(filter) = query.filter.clone() else {
            let found = directory.people(Wanted::All, query.page).await?;
            let items = found.items.iter().map(|person| shown(person, base)).collect();
            return Ok(Found { total: found.total, items });
        };
        let login = filter.must_equal("username", None).map(str::to_owned).map(Wanted::Login);
        let external = filter.must_equal("externalid", None).map(str::to_owned);
        let email = filter.must_equal("emails", Some("value")).map(str::to_owned);
        let indexed = login.or(external.map(Wanted::ExternalId)).or(email.map(Wanted::Email));
        if let Some(wanted) = indexed {
            let found = directory.people(wanted, Page { start: 0, count: 1000 }).await?;
            let all = found.items.iter().map(|person| shown(person, base));
            return Ok(query.cut(all.filter(|user| filter.holds(user)).collect()));
        }
        let place = base.to_owned();
        let test = Wanted::Test(Box::new(move |person| filter.holds(&shown(person, &place))));
        let found = directory.people(test, query.page).await?;
        let items = found.items.iter().map(|person| shown(person, base)).collect();
        Ok(Found { total: found.total, items })
    }

    async fn create(call: &Call, body: &Value) -> Result<Self, ScimError> {
        let out = active(body)? == Some(false);
        let new = NewPerson {
            login: login(body)?,
            profile: profile(body, &Profile::default())?,
            external_id: json::text(body, "externalId"),
            disabled_by: DisabledBy { directory: out, ..DisabledBy::default() },
            ..NewPerson::default()
        };
        let (actor, mut entropy) = call.actor();
        let by = Acting { actor: &actor, now: call.now, entropy: &mut *entropy };
        Ok(call.directory.add_person(by, new).await?)
    }

    fn replaced(&self, body: &Value) -> Result<Self::Next, ScimError> {
        login(body)?;
        taken(self, body)
    }

    fn patched(&self, operations: &[Operation]) -> Result<Self::Next, ScimError> {
        let mut user = shown(self, "");
        for operation in operations {
            if schema::USER.judge(operation)? == Fate::Done {
                operation.apply(&mut user)?;
            }
        }
        // Never without one, whatever a directory puts in its place.
        login(&user)?;
        taken(self, &user)
    }

    async fn commit(&self, call: &Call, next: Self::Next) -> Result<Self, ScimError> {
        let (actor, mut entropy) = call.actor();
        let by = Acting { actor: &actor, now: call.now, entropy: &mut *entropy };
        call.directory.change_person(by, self, next).await.map_err(gone)
    }

    async fn remove(&self, call: &Call) -> Result<(), ScimError> {
        let (actor, mut entropy) = call.actor();
        let by = Acting { actor: &actor, now: call.now, entropy: &mut *entropy };
        call.directory.remove_person(by, self).await.map_err(gone)
    }

    fn version(&self) -> u32 {
        self.version
    }

    async fn shown(&self, call: &Call) -> Result<Value, ScimError> {
        Ok(shown(self, &call.base))
    }
}

fn gone(fault: Fault) -> ScimError {
    match fault {
        Fault::UnknownPerson(id) => ScimError::nobody(&id),
        other => other.into(),
    }
}

fn login(user: &Value) -> Result<String, ScimError> {
    json::text(user, "userName").ok_or_else(|| ScimError::new(Kind::Value, "'userName' is missing"))
}

/// The person as a resource says: of what it does not say nothing stays, but whether they are active.
fn taken(person: &Person, user: &Value) -> Result<Person, ScimError> {
    let mut next = person.clone();
    if let Some(login) = json::text(user, "userName") {
        next.login = login;
    }
    next.external_id = json::text(user, "externalId");
    next.profile = profile(user, &person.profile)?;
    if let Some(active) = active(user)? {
        next.disabled_by.directory = !active;
    }
    Ok(next)
}

fn active(user: &Value) -> Result<Option<bool>, ScimError> {
    match json::get(user, "active") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => json::flag(value)
            .map(Some)
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

/// A person as SCIM has them.
fn shown(person: &Person, base: &str) -> Value {
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
    // The directory's own word: what the operator forbids is neither its to see nor to lift.
    put("active", Some((!person.disabled_by.directory).into()));
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
            "location": format!("{base}/Users/{}", person.id),
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
