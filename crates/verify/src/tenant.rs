//! Check 13: one tenant's issuer never speaks for another tenant.

use crate::{Claims, Guarded, Speaks, TrustedIssuer};
use portcullis_types::{Denial, Tenant};

/// Proof that token, issuer and API belong to the same tenant, or to none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound(());

pub(crate) fn bound(
    claims: &Claims,
    issuer: &TrustedIssuer,
    at: &Guarded,
) -> Result<Bound, Denial> {
    let wrong = |expected: Option<&Tenant>| Denial::WrongTenant {
        found: claims.tenant.clone(),
        expected: expected.cloned(),
    };
    let found = claims.tenant.as_ref();
    match &issuer.speaks {
        Speaks::ForNoTenant if found.is_some() => return Err(wrong(None)),
        Speaks::For(own) if found != Some(own) => return Err(wrong(Some(own))),
        Speaks::ForNoTenant | Speaks::For(_) | Speaks::ForAnyTenant => {}
    }
    match &at.tenant {
        Some(owner) if found != Some(owner) => Err(wrong(Some(owner))),
        _ => Ok(Bound(())),
    }
}
