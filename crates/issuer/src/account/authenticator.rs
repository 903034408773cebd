//! The authenticator app (RFC 6238): its key is shown until the first code proves that it arrived.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    pages::{self, AuthenticatorView, Enrolment, Problem, RecoveryView, Section},
    server::State,
    sign_in::{Entering, enter},
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{Action, TotpEnrolment, sign_in::and_code};
use qrcode::{EcLevel, QrCode, render::svg};
use std::sync::Arc;

const HERE: Section = Section::Authenticator;

/// `GET {issuer}/account/authenticator`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let shown = async {
        let owner = Owner::of(&state, request, HERE).await?;
        let view = AuthenticatorView { is_on: owner.person.factors.totp, enrolment: None };
        Ok(pages::authenticator(&owner.arrival.visit, &owner.frame(), &view))
    };
    shown.await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/authenticator`: shows a new key.
pub(crate) async fn begin(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    begun(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/authenticator/confirm`: the first code.
pub(crate) async fn confirm(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    confirmed(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/authenticator/remove`.
pub(crate) async fn remove(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    removed(&state, request).await.unwrap_or_else(Else::answer)
}

async fn begun(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, _) = Owner::with_form(state, request, (HERE, Care::Sensitive)).await?;
    let mut entropy = (state.entropy)();
    let mut visitor = owner.arrival.visitor(&mut *entropy);
    let begun = state.directory.begin_totp(&mut visitor, &owner.person);
    Ok(shown(&owner, &begun.map_err(|fault| owner.fault(&fault))?, None))
}

fn shown(owner: &Owner, begun: &TotpEnrolment, wrong: Option<&str>) -> Response {
    let enrolment = Enrolment {
        ceremony: &begun.ticket,
        key: &begun.secret,
        picture: &picture(&begun.url),
        problem: wrong.map(|text| Problem { field: "otp", text }),
    };
    let view = AuthenticatorView { is_on: owner.person.factors.totp, enrolment: Some(enrolment) };
    pages::authenticator(&owner.arrival.visit, &owner.frame(), &view)
}

async fn confirmed(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, mut form) = Owner::with_form(state, request, (HERE, Care::Sensitive)).await?;
    let code = form.take("otp").unwrap_or_default();
    let ceremony = form.get("ceremony").unwrap_or_default();
    let visit = &owner.arrival.visit;
    let mut entropy = (state.entropy)();
    let mut visitor = owner.arrival.visitor(&mut *entropy);
    let id = &owner.person.id;
    let confirmed = state.directory.confirm_totp(&mut visitor, id, ceremony, &code).await;
    match confirmed.map_err(|fault| owner.fault(&fault))? {
        Ok(codes) => {
            state.mail.changed(&owner.person, Action::Totp);
            let mut frame = owner.frame();
            frame.section = Section::Recovery;
            frame.notice = Some(visit.say("authenticator.done").to_owned());
            let view = RecoveryView { left: codes.len(), has_totp: true, codes: &codes };
            let page = pages::recovery_codes(visit, &frame, &view);
            stronger(state, &owner, page).await
        }
        Err(refusal) => {
            let again = state.directory.totp_enrolment(&visitor, ceremony);
            match again.filter(|_| !refusal.over) {
                Some(begun) => Ok(shown(&owner, &begun, Some(visit.say("authenticator.failed")))),
                None => Ok(owner.arrival.go(&format!("{}?done=over", HERE.path()))),
            }
        }
    }
}

/// The code was shown in this session, so it counts for it.
async fn stronger(state: &State, owner: &Owner, page: Response) -> Result<Response, Else> {
    let Some(authentication) = and_code(&owner.session, owner.arrival.now) else { return Ok(page) };
    let upstream = owner.session.upstream.clone();
    let entering = Entering { person: owner.person.clone(), authentication, upstream };
    Ok(enter(state, &owner.arrival, entering, page).await?.1)
}

async fn removed(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, _) = Owner::with_form(state, request, (HERE, Care::Sensitive)).await?;
    let mut entropy = (state.entropy)();
    let removed = state.directory.remove_totp(owner.acting(&mut *entropy), &owner.person.id).await;
    removed.map_err(|fault| owner.fault(&fault))?;
    state.mail.changed(&owner.person, Action::TotpRemoved);
    Ok(owner.done("saved"))
}

/// The key's address as a picture. Empty if it does not fit into one: the key can be typed.
fn picture(url: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(url, EcLevel::M) else {
        return String::new();
    };
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(192, 192)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // Inside a page there is no XML declaration.
    svg.find("<svg").and_then(|at| svg.get(at..)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::picture;

    #[test]
    fn a_picture_is_one_element_that_repeats_no_text() {
        let svg = picture("otpauth://totp/id.example:alice?secret=ABC&issuer=<x>");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert_eq!(svg.matches("<svg").count(), 1);
        assert!(!svg.contains("secret") && !svg.contains("<x>") && !svg.contains("style="));
    }
}
