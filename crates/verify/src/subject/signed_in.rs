//! How strongly and how lately somebody signed in at their provider (RFC 9470 §3,
//! draft-ietf-oauth-identity-assertion-authz-grant): who did it long ago is sent there again.

use super::{CheckedTrust, claims::Claims};
use portcullis_types::{InboundFault, PrincipalKind, Timestamp};

/// Proof that the sign-in is one that the trust accepts, or that nobody signed in.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedIn(());

pub(super) fn enough(
    claims: &Claims,
    kind: PrincipalKind,
    trust: &CheckedTrust,
    now: Timestamp,
) -> Result<SignedIn, InboundFault> {
    let Some(wanted) = trust.authentication().filter(|_| kind == PrincipalKind::Person) else {
        return Ok(SignedIn(()));
    };
    let weak = |found: String| {
        let (max_age, acr_values) = (wanted.max_age, wanted.acr_values.clone());
        Err(InboundFault::WeakAuthentication { found, max_age, acr_values })
    };
    if let Some(max_age) = wanted.max_age {
        let leeway = trust.limits().leeway;
        match claims.auth_time {
            None => return weak("no auth_time".into()),
            Some(at) if now > at.plus(max_age).plus(leeway) || at > now.plus(leeway) => {
                return weak(format!("auth_time {at}"));
            }
            Some(_) => {}
        }
    }
    match &claims.acr {
        _ if wanted.acr_values.is_empty() => Ok(SignedIn(())),
        Some(acr) if wanted.acr_values.contains(acr) => Ok(SignedIn(())),
        Some(acr) => weak(format!("acr {acr}")),
        None => weak("no acr".into()),
    }
}
