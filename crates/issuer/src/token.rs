//! `POST {issuer}/token` (RFC 6749 §3.2): parse, authenticate, decide, record, answer.
//!
//! The record of a grant or a refusal and everything that it uses up are one transaction, committed
//! before the answer: no token is out that the log does not know, and no code or assertion counts twice.

mod answer;
mod ask;
mod authorization_code;
mod client_credentials;
mod course;
pub(crate) mod credentials;
mod device_code;
mod due;
mod error;
mod exchange;
mod federation;
pub(crate) mod form;
mod holder;
mod identify;
mod mint;
mod narrow;
mod refresh_token;
mod used;

pub(crate) use answer::{DECISION_ID, NO_CACHE, cross_origin};
pub(crate) use course::Course;
pub(crate) use due::Due;
pub(crate) use error::{Challenge, Fault, Refused, TokenError};
pub(crate) use federation::{anthropic, openai};
pub(crate) use identify::{Identified, identify};

use crate::{
    dpop,
    server::State,
    shape::{Pen, Recipient},
};
use answer::Issued;
use ask::Ask;
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use holder::Holder;
use mint::Minted;
use portcullis_directory::{Authenticated, Client, GrantType, excerpt};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Check, Denial, Details};
use portcullis_verify::subject::TokenKind;
use std::sync::Arc;
use used::Used;

/// RFC 6749 §3.2, §5.
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let challenge = Challenge::of(request.headers());
    let nonce = dpop::nonce(&state, request.headers());
    let mut course = Course::begin(&state, &request);
    let id = course.id;
    let outcome = match identify(&state, request, &mut course).await {
        Ok(identified) => decide(&state, identified, course).await,
        Err(error) => conclude(&state, course, None, Err(error)).await.map(Issued::to_itself),
    };
    let mut response = match outcome {
        Ok(issued) => answer::granted(id, &issued),
        Err(error) => Refused { id, error, challenge }.into_response(),
    };
    cross_origin(&mut response, nonce);
    response
}

/// What the client gets, by its grant type (RFC 6749 §4).
async fn decide(
    state: &Arc<State>,
    identified: Identified,
    mut course: Course,
) -> Result<Issued, TokenError> {
    let held = held(state, &identified, &mut course);
    let Identified { client, request, .. } = identified;
    match held {
        Ok((grant @ (GrantType::TokenExchange | GrantType::JwtBearer), holder)) => {
            // Boxed, too: one of many grants.
            Box::pin(exchanged(state, (client, holder), (grant, &request), course)).await
        }
        Ok((GrantType::ClientCredentials, holder)) => {
            let minted = to_itself(state, &client.client, &holder, &request, &mut course).await;
            let minted = conclude(state, course, Some(Caller::new(client, holder)), minted).await?;
            Ok(Issued::to_itself(minted))
        }
        Ok((grant_type, holder)) => {
            // First: a code that is used up in vain helps nobody.
            let to = Recipient { client: &client.client, now: course.now };
            let shape = &client.client.registration.id_token;
            let pen = Box::pin(Pen::take(state, to, shape)).await.map_err(Fault::from)?;
            let ask = Ask::new(state, &client, (grant_type, request), holder);
            // Boxed: whoever asks for itself does not carry their room around.
            let due = Box::pin(ask.settle(client, course)).await?;
            Ok(due.issue(state, &pen)?)
        }
        Err(denial) => {
            let holder = Holder::default();
            let verdict = Err(TokenError::from(denial));
            let caller = Caller::new(client, holder);
            conclude(state, course, Some(caller), verdict).await.map(Issued::to_itself)
        }
    }
}

/// Which grant it is, and which keys the caller holds.
fn held(
    state: &State,
    identified: &Identified,
    course: &mut Course,
) -> Result<(GrantType, Holder), Denial> {
    let Identified { client, request, parts } = identified;
    let request: &str = request.of_a_grant()?;
    let grant_type = course.trace.step(Check::GrantType, allowed(client, request))?;
    let holder = Holder::of(state, parts, (&client.client, course.now));
    let holder = holder.and_then(|holder| holder.demanded(&client.client));
    let holder = course.trace.step(Check::Possession, holder)?;
    course.record.bound = holder.bound_by().map(Into::into);
    Ok((grant_type, holder))
}

/// RFC 6749 §4.4.
async fn to_itself(
    state: &State,
    client: &Client,
    holder: &Holder,
    request: &form::TokenRequest,
    course: &mut Course,
) -> Result<Minted, TokenError> {
    let grant = client_credentials::grant(state, client, request, course).await?;
    Ok(mint::to_itself(state, client, (grant, holder.confirmation()), course)?)
}

