//! Who is asking, and for what (RFC 6749 §2.3, §3.2.1): the same at every endpoint that clients call by
//! themselves.

use super::{
    Course, TokenError, credentials,
    form::{self, TokenRequest},
};
use crate::{certificate::peer_certificate, server::State};
use axum::extract::Request;
use http::request::Parts;
use portcullis_directory::Authenticated;
use portcullis_types::Check;

/// A client that has proven itself, or is public, and what it wants.
pub(crate) struct Identified {
    pub(crate) client: Authenticated,
    pub(crate) request: TokenRequest,
    pub(crate) parts: Parts,
}

/// Reads the whole request and has the client prove itself. What may be used up is not yet.
pub(crate) async fn identify(
    state: &State,
    request: Request,
    course: &mut Course,
) -> Result<Identified, TokenError> {
    let (parts, body) = request.into_parts();
    let parsed = form::read(&parts, body).await;
    let parsed = match parsed {
        Ok(form) if course.is_of_token_endpoint() => form.of_a_grant().map(|_| ()).map(|()| form),
        parsed => parsed,
    };
    let mut form = course.trace.step(Check::Request, parsed)?;
    course.asked(&form);
    let presented = credentials::take(&parts.headers, &mut form);
    let presented = course.trace.step(Check::Request, presented)?;
    let shown = peer_certificate(&parts, &state.settings);
    let presented = state.directory.or_certificate(presented, shown);
    let claimed = course.claimed(&presented);
    let attempt = state.directory.attempt(claimed, course.remote, course.now);
    let attempt = course.trace.step(Check::Throttle, attempt)?;
    let proven = state.directory.authenticate(attempt, &presented).await?;
    let proven = course.trace.step(Check::Client, proven)?;
    let client = course.trace.step(Check::ClientActive, proven.enabled())?;
    Ok(Identified { client, request: form, parts })
}
