//! Recovery codes: shown once, when they are made.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    pages::{self, RecoveryView, Section},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{Action, Fault};
use std::sync::Arc;

const HERE: Section = Section::Recovery;

/// `GET {issuer}/account/recovery-codes`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let shown = async {
        let owner = Owner::of(&state, request, HERE).await?;
        Ok(shown(&owner, &[]))
    };
    shown.await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/recovery-codes`: new ones in place of the old.
pub(crate) async fn make(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    made(&state, request).await.unwrap_or_else(Else::answer)
}

async fn made(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, _) = Owner::with_form(state, request, (HERE, Care::Sensitive)).await?;
    let mut entropy = (state.entropy)();
    match state.directory.new_recovery_codes(owner.acting(&mut *entropy), &owner.person.id).await {
        Ok(codes) => {
            state.mail.changed(&owner.person, Action::RecoveryCodes);
            Ok(shown(&owner, &codes))
        }
        // There is no authenticator app any more: the page says what to do.
        Err(Fault::Invalid(_)) => Ok(owner.arrival.go(HERE.path())),
        Err(fault) => Err(owner.fault(&fault)),
    }
}

fn shown(owner: &Owner, codes: &[String]) -> Response {
    let factors = owner.person.factors;
    let left = usize::try_from(factors.recovery_codes).unwrap_or(usize::MAX);
    let view = RecoveryView { left, has_totp: factors.totp, codes };
    pages::recovery_codes(&owner.arrival.visit, &owner.frame(), &view)
}
