//! A decision in the making, from the first look at a request to its record.

use crate::{
    record::{self, Facts},
    routes::{Matched, Public},
    rules::Permit,
};
use http::{HeaderName, HeaderValue, Request};
use portcullis_audit::{Event, Record};
use portcullis_types::{DecisionId, Denial, Ruled, Timestamp, Trace};
use portcullis_verify::{Admission, Glance, Presented, Scheme, Vouched};
use smallvec::SmallVec;
use std::borrow::Cow;

/// The header that names the decision, in every answer and towards every upstream.
pub(crate) const DECISION_ID: HeaderName = HeaderName::from_static("x-decision-id");

/// What is known of a request so far.
pub(crate) struct Decision<'a> {
    pub(crate) id: DecisionId,
    /// The id as a header's value.
    pub(crate) name: HeaderValue,
    pub(crate) at: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) matched: Option<Matched<'a>>,
    /// Taken out of the request, so that none goes on by mistake.
    pub(crate) credentials: SmallVec<[HeaderValue; 1]>,
    /// The DPoP proofs that came along.
    pub(crate) proofs: Vec<HeaderValue>,
    /// The SHA-256 of the certificate whose key the caller holds.
    pub(crate) certificate: Option<[u8; 32]>,
    /// What a policy was asked, and what it ruled.
    pub(crate) ruled: Option<Ruled>,
}

/// How far a request has come that has not been refused by its credential.
pub(crate) enum Entry {
    /// Its token was admitted.
    Admitted(Admission),
    /// Its route asks for none.
    Public(Public),
}

/// Why a request may pass. Nothing reaches an upstream without it.
pub(crate) enum Leave {
    /// Its token was admitted, and nobody has anything to say against it.
    Admitted(Admission, Permit),
    /// Its route asks for none.
    Public(Public),
}

/// Why a request may not pass, and what was known of its token.
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    pub(crate) vouched: Option<Vouched>,
}

/// How it was decided.
pub(crate) type Verdict = Result<Leave, Box<Refusal>>;

impl Leave {
    const fn admission(&self) -> Option<&Admission> {
        match self {
            Self::Admitted(admission, _) => Some(admission),
            Self::Public(_) => None,
        }
    }
}

impl Decision<'_> {
    /// The scheme of the credential that came.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        let (name, _) = self.credentials.first()?.to_str().ok()?.split_once(' ')?;
        Scheme::named(name)
    }

    /// What a token that was not verified says of itself, for the record of its refusal.
    pub(crate) fn glance(&self, verdict: &Verdict) -> Option<Glance> {
        let Err(Refusal { vouched: None, .. }) = verdict.as_ref().map_err(|refusal| &**refusal)
        else {
            return None;
        };
        let values = self.credentials.iter().map(HeaderValue::as_bytes);
        Presented::take(values, None).ok().map(|presented| Glance::at(&presented))
    }

    pub(crate) fn record<'r, B>(
        &'r self,
        request: &'r Request<B>,
        verdict: &'r Verdict,
        glance: Option<&'r Glance>,
    ) -> Record<'r> {
        let (denial, vouched) = match verdict {
            Ok(leave) => (None, leave.admission().map(Admission::vouched)),
            Err(refusal) => (Some(&refusal.denial), refusal.vouched.as_ref()),
        };
        let facts = vouched.map(Facts::Verified).or(glance.map(Facts::Claimed));
        Record {
            id: self.id,
            at: self.at,
            trace: self.trace,
            denial: denial.map(Cow::Borrowed),
            ruled: self.ruled.as_ref().map(Cow::Borrowed),
            event: Event::Access(record::access(request, self.matched.as_ref(), facts)),
        }
    }
}

impl Refusal {
    /// Whether whoever is refused so often is looking for a door. Who is too fast, or comes when we are not ready,
    /// is not.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.denial.code().status, 401 | 403 | 404)
    }

    pub(crate) fn lacks_a_key(&self) -> bool {
        matches!(self.denial, Denial::UnknownKey { .. } | Denial::KeysUnavailable { .. })
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { denial, vouched: None }
    }
}

impl From<Denial> for Box<Refusal> {
    fn from(denial: Denial) -> Self {
        Box::new(denial.into())
    }
}
