//! A request as the audit log keeps it: the claims that mattered, never the token.

use crate::routes::Matched;
use http::Request;
use portcullis_audit::{Access, TokenFacts};
use portcullis_types::Timestamp;
use portcullis_verify::{Glance, Vouched};
use std::borrow::Cow;

/// What is known of the token.
#[derive(Clone, Copy)]
pub(crate) enum Facts<'a> {
    /// Its signature was verified.
    Verified(&'a Vouched),
    /// Only what it says of itself.
    Claimed(&'a Glance),
}

/// What was asked for, and with what.
pub(crate) fn access<'a, B>(
    request: &'a Request<B>,
    matched: Option<&'a Matched<'a>>,
    facts: Option<Facts<'a>>,
) -> Access<'a> {
    let line = matched.map(|matched| matched.line);
    Access {
        method: Cow::Borrowed(request.method().as_str()),
        path: Cow::Borrowed(request.uri().path()),
        route: line.map(|line| Cow::Borrowed(&*line.route.name)),
        api: line.map(|line| Cow::Borrowed(line.guarded.api.as_str())),
        resource: line.map(|line| Cow::Borrowed(line.guarded.audience.as_str())),
        needed: line.map(|line| Cow::Borrowed(&line.needed)),
        token: facts.map(|facts| match facts {
            Facts::Verified(vouched) => verified(vouched),
            Facts::Claimed(glance) => claimed(glance),
        }),
    }
}

/// What a verified token says.
pub fn verified(vouched: &Vouched) -> TokenFacts<'_> {
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

/// As it says, at whatever length: the log cuts.
pub fn claimed(glance: &Glance) -> TokenFacts<'_> {
    let text = |claim: &'_ Option<String>| Cow::Owned(claim.clone().unwrap_or_default());
    TokenFacts {
        iss: text(&glance.claims.iss),
        sub: text(&glance.claims.sub),
        client_id: text(&glance.claims.client_id),
        jti: text(&glance.claims.jti),
        scope: text(&glance.claims.scope),
        aud: Cow::Owned(glance.claims.aud.join(" ")),
        exp: glance.claims.exp.unwrap_or(0),
        iat: glance.claims.iat.unwrap_or(0),
        tenant: glance.claims.tenant.as_deref().map(Cow::Borrowed),
        kid: glance.kid.as_deref().map(Cow::Borrowed),
        alg: Cow::Borrowed(glance.alg.map_or("", portcullis_jose::Alg::name)),
        verified: false,
    }
}