/// The grants that this endpoint has.
pub(crate) const SERVED: [GrantType; 6] = GrantType::ALL;

fn unsupported(found: &str) -> Denial {
    let supported = SERVED.map(|grant| grant.to_string()).to_vec();
    Denial::UnknownGrantType { found: excerpt(found), supported }
}

fn allowed(client: &Authenticated, found: &str) -> Result<GrantType, Denial> {
    let Ok(grant_type) = found.parse::<GrantType>() else { return Err(unsupported(found)) };
    let client = &client.client;
    // Whoever can be anybody exchanges nothing, whatever was registered once.
    let by_name_alone = client.is_public() && grant_type.is_for_what_others_hold();
    if client.may(grant_type) && !by_name_alone {
        return Ok(grant_type);
    }
    Err(Denial::GrantNotAllowed {
        client_id: client.id.clone(),
        grant_type: grant_type.to_string(),
        allowed: client.grant_types.iter().map(ToString::to_string).collect(),
    })
}

/// Who asks, and what their asking uses up.
struct Caller {
    /// `None`: whoever proves nothing but a token.
    client: Option<Authenticated>,
    holder: Holder,
    used: Option<Used>,
}

impl Caller {
    const fn new(client: Authenticated, holder: Holder) -> Self {
        Self { client: Some(client), holder, used: None }
    }

    fn spend(&self, tx: &mut Tx<'_>) -> Result<Result<(), Denial>, StoreFault> {
        if let Some(client) = &self.client
            && let Err(denial) = client.spend(tx)?
        {
            return Ok(Err(denial));
        }
        if let Err(denial) = self.holder.spend(tx)? {
            return Ok(Err(denial));
        }
        self.used.as_ref().map_or(Ok(Ok(())), |used| used.spend(tx))
    }
}

/// RFC 8693 §2, RFC 7523 §2.1.
async fn exchanged(
    state: &State,
    (client, holder): (Authenticated, Holder),
    (grant, request): (GrantType, &form::TokenRequest),
    mut course: Course,
) -> Result<Issued, TokenError> {
    let by = exchange::By { client: &client.client, holder: &holder, through: None };
    let outcome = exchange::exchange(state, &by, (grant, request), &mut course).await;
    traded(state, course, (Caller::new(client, holder), grant), outcome).await
}

/// Writes down how an exchange went, and makes the answer.
async fn traded(
    state: &State,
    course: Course,
    (mut caller, grant): (Caller, GrantType),
    outcome: Result<exchange::Exchanged, TokenError>,
) -> Result<Issued, TokenError> {
    let (verdict, details) = match outcome {
        Ok(exchange::Exchanged { minted, details, used }) => {
            caller.used = used;
            (Ok(minted), details)
        }
        Err(error) => (Err(error), Details::default()),
    };
    let minted = conclude(state, course, Some(caller), verdict).await?;
    let kind = (grant == GrantType::TokenExchange).then(|| TokenKind::AccessToken.urn());
    Ok(Issued::exchanged(minted, kind, details))
}

/// Writes down what was decided; only then is it so. A grant may still turn into a refusal here: of
/// many requests with one assertion or proof, one transaction is the first.
async fn conclude(
    state: &State,
    course: Course,
    caller: Option<Caller>,
    verdict: Result<Minted, TokenError>,
) -> Result<Minted, TokenError> {
    let verdict = match verdict {
        Ok(minted) => Ok(minted),
        Err(TokenError::Denied(denial)) => Err(*denial),
        // Ours to mend: nothing was decided about the client.
        Err(fault @ TokenError::Fault(_)) => return Err(fault),
    };
    let written = state.store.write(move |tx| {
        let spent = match &caller {
            Some(caller) => caller.spend(tx)?,
            None => Ok(()),
        };
        let (course, verdict) = match spent {
            Ok(()) => (course, verdict),
            Err(replayed) => (course.back_to(&replayed), Err(replayed)),
        };
        if let Ok(minted) = &verdict {
            mint::insert(tx, minted)?;
        }
        course.append(tx, verdict.as_ref().err())?;
        Ok(verdict)
    });
    Ok(written.await??)
}

/// Writes a refusal down, for endpoints that clients authenticate at as they do here.
pub(crate) async fn refuse(
    state: &State,
    course: Course,
    client: Option<Authenticated>,
    error: TokenError,
) -> TokenError {
    let caller = client.map(|client| Caller::new(client, Holder::default()));
    match conclude(state, course, caller, Err(error)).await {
        Err(error) => error,
        // A refusal stays one.
        Ok(_) => TokenError::from(form::bad(None, "the request cannot be read")),
    }
}
