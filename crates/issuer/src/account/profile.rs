//! What you tell about yourself: claims that apps read by the scopes `profile`, `phone` and `address`. Nothing by
//! which somebody is known or reached: the login, and the address for mail, are the operator's to set.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    pages::{self, Problem, ProfileField, ProfileView, Section},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{ClaimFault, ClaimShape, Person, Profile};
use portcullis_web::form::Form;
use std::sync::Arc;

const HERE: Section = Section::Profile;

/// A field: its name, its claim, its label, and what browsers fill in.
struct Field(&'static str, &'static str, &'static str, &'static str);

const FIELDS: [Field; 16] = [
    Field("name", "name", "profile.name", "name"),
    Field("given_name", "given_name", "profile.given_name", "given-name"),
    Field("family_name", "family_name", "profile.family_name", "family-name"),
    Field("nickname", "nickname", "profile.nickname", "nickname"),
    Field("gender", "gender", "profile.gender", "sex"),
    Field("birthdate", "birthdate", "profile.birthdate", "bday"),
    Field("locale", "locale", "profile.locale", "language"),
    Field("zoneinfo", "zoneinfo", "profile.zoneinfo", "off"),
    Field("website", "website", "profile.website", "url"),
    Field("picture", "picture", "profile.picture", "photo"),
    Field("phone_number", "phone_number", "profile.phone_number", "tel"),
    Field("street_address", "address.street_address", "profile.street_address", "street-address"),
    Field("postal_code", "address.postal_code", "profile.postal_code", "postal-code"),
    Field("locality", "address.locality", "profile.locality", "address-level2"),
    Field("region", "address.region", "profile.region", "address-level1"),
    Field("country", "address.country", "profile.country", "country-name"),
];

/// `GET {issuer}/account/profile`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let page = async {
        let owner = Owner::of(&state, request, HERE).await?;
        let profile = owner.person.profile.clone();
        Ok(shown(&owner, |field| profile.value(field.1), None))
    };
    page.await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/profile`: all fields that the form brings; an empty one takes the claim away.
pub(crate) async fn save(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    saved(&state, request).await.unwrap_or_else(Else::answer)
}

async fn saved(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) = Owner::with_form(state, request, (HERE, Care::Usual)).await?;
    let mut tried = owner.person.profile.clone();
    if let Err((field, fault)) = fill(&mut tried, &form) {
        let text = owner.arrival.visit.say(said(&fault));
        let problem = Problem { field: field.0, text };
        return Ok(shown(&owner, |field| form.get(field.0).map(str::to_owned), Some(problem)));
    }
    if tried == owner.person.profile {
        return Ok(owner.done("saved"));
    }
    let edit = move |person: &mut Person| {
        // It was good a moment ago, and what it replaces does not matter.
        let _ = fill(&mut person.profile, &form);
        Ok(())
    };
    let mut entropy = (state.entropy)();
    let by = owner.acting(&mut *entropy);
    let edited = state.directory.edit_person(by, &owner.person.id, edit).await;
    edited.map_err(|fault| owner.fault(&fault))?;
    Ok(owner.done("saved"))
}

/// The first field that is wrong, and why.
fn fill(profile: &mut Profile, form: &Form) -> Result<(), (&'static Field, ClaimFault)> {
    for field in &FIELDS {
        if let Some(value) = form.get(field.0) {
            profile.set(field.1, value).map_err(|fault| (field, fault))?;
        }
    }
    Ok(())
}

const fn said(fault: &ClaimFault) -> &'static str {
    match fault {
        ClaimFault::Value { shape: ClaimShape::Url, .. } => "profile.wrong_url",
        ClaimFault::Value { shape: ClaimShape::Birthdate, .. } => "profile.wrong_birthdate",
        ClaimFault::Value { shape: ClaimShape::Zoneinfo, .. } => "profile.wrong_zoneinfo",
        ClaimFault::Value { shape: ClaimShape::Locale, .. } => "profile.wrong_locale",
        ClaimFault::Value { shape: ClaimShape::Phone, .. } => "profile.wrong_phone",
        _ => "profile.wrong_line",
    }
}

fn shown(
    owner: &Owner,
    value: impl Fn(&Field) -> Option<String>,
    problem: Option<Problem<'_>>,
) -> Response {
    let visit = &owner.arrival.visit;
    let fields = FIELDS.iter().map(|field| ProfileField {
        id: field.0,
        label: visit.say(field.2),
        autocomplete: field.3,
        value: value(field).unwrap_or_default(),
    });
    let view = ProfileView { fields: fields.collect(), problem };
    pages::profile(visit, &owner.frame(), &view)
}
