//! `POST {issuer}/revoke` (RFC 7009): a client ends what it was given. A refresh token ends its whole family, an access
//! token itself; gateways hear of it within seconds.

use crate::{
    own,
    server::State,
    token::{
        Challenge, Course, DECISION_ID, Fault, Identified, NO_CACHE, Refused, TokenError,
        cross_origin, form::bad, identify, refuse,
    },
};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use portcullis_directory::{Acting, Action, Deed, grant};
use portcullis_jose::jws::Compact;
use portcullis_store::Tx;
use portcullis_types::{ClientId, DecisionId, GrantId, Jti, Timestamp};
use portcullis_verify::{ACCESS_TOKEN, names_kind};
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::sync::Arc;

/// What there is to end.
#[derive(Debug)]
enum Found {
    Grant(GrantId),
    Token {
        jti: Jti,
        exp: Timestamp,
    },
    /// Nothing of this client's: RFC 7009 §2.2, that is as good as done.
    Nothing,
    /// RFC 7009 §2.2.1: a token that ends by itself alone.
    Unsupported,
}

pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let challenge = Challenge::of(request.headers());
    let mut course = Course::at(&state, &request, "revocation");
    let id = course.id;
    let outcome = match identify(&state, request, &mut course).await {
        Ok(identified) => asked(&state, identified, course).await,
        Err(error) => Err(refuse(&state, course, None, error).await),
    };
    let mut response = match outcome {
        Ok(Found::Unsupported) => unsupported(id),
        Ok(_) => (NO_CACHE, [(DECISION_ID, id.to_string())], "{}").into_response(),
        Err(error) => Refused { id, error, challenge }.into_response(),
    };
    cross_origin(&mut response, None);
    response
}

fn unsupported(id: DecisionId) -> Response {
    let body = json!({
        "error": "unsupported_token_type",
        "error_description": "Only access tokens and refresh tokens can be revoked",
        "decision_id": id,
    });
    let id = [(DECISION_ID, id.to_string())];
    (StatusCode::BAD_REQUEST, NO_CACHE, id, body.to_string()).into_response()
}

async fn asked(state: &State, identified: Identified, course: Course) -> Result<Found, TokenError> {
    let Identified { client, request, .. } = identified;
    let Some(token) = request.token else {
        let missing = bad(Some("token"), "token is missing");
        return Err(refuse(state, course, Some(client), missing.into()).await);
    };
    let (now, client_id) = (course.now, client.client.id.clone());
    let found = find(state, &client_id, token.expose_secret(), now).await?;
    let deed = deed(&found, &client_id, &course, state);
    let written = state.store.write(move |tx| {
        if let Err(replayed) = client.spend(tx)? {
            return Ok(Err(replayed));
        }
        end(tx, &found, deed, now)?;
        Ok(Ok(found))
    });
    let found = written.await??;
    if !matches!(found, Found::Nothing | Found::Unsupported)
        && let Err(fault) = state.directory.publish().await
    {
        tracing::warn!(%fault, "revocations are told later");
    }
    Ok(found)
}

async fn find(
    state: &State,
    caller: &ClientId,
    token: &str,
    now: Timestamp,
) -> Result<Found, Fault> {
    if token.starts_with(grant::RefreshToken::PREFIX) {
        let token = secrecy::SecretString::from(token);
        let read = state.store.read(move |tx| grant::refresh_token(tx, token.expose_secret(), now));
        return Ok(match read.await? {
            // Whichever of the family it is: who holds it wants the end of it.
            Some((id, owner, _)) if owner == *caller => Found::Grant(id),
            _ => Found::Nothing,
        });
    }
    let Ok(jws) = Compact::parse(token) else { return Ok(Found::Nothing) };
    if !jws.header().typ.as_deref().is_some_and(|typ| names_kind(typ, ACCESS_TOKEN)) {
        return Ok(Found::Unsupported);
    }
    let Ok(vouched) = own::made_here(state, token) else { return Ok(Found::Nothing) };
    let claims = vouched.claims();
    let theirs = claims.exp > now && claims.client_id == caller.as_str();
    let jti = claims.jti.clone().filter(|_| theirs);
    // Ending it once more would only make the list longer that all gateways are told.
    let ended = |jti: &Jti| state.directory.revocations().borrow().tokens.has(jti.as_str());
    let jti = jti.filter(|jti| !ended(jti));
    Ok(jti.map_or(Found::Nothing, |jti| Found::Token { jti, exp: claims.exp }))
}

fn deed(found: &Found, client_id: &ClientId, course: &Course, state: &State) -> Option<Deed> {
    let action = match found {
        Found::Grant(_) => Action::GrantEnd,
        Found::Token { .. } => Action::TokenRevoke,
        Found::Nothing | Found::Unsupported => return None,
    };
    let mut entropy = (state.entropy)();
    let mut by = Acting { actor: client_id.as_str(), now: course.now, entropy: &mut *entropy };
    let mut deed = Deed::new(&mut by, action);
    deed.id = course.id;
    Some(deed.with("why", "the client asked for it".to_owned()))
}

fn end(
    tx: &mut Tx<'_>,
    found: &Found,
    deed: Option<Deed>,
    now: Timestamp,
) -> Result<(), portcullis_store::StoreFault> {
    let Some(deed) = deed else { return Ok(()) };
    match found {
        Found::Grant(id) => {
            if grant::end_grant(tx, id, now)? {
                deed.done(tx, id.as_str())?;
            }
        }
        Found::Token { jti, exp } => {
            grant::revoke_token(tx, jti, *exp, now)?;
            deed.done(tx, jti.as_str())?;
        }
        Found::Nothing | Found::Unsupported => {}
    }
    Ok(())
}
