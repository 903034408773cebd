//! RFC 6749 §4.1.3 with RFC 7636 and RFC 9449 §10: a code in, once, and what it stands for out. Whatever is wrong
//! with the rest of the request, the code is used up.

use super::{
    Course, Due, TokenError,
    ask::Ask,
    due::{self, Tokens},
    form::bad,
    narrow::{self, Wanted},
};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use portcullis_directory::{
    Client, GrantType,
    grant::{self, Bound, Redeemed},
};
use portcullis_jose::b64;
use portcullis_store::Tx;
use portcullis_types::{Check, Denial, GrantedFault, RedirectUri};
use secrecy::{ExposeSecret as _, SecretString};

const GRANT_TYPE: &str = "authorization_code";

pub(super) fn redeem(tx: &mut Tx<'_>, ask: &Ask, course: &mut Course) -> Result<Due, TokenError> {
    let code = ask.request.code.as_ref().ok_or_else(|| bad(Some("code"), "code is missing"));
    let code = course.trace.step(Check::Request, code)?.expose_secret();
    let redeemed = grant::redeem_code(tx, code, &ask.client.id, course.now)?;
    let redeemed = course.trace.step(Check::Granted, redeemed)?;
    course.of_a_person(&redeemed.grant, &redeemed.authorization);
    let back = same_way_back(&redeemed, ask.request.redirect_uri.as_deref(), &ask.client);
    course.trace.step(Check::Granted, back)?;
    let verifier = ask.request.code_verifier.as_ref().map(SecretString::expose_secret);
    course.trace.step(Check::Granted, verified(redeemed.code_challenge.as_deref(), verifier))?;
    begin(tx, ask, redeemed, course)
}

/// What comes of a code or device code that is used up: a grant, and the first tokens of it.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    ask: &Ask,
    redeemed: Redeemed,
    course: &mut Course,
) -> Result<Due, TokenError> {
    let Redeemed { grant, authorization, dpop_jkt, .. } = redeemed;
    let bound = dpop_jkt.map(Bound::Dpop);
    course.trace.step(Check::Possession, ask.holder.holds(bound.as_ref()))?;
    let person =
        due::person(tx, &ask.request.grant_type, (&authorization, Tokens::First), course.now)?;
    let person = course.trace.step(Check::Granted, person)?;
    let wanted = Wanted { scope: None, resource: &ask.request.resource };
    let narrowed = narrow::now(tx, ask, &authorization, (&person, wanted), course)?;
    grant::begin_grant(tx, &grant, &authorization, &course.jti, course.now)?;
    let refresh_token = if ask.client.may(GrantType::RefreshToken) {
        let bound = ask.holder.bound(&ask.client);
        Some(grant::issue_refresh(tx, &grant, bound.as_ref(), course.now, &ask.random)?)
    } else {
        None
    };
    let nonce = authorization.nonce.clone();
    let mut due = Due::of(ask, (grant, authorization, person), narrowed, course)?;
    due.refresh_token = refresh_token;
    due.nonce = nonce;
    Ok(due)
}

/// RFC 6749 §4.1.3: the same as in the authorization request. If that had none, there was only one, and naming
/// it does no harm (OAuth 2.1 leaves it out).
fn same_way_back(redeemed: &Redeemed, sent: Option<&str>, client: &Client) -> Result<(), Denial> {
    let same = match (&redeemed.redirect_uri, sent) {
        (Some(asked), Some(sent)) => asked == sent,
        (Some(_), None) => false,
        (None, Some(sent)) => {
            let registered = client.registration.redirect_uris.iter();
            registered.map(RedirectUri::as_str).any(|known| known == sent)
        }
        (None, None) => true,
    };
    if same { Ok(()) } else { refuse(GrantedFault::RedirectUri) }
}

/// RFC 7636 §4.6; OAuth 2.1 §4.1.3: no verifier without a challenge, so that nobody leaves the challenge out.
fn verified(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Denial> {
    let problem = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => "there was no code_challenge",
        (Some(_), None) => "it is missing",
        (Some(_), Some(verifier)) if !well_formed(verifier) => {
            "it must be 43 to 128 letters, digits, '-', '.', '_' or '~'"
        }
        (Some(challenge), Some(verifier)) => {
            let hash = b64::encode(digest(&SHA256, verifier.as_bytes()));
            if verify_slices_are_equal(hash.as_bytes(), challenge.as_bytes()).is_ok() {
                return Ok(());
            }
            "it is another one"
        }
    };
    refuse(GrantedFault::CodeVerifier { problem: problem.to_owned() })
}

/// RFC 7636 §4.1.
fn well_formed(verifier: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved)
}

fn refuse(fault: GrantedFault) -> Result<(), Denial> {
    Err(Denial::BadGranted { grant_type: GRANT_TYPE.to_owned(), fault })
}
