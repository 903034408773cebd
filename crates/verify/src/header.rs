//! Check 4: the JOSE header (RFC 8725 §3.1–3.2, RFC 7515 §4.1.11, RFC 7797 §7).
//!
//! `jku`, `x5u`, `jwk` and `x5c` are never read: the parser has no place to put them.

use portcullis_jose::{Alg, jws::Header};
use portcullis_types::{Denial, HeaderFault, Kid};

/// An algorithm that the issuer may use, and the name of the key.
pub(crate) struct Accepted {
    pub(crate) alg: Alg,
    pub(crate) kid: Option<Kid>,
}

/// `accepted` are the issuer's algorithms; of an unknown issuer, those of all.
pub(crate) fn acceptable(header: &Header, accepted: &[Alg]) -> Result<Accepted, Denial> {
    judge(header, accepted).map_err(|fault| Denial::Header { fault })
}

fn judge(header: &Header, accepted: &[Alg]) -> Result<Accepted, HeaderFault> {
    if header.alg.is_symmetric() || !accepted.iter().any(|alg| alg.is(header.alg)) {
        return Err(HeaderFault::Algorithm {
            found: Some(header.alg.name().into()),
            accepted: accepted.iter().map(|alg| alg.name().into()).collect(),
        });
    }
    if let Some(names) = &header.crit {
        return Err(HeaderFault::Critical { names: names.clone() });
    }
    if header.b64.is_some() {
        return Err(HeaderFault::UnencodedPayload);
    }
    let kid = header.kid.as_deref().map(Kid::new).transpose().map_err(|_| HeaderFault::Kid)?;
    Ok(Accepted { alg: header.alg, kid })
}
