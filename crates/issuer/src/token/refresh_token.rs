//! RFC 6749 §6, RFC 9700 §4.14: public clients get a new refresh token each time, others prove themselves.

use super::{
    Course, Due, TokenError,
    ask::Ask,
    due::{self, Tokens},
    form::bad,
    narrow::{self, Wanted},
};
use portcullis_directory::grant;
use portcullis_store::Tx;
use portcullis_types::Check;
use secrecy::ExposeSecret as _;

pub(super) fn refresh(tx: &mut Tx<'_>, ask: &Ask, course: &mut Course) -> Result<Due, TokenError> {
    let token = ask.request.refresh_token.as_ref();
    let token = token.ok_or_else(|| bad(Some("refresh_token"), "refresh_token is missing"));
    let token = course.trace.step(Check::Request, token)?.expose_secret();
    let shown = grant::show_refresh(tx, token, &ask.client.id, course.now)?;
    let shown = course.trace.step(Check::Granted, shown)?;
    course.of_a_person(&shown.grant, &shown.authorization);
    // Before anything is ended or used: a thief without the key can do neither.
    course.trace.step(Check::Possession, ask.holder.holds(shown.bound.as_ref()))?;
    let living = shown.living(tx, course.now)?;
    course.trace.step(Check::Granted, living)?;
    let authorization = shown.authorization.clone();
    let person =
        due::person(tx, &ask.request.grant_type, (&authorization, Tokens::Later), course.now)?;
    let person = course.trace.step(Check::Granted, person)?;
    let wanted = Wanted { scope: ask.request.scope.as_deref(), resource: &ask.request.resource };
    let narrowed = narrow::now(tx, ask, &authorization, (&person, wanted), course)?;
    let grant = shown.grant.clone();
    let (refresh_token, ended_another) = if ask.client.is_public() {
        let (token, ended) = shown.rotate(tx, &course.jti, course.now, &ask.random)?;
        (Some(token), ended)
    } else {
        grant::keep_jti(tx, &grant, &course.jti, course.now)?;
        (None, false)
    };
    // Without a nonce (OpenID Connect Core §12.2): it belongs to the first ID token.
    let mut due = Due::of(ask, (grant, authorization, person), narrowed, course)?;
    due.refresh_token = refresh_token;
    due.ended_another = ended_another;
    Ok(due)
}
