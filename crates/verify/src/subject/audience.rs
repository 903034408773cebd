//! Made for this exchange (RFC 7519 §4.1.3), and given to whom it says (OpenID Connect Core §3.1.3.7,
//! draft-ietf-oauth-identity-assertion-authz-grant §4.4).

use super::{
    AudSource, CheckedTrust, Offered, TokenKind,
    claims::{Claims, Said},
};
use portcullis_types::InboundFault;

/// Proof that the token was made for us, or for a client whose sign-ins we accept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addressed(());

pub(super) fn names(claims: &Claims, trust: &CheckedTrust) -> Result<Addressed, InboundFault> {
    let accepted = trust.audiences();
    let ours = |aud: &String| accepted.contains(aud);
    let wrong =
        |found: Vec<String>| InboundFault::WrongAudience { found, accepted: accepted.to_vec() };
    if claims.aud.is_empty() && trust.terms().aud == AudSource::ClientWithoutAud {
        return match &claims.client {
            Some(client) if ours(client) => Ok(Addressed(())),
            client => Err(wrong(client.iter().cloned().collect())),
        };
    }
    if !claims.aud.iter().any(ours) {
        return Err(wrong(claims.aud.clone()));
    }
    if claims.kind == TokenKind::IdToken {
        given(claims, trust)?;
    }
    Ok(Addressed(()))
}

/// Of an ID-JAG, `aud` is our issuer and nothing else, and `client_id` whoever has authenticated.
pub(super) fn alone(
    said: &Said<'_>,
    offered: &Offered<'_>,
    trust: &CheckedTrust,
) -> Result<Addressed, InboundFault> {
    let ours = trust.our_issuer().as_str();
    let found = crate::claims::audiences(said.raw("aud"))?;
    if !matches!(&found[..], [only] if only == ours) {
        return Err(InboundFault::WrongAudience { found, accepted: vec![ours.to_owned()] });
    }
    let found = said.text("client_id")?;
    if found.as_deref() == Some(offered.client.as_str()) {
        return Ok(Addressed(()));
    }
    Err(InboundFault::WrongClient { found, expected: offered.client.clone() })
}

/// A sign-in at several clients says to which of them it was given, and that is one of ours.
fn given(claims: &Claims, trust: &CheckedTrust) -> Result<(), InboundFault> {
    let fits = match &claims.azp {
        Some(azp) => trust.audiences().contains(azp),
        None => claims.aud.len() == 1,
    };
    if fits {
        return Ok(());
    }
    let expected = trust.audiences().join(" or ");
    Err(InboundFault::BadClaim { claim: "azp".into(), expected })
}
