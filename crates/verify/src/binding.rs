//! Check 14: a token that is bound to a key or a certificate is good only in its holder's hands
//! (RFC 9449 §7, RFC 8705 §3). Never kept with the token: each request proves it anew.

use crate::{
    Claims, Known, Presented, Scheme, Target,
    claims::Confirmation,
    dpop::{ALGS, Expected, Header, Htu, NonceRule, Proof, Reuse},
};
use portcullis_types::{Denial, DpopFault, HolderFault, Thumbprint, Timestamp, Ttl};

/// What a request brings along to show that it comes from the holder of the token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holder<'a> {
    /// Its `DPoP` headers.
    pub dpop: Header<'a>,
    /// Its method.
    pub htm: &'a str,
    /// Its URL.
    pub htu: Htu<'a>,
    /// The SHA-256 of the TLS client certificate of its connection (RFC 8705 §3.1), which whoever ended the
    /// TLS has verified.
    pub client_certificate: Option<&'a [u8; 32]>,
}

/// Proof that the token is bound to nothing, or was shown by its holder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held(());

/// How soon there is room for another proof.
const RETRY_AFTER: Ttl = Ttl::seconds(5);

pub(crate) fn held(
    claims: &Claims,
    presented: &Presented<'_>,
    target: &Target<'_>,
    known: &Known<'_>,
    now: Timestamp,
) -> Result<Held, Denial> {
    let not_the_holder = |fault| Err(Denial::NotTheHolder { fault });
    let cnf = claims.cnf.as_deref();
    if let Some(cnf) = cnf.filter(|cnf| cnf.jkt.is_none() && cnf.x5t_s256.is_none()) {
        // Bound to something: it is no bearer token, whatever the something is.
        return not_the_holder(HolderFault::UnknownBinding { members: cnf.others.clone() });
    }
    let certificate = cnf.and_then(|cnf| cnf.x5t_s256.as_ref());
    if target.demand.client_certificate.is_required() && certificate.is_none() {
        return not_the_holder(HolderFault::CertificateDemanded);
    }
    if let Some(bound_to) = certificate {
        by_certificate(presented.holder(), bound_to)?;
    }
    let key = cnf.and_then(|cnf: &Confirmation| cnf.jkt.as_ref());
    match (presented.scheme(), key) {
        (Scheme::Bearer, Some(bound_to)) => {
            return not_the_holder(HolderFault::Downgraded { bound_to: bound_to.clone() });
        }
        (Scheme::Dpop, None) => return not_the_holder(HolderFault::Unbound),
        (Scheme::Bearer, None) if target.demand.dpop.is_required() => {
            return not_the_holder(HolderFault::KeyDemanded);
        }
        (Scheme::Bearer, None) => {}
        (Scheme::Dpop, Some(bound_to)) => by_key(presented, bound_to, target, known, now)?,
    }
    Ok(Held(()))
}

fn by_certificate(holder: &Holder<'_>, bound_to: &Thumbprint) -> Result<(), Denial> {
    let fault = match holder.client_certificate {
        None => HolderFault::NoCertificate { bound_to: bound_to.clone() },
        Some(hash) => {
            let shown = portcullis_jose::b64::encode(hash);
            if shown == bound_to.as_str() {
                return Ok(());
            }
            // A hash of 32 bytes always makes a thumbprint.
            let found = Thumbprint::new(&shown).unwrap_or_else(|_| bound_to.clone());
            HolderFault::OtherCertificate { found, bound_to: bound_to.clone() }
        }
    };
    Err(Denial::NotTheHolder { fault })
}

fn by_key(
    presented: &Presented<'_>,
    bound_to: &Thumbprint,
    target: &Target<'_>,
    known: &Known<'_>,
    now: Timestamp,
) -> Result<(), Denial> {
    let bad = |fault| Denial::BadProof { fault };
    let holder = presented.holder();
    let shown = holder.dpop.only().map_err(bad)?;
    let expected = Expected {
        htm: holder.htm,
        htu: holder.htu,
        access_token: Some(presented.as_str()),
        nonce: if target.demand.dpop_nonce.is_required() {
            NonceRule::Required(&known.possession.nonces)
        } else {
            NonceRule::Ignored
        },
        algs: &ALGS,
    };
    let proof = Proof::verify(shown, &expected, now).map_err(bad)?;
    if proof.jkt != *bound_to {
        let fault = HolderFault::OtherKey { found: proof.jkt, bound_to: bound_to.clone() };
        return Err(Denial::NotTheHolder { fault });
    }
    // Last: only who holds the key of a good token fills the memory.
    known.possession.replays.first_use(&proof, now).map_err(|reuse| match reuse {
        Reuse::Replayed => bad(DpopFault::Replayed { jti: proof.jti }),
        Reuse::Full => Denial::ProofsFull { retry_after: RETRY_AFTER },
    })
}
