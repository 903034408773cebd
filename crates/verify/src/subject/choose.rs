//! One token, several trusts: which of them is meant.
//!
//! An issuer that many share says nothing about whose its token is. The conditions say that, and they are looked
//! at only after the signature: what is not signed chooses nothing.

use super::{
    CheckedTrust, Offered, Step, Subject,
    admit::{traced, walk},
    condition::cut,
    course::Notes,
};
use crate::{IssuerKeys, claims::peek_issuer, format, header::Accepted, key, peek};
use portcullis_jose::{
    jwk::{KeySet, PublicKey},
    jws::{Compact, Payload},
};
use portcullis_types::{Denial, Inbound, InboundFault, Judged, Timestamp, Trace, Ttl};
use std::{borrow::Cow, cell::RefCell, sync::Arc};

/// A trust that may be meant, with the keys of its issuer.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The trust.
    pub trust: &'a CheckedTrust,
    /// The keys, or why there are none and when to ask again.
    pub keys: &'a Result<IssuerKeys, (String, Ttl)>,
}

/// The one trust by which the token is good, and who it says it is.
///
/// The order of the candidates does not matter. If the token is good by none, the answer is that of the trust by
/// which it came furthest, of several the first by tenant and name. If it is good by more than one, it is refused:
/// that is a mistake in the records, and a guess would give one tenant's subject to another.
///
/// `judged` learns by which trust that was, and how.
pub fn choose<'a>(
    offered: &Offered<'_>,
    candidates: &[Candidate<'a>],
    now: Timestamp,
    (trace, judged): (&mut Trace, &mut Option<Judged>),
) -> Result<(&'a CheckedTrust, Subject), Denial> {
    let inbound = offered.inbound;
    let mut chosen = None;
    let outcome = chosen_of(offered, candidates, now, judged).map(|(trust, subject)| {
        chosen = Some(trust);
        subject
    });
    let subject = traced(inbound, outcome, trace)?;
    chosen.map(|trust| (trust, subject)).ok_or_else(|| nobody(inbound, None))
}

fn chosen_of<'a>(
    offered: &Offered<'_>,
    candidates: &[Candidate<'a>],
    now: Timestamp,
    judged: &mut Option<Judged>,
) -> Result<(&'a CheckedTrust, Subject), Denial> {
    let inbound = offered.inbound;
    let opened = Opened::open(offered.token, &mut Notes::new(inbound))?;
    let mut meant: Vec<_> =
        candidates.iter().filter(|candidate| candidate.trust.may_have_issued(&opened)).collect();
    meant.sort_by_key(|candidate| (candidate.trust.tenant(), candidate.trust.name()));
    let mut good = Vec::new();
    let mut furthest: Option<(Notes, &CheckedTrust, Denial)> = None;
    for Candidate { trust, keys } in meant {
        let mut notes = Notes::new(inbound);
        match walk(&opened, offered, (trust, keys), now, &mut notes) {
            Ok(subject) => good.push((*trust, subject, notes)),
            Err(denial)
                if furthest.as_ref().is_none_or(|(most, ..)| notes.course > most.course) =>
            {
                furthest = Some((notes, trust, denial));
            }
            Err(_) => {}
        }
    }
    let found = good.len();
    match (good.pop(), furthest) {
        (Some((trust, subject, notes)), _) if found == 1 => {
            *judged = Some(notes.judged(trust));
            Ok((trust, subject))
        }
        (Some(_), _) => Err(Denial::ConditionNotMet {
            inbound,
            claim: "iss".into(),
            found: Some(format!("an issuer by which {found} trusts accept this token")),
            expected: "conditions that one trust alone has".into(),
        }),
        (None, Some((notes, trust, denial))) => {
            *judged = Some(notes.judged(trust));
            Err(denial)
        }
        (None, None) => Err(nobody(inbound, opened.iss().map(cut))),
    }
}

fn nobody(inbound: Inbound, iss: Option<String>) -> Denial {
    Denial::BadInbound { inbound, fault: InboundFault::Untrusted { iss, trusted: Vec::new() } }
}

/// A token taken apart once, whose signature is checked once by each key set.
pub(super) struct Opened<'a> {
    jws: Compact<'a>,
    iss: Option<String>,
    verified: RefCell<Vec<(Arc<KeySet>, Option<Payload>)>>,
}

impl<'a> Opened<'a> {
    pub(super) fn open(token: &'a str, notes: &mut Notes) -> Result<Self, Denial> {
        let jws = notes.step(Step::Format, format::parse(token))?;
        let jws = notes.step(Step::Algorithm, jws)?;
        let iss = peek_issuer(jws.unverified_payload()).map(Cow::into_owned);
        Ok(Self { jws, iss, verified: RefCell::default() })
    }

    pub(super) const fn jws(&self) -> &Compact<'a> {
        &self.jws
    }

    /// Who it says it is from: a hint, until its signature is verified.
    pub(super) fn iss(&self) -> Option<&str> {
        self.iss.as_deref()
    }

    /// Whom it says it is about: a hint as well, for issuers that are named there.
    pub(super) fn sub(&self) -> Option<String> {
        peek(self.jws.unverified_payload()).sub
    }

    pub(super) fn verify(
        &self,
        candidates: &Candidates<'_>,
        header: &Accepted,
    ) -> Result<Payload, InboundFault> {
        let mut verified = self.verified.borrow_mut();
        let before = verified.iter().find(|(set, _)| Arc::ptr_eq(set, candidates.set));
        let payload = if let Some((_, payload)) = before {
            payload.clone()
        } else {
            let payload = key::verified(&self.jws, &candidates.keys);
            verified.push((candidates.set.clone(), payload.clone()));
            payload
        };
        payload.ok_or_else(|| InboundFault::BadSignature {
            kid: header.kid.as_ref().map(ToString::to_string),
            alg: header.alg.name().to_owned(),
        })
    }
}

/// The keys of one set that a header may mean.
pub(super) struct Candidates<'k> {
    set: &'k Arc<KeySet>,
    keys: Vec<&'k PublicKey>,
}

impl<'k> Candidates<'k> {
    /// The keys that the header may mean. Without `kid`, every one of that algorithm.
    pub(super) fn select(
        keys: &'k Result<IssuerKeys, (String, Ttl)>,
        header: &Accepted,
    ) -> Result<Self, InboundFault> {
        let keys = keys.as_ref().map_err(|(reason, retry_after)| {
            InboundFault::KeysUnavailable { reason: reason.clone(), retry_after: *retry_after }
        })?;
        let kid = header.kid.as_ref().map(portcullis_types::Kid::as_str);
        let keys_of: Vec<_> = keys.set.candidates(kid, header.alg).collect();
        if keys_of.is_empty() {
            let alg = header.alg.name().to_owned();
            return Err(InboundFault::UnknownKey { kid: kid.map(str::to_owned), alg });
        }
        Ok(Self { set: &keys.set, keys: keys_of })
    }
}
