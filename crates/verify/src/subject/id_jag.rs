//! An ID-JAG: the provider at which a tenant's people sign in says that one client may act for one of them here
//! (draft-ietf-oauth-identity-assertion-authz-grant §4.4, RFC 7523 §3).
//!
//! It may be shown again until it expires, so it is counted rather than used up.

use super::{TokenKind, claims::Said};
use crate::claims::{audiences, bad};
use portcullis_types::{Audience, Details, InboundFault};

/// `resource`: one, or a list. Of other tokens nobody knows what it means there.
pub(super) fn resources(said: &Said<'_>, kind: TokenKind) -> Result<Vec<Audience>, InboundFault> {
    if kind != TokenKind::IdJag || said.raw("resource").is_none() {
        return Ok(Vec::new());
    }
    let wrong = || bad("resource", "an absolute URI without fragment, or a list of 1 to 16");
    let listed = audiences(said.raw("resource")).map_err(|_| wrong())?;
    listed.iter().map(|uri| Audience::new(uri).map_err(|_| wrong().into())).collect()
}

/// `authorization_details`, which limit what the assertion is good for.
pub(super) fn details(said: &Said<'_>, kind: TokenKind) -> Result<Details, InboundFault> {
    match said.value("authorization_details") {
        Some(value) if kind == TokenKind::IdJag => Details::of(&value).map_err(|fault| {
            let expected = fault.to_string();
            InboundFault::BadClaim { claim: "authorization_details".into(), expected }
        }),
        _ => Ok(Details::default()),
    }
}
