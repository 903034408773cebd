//! What a token said, as the view keeps it. Never the token.

use super::rfc3339_opt;
use crate::TokenFacts;
use portcullis_types::{Scopes, Timestamp};
use serde::Serialize;
use std::borrow::Cow;

/// What a token said of itself, and whether that was verified. What it did not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Whether the signature was verified; if not, everything here may be false.
    pub verified: bool,
    /// `iss`.
    pub iss: Option<String>,
    /// `sub`.
    pub sub: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `tenant`.
    pub tenant: Option<String>,
    /// `aud`; several joined by a space.
    pub aud: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `iat`.
    #[serde(serialize_with = "rfc3339_opt")]
    pub issued: Option<Timestamp>,
    /// `exp`.
    #[serde(serialize_with = "rfc3339_opt")]
    pub expires: Option<Timestamp>,
    /// `jti`.
    pub jti: Option<String>,
    /// `kid` of the header.
    pub kid: Option<String>,
    /// `alg` of the header.
    pub alg: Option<String>,
}

impl TokenView {
    /// The view of recorded facts. A record says "absent" by an empty text or zero.
    pub fn of(facts: &TokenFacts<'_>) -> Self {
        Self {
            verified: facts.verified,
            iss: text(&facts.iss),
            sub: text(&facts.sub),
            client_id: text(&facts.client_id),
            tenant: text(&facts.tenant),
            aud: text(&facts.aud),
            scope: text(&facts.scope),
            issued: date(facts.iat),
            expires: date(facts.exp),
            jti: text(&facts.jti),
            kid: text(&facts.kid),
            alg: text(&facts.alg),
        }
    }

    /// Whether it says nothing at all, because nothing of it could be read.
    pub(super) const fn is_mute(&self) -> bool {
        self.iss.is_none() && self.client_id.is_none() && self.alg.is_none()
    }

    /// Its scopes, if it says any that are scopes of ours.
    pub(super) fn scopes(&self) -> Option<Scopes> {
        Scopes::parse(self.scope.as_deref()?).ok()
    }
}

fn text<'t>(text: impl Into<Option<&'t Cow<'t, str>>>) -> Option<String> {
    text.into().filter(|text| !text.is_empty()).map(|text| text.clone().into_owned())
}

fn date(seconds: impl Into<Option<i64>>) -> Option<Timestamp> {
    seconds.into().filter(|seconds| *seconds > 0).map(Timestamp::from_seconds)
}
