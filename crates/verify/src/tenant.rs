//! Check 13: one tenant's issuer never speaks for another tenant.

use crate::{Claims, Guarded, TrustedIssuer};
use portcullis_types::Denial;

/// Proof that token, issuer and API belong to the same tenant, or to none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound(());

pub(crate) fn bound(
    claims: &Claims,
    issuer: &TrustedIssuer,
    at: &Guarded,
) -> Result<Bound, Denial> {
    for expected in [&issuer.tenant, &at.tenant].into_iter().flatten() {
        if claims.tenant.as_ref() != Some(expected) {
            return Err(Denial::WrongTenant {
                found: claims.tenant.clone(),
                expected: Some(expected.clone()),
            });
        }
    }
    Ok(Bound(()))
}
