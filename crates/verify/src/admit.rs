//! The walk through all checks, in order. Delete a line and it does not compile.

use crate::{
    Claims, Guarded, Known, KnownIssuer, Presented, Target, audience, authentication, binding,
    claims, format, header, issuer, key, purpose, revocation, scope, tenant, time,
};
use portcullis_jose::Alg;
use portcullis_types::{Check, Denial, Kid, Timestamp, Trace};
use std::sync::Arc;

/// What a [`Vouched`] token has passed.
const VOUCHED: [Check; 9] = [
    Check::Credential,
    Check::CredentialKind,
    Check::Format,
    Check::Header,
    Check::Type,
    Check::Issuer,
    Check::Key,
    Check::Signature,
    Check::Claims,
];

/// A token whose signature and claims are verified (checks 2–9): true wherever and whenever it is shown,
/// as long as its issuer is trusted and publishes the key. Only [`vouch`] makes one; it may be cached.
#[derive(Clone, Debug)]
pub struct Vouched {
    claims: Arc<Claims>,
    kid: Option<Kid>,
    alg: Alg,
}

/// A token that may do what the request wants. Only [`authorize`] makes one, out of every proof, each of
/// which only its own check can make:
///
/// ```compile_fail,E0451
/// # fn forged(vouched: portcullis_verify::Vouched) -> portcullis_verify::Admission {
/// portcullis_verify::Admission { vouched }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Admission {
    vouched: Vouched,
    _timely: time::Timely,
    _addressed: audience::Addressed,
    _purposeful: purpose::Purposeful,
    _bound: tenant::Bound,
    _held: binding::Held,
    _live: revocation::Live,
    _authenticated: authentication::Authenticated,
    _covered: scope::Covered,
    _owned: scope::Owned,
}

impl Vouched {
    /// The verified claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key that signed it.
    pub const fn kid(&self) -> Option<&Kid> {
        self.kid.as_ref()
    }

    /// The algorithm that signed it.
    pub const fn alg(&self) -> Alg {
        self.alg
    }
}

impl Admission {
    /// Who was admitted, and how.
    pub const fn vouched(&self) -> &Vouched {
        &self.vouched
    }

    /// The verified claims.
    pub fn claims(&self) -> &Claims {
        &self.vouched.claims
    }
}

/// All checks in one go, for callers that cache nothing.
pub fn admit(
    presented: &Presented<'_>,
    target: &Target<'_>,
    known: &Known<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<Admission, Denial> {
    let vouched = vouch(presented, target.guarded, known, trace)?;
    authorize((presented, vouched), target, known, now, trace)
}

/// Checks 2–9: who says so, and is it really they. Reads no clock.
pub fn vouch(
    presented: &Presented<'_>,
    at: &Guarded,
    known: &Known<'_>,
    trace: &mut Trace,
) -> Result<Vouched, Denial> {
    trace.step(Check::Credential, Ok(()))?;
    trace.step(Check::CredentialKind, presented.kind())?;
    let jws = match trace.step(Check::Format, format::parse(presented.as_str()))? {
        Ok(jws) => jws,
        Err(unreadable) => return trace.step(Check::Header, Err(unreadable)),
    };

    let iss = claims::peek_issuer(jws.unverified_payload());
    let named = issuer::named(iss.as_deref(), known.issuers);
    let terms = named.map(|known| &known.trusted);
    let accepted = match terms {
        Some(terms) => header::acceptable(jws.header(), &terms.algs),
        None => header::acceptable(jws.header(), &all_algs(known.issuers)),
    };
    let header = trace.step(Check::Header, accepted)?;
    trace.step(Check::Type, issuer::typed(jws.header(), terms))?;
    let issuer = issuer::trusted(named, iss.as_deref(), at, known.issuers);
    let issuer = trace.step(Check::Issuer, issuer)?;

    let keys = trace.step(Check::Key, key::select(&header, issuer))?;
    let payload = trace.step(Check::Signature, key::verify(&jws, &keys, issuer, &header))?;
    // No claim can be read before this line.
    let claims = trace.step(Check::Claims, claims::read(payload, &issuer.trusted))?;
    Ok(Vouched { claims: Arc::new(claims), kid: header.kid, alg: header.alg })
}

/// Checks 10–20 (and 6 again, since a cached token may be shown at another API): may it do this, here,
/// now, in these hands.
pub fn authorize(
    (presented, vouched): (&Presented<'_>, Vouched),
    target: &Target<'_>,
    known: &Known<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<Admission, Denial> {
    trace.passed_before(&VOUCHED);
    let claims = &*vouched.claims;
    let iss = Some(claims.iss.as_str());
    let named = issuer::named(iss, known.issuers);
    let issuer: &KnownIssuer =
        trace.step(Check::Issuer, issuer::trusted(named, iss, target.guarded, known.issuers))?;
    let terms = &issuer.trusted;

    let timely = trace.step(Check::Time, time::within(claims, terms, now))?;
    let addressed =
        trace.step(Check::Audience, audience::names(claims, target.guarded, known.apis))?;
    let purposeful = trace.step(Check::Purpose, purpose::access(claims))?;
    let bound = trace.step(Check::Tenant, tenant::bound(claims, terms, target.guarded))?;
    let held = trace.step(Check::Binding, binding::held(claims, presented, target, known, now))?;
    let live = trace.step(Check::Revocation, revocation::live(claims, known.revocations, now))?;
    let authenticated = authentication::enough(claims, terms, target.demand, now);
    let authenticated = trace.step(Check::Authentication, authenticated)?;
    let covered = trace.step(Check::Scope, scope::covers(claims, terms, target, known.registry))?;
    let owned = trace.step(Check::Object, scope::owned(claims, terms, target, known.registry))?;
    Ok(Admission {
        vouched,
        _timely: timely,
        _addressed: addressed,
        _purposeful: purposeful,
        _bound: bound,
        _held: held,
        _live: live,
        _authenticated: authenticated,
        _covered: covered,
        _owned: owned,
    })
}

/// Checks 10, 12 and 15 alone: whether the token is in force, whoever shows it and wherever it is for. For an issuer
/// that is asked about its own tokens (RFC 7662); it lets nobody in.
pub fn in_force(vouched: &Vouched, known: &Known<'_>, now: Timestamp) -> Result<(), Denial> {
    let claims = vouched.claims();
    let issuer = known.issuers.iter().find(|known| known.trusted.issuer == claims.iss);
    let Some(issuer) = issuer else {
        let found = Some(claims.iss.to_string());
        return Err(Denial::UntrustedIssuer { found, trusted: Vec::new() });
    };
    time::within(claims, &issuer.trusted, now)?;
    purpose::access(claims)?;
    revocation::live(claims, known.revocations, now)?;
    Ok(())
}

/// What any of them may sign with: an answer for a token whose issuer nobody knows.
fn all_algs(issuers: &[KnownIssuer]) -> Vec<Alg> {
    let mut algs: Vec<Alg> =
        issuers.iter().flat_map(|known| known.trusted.algs.iter().copied()).collect();
    algs.sort_unstable();
    algs.dedup();
    algs
}
