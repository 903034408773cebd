//! A decision as the audit log keeps it: the claims that mattered, never the token.

use crate::routes::Matched;
use http::Request;
use portcullis_audit::{Access, Event, Record, TokenFacts};
use portcullis_types::{DecisionId, Denial, Timestamp, Trace};
use portcullis_verify::{Glance, Presented, Vouched};
use std::borrow::Cow;

/// What is known of the token.
pub(crate) enum Facts<'a> {
    /// Its signature was verified.
    Verified(&'a Vouched),
    /// Only what it says of itself.
    Claimed(Box<Glance>),
}

impl<'a> Facts<'a> {
    /// The verified claims if there are any, else what can be read.
    pub(crate) fn of(vouched: Option<&'a Vouched>, presented: &Presented<'_>) -> Self {
        match vouched {
            Some(vouched) => Self::Verified(vouched),
            None => Self::Claimed(Box::new(Glance::at(presented))),
        }
    }

    fn token(&self) -> TokenFacts<'_> {
        match self {
            Self::Verified(vouched) => verified(vouched),
            Self::Claimed(glance) => claimed(glance),
        }
    }
}

/// The record of one decision.
pub(crate) fn of<'a, B>(
    (id, at, trace): (DecisionId, Timestamp, Trace),
    matched: Option<&'a Matched<'a>>,
    request: &'a Request<B>,
    denial: Option<&'a Denial>,
    facts: Option<&'a Facts<'a>>,
) -> Record<'a> {
    let line = matched.map(|matched| matched.line);
    let access = Access {
        method: Cow::Borrowed(request.method().as_str()),
        path: Cow::Borrowed(cut(request.uri().path())),
        route: line.map(|line| Cow::Borrowed(&*line.route.name)),
        api: line.map(|line| Cow::Borrowed(line.guarded.api.as_str())),
        resource: line.map(|line| Cow::Borrowed(line.guarded.audience.as_str())),
        needed: line.map(|line| Cow::Borrowed(&line.needed)),
        token: facts.map(Facts::token),
    };
    Record { id, at, trace, denial: denial.map(Cow::Borrowed), event: Event::Access(access) }
}

fn verified(vouched: &Vouched) -> TokenFacts<'_> {
    let claims = vouched.claims();
    TokenFacts {
        iss: Cow::Borrowed(claims.iss.as_str()),
        sub: Cow::Borrowed(&claims.sub),
        client_id: Cow::Borrowed(&claims.client_id),
        aud: match claims.aud.as_slice() {
            [one] => Cow::Borrowed(one),
            many => Cow::Owned(many.join(" ")),
        },
        jti: Cow::Borrowed(claims.jti.as_ref().map_or("", |jti| jti.as_str())),
        scope: Cow::Owned(claims.scope.to_string()),
        exp: claims.exp.seconds(),
        iat: claims.iat.map_or(0, Timestamp::seconds),
        kid: vouched.kid().map(|kid| Cow::Borrowed(kid.as_str())),
        alg: Cow::Borrowed(vouched.alg().name()),
        tenant: claims.tenant.as_ref().map(|tenant| Cow::Borrowed(tenant.as_str())),
        verified: true,
    }
}

fn claimed(glance: &Glance) -> TokenFacts<'_> {
    let text = |claim: &'_ Option<String>| {
        Cow::Owned(claim.as_deref().map(cut).unwrap_or_default().to_owned())
    };
    TokenFacts {
        iss: text(&glance.claims.iss),
        sub: text(&glance.claims.sub),
        client_id: text(&glance.claims.client_id),
        aud: Cow::Borrowed(""),
        jti: text(&glance.claims.jti),
        scope: text(&glance.claims.scope),
        exp: glance.claims.exp.unwrap_or(0),
        iat: 0,
        kid: glance.kid.as_deref().map(|kid| Cow::Borrowed(cut(kid))),
        alg: Cow::Borrowed(glance.alg.map_or("", portcullis_jose::Alg::name)),
        tenant: None,
        verified: false,
    }
}

/// At most 256 bytes, whole characters.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(256)).unwrap_or(text)
}
