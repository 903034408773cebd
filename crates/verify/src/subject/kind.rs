//! Which kind of token it is, by its header and by what the request says (RFC 8725 §3.11, §3.12).
//!
//! A token of another kind is refused whatever the record says: what one endpoint takes for a sign-in must not
//! be what another sends for a sign-out.

use super::{CheckedTrust, Offered, condition::cut};
use crate::names_kind;
use portcullis_jose::jws::Header;
use portcullis_types::{Inbound, InboundFault};
use serde::{Deserialize, Serialize};

/// A kind of token that is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Somebody signed in (OpenID Connect Core §2).
    IdToken,
    /// A workload says who it is (RFC 7523 §3).
    Jwt,
    /// An access token of the provider (RFC 9068).
    AccessToken,
    /// An identity assertion for one client here (draft-ietf-oauth-identity-assertion-authz-grant).
    IdJag,
}

/// `typ` of an ID-JAG.
pub(super) const ID_JAG: &str = "oauth-id-jag+jwt";
const AT_JWT: &str = crate::ACCESS_TOKEN;

/// The values of `typ` that no trust record can make acceptable. An ID-JAG is, as an assertion.
pub const FOREIGN_KINDS: [&str; 14] = [
    "logout+jwt",
    "secevent+jwt",
    "txntoken+jwt",
    "dpop+jwt",
    "client-authentication+jwt",
    ID_JAG,
    "oauth-authz-req+jwt",
    "token-introspection+jwt",
    "statuslist+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "wit+jwt",
    "wpt+jwt",
    "jwk-set+jwt",
];

impl TokenKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::IdToken, Self::Jwt, Self::AccessToken, Self::IdJag];

    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdToken => "id_token",
            Self::Jwt => "jwt",
            Self::AccessToken => "access_token",
            Self::IdJag => "id_jag",
        }
    }

    /// The value of `subject_token_type` (RFC 8693 §3).
    pub const fn urn(self) -> &'static str {
        match self {
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::IdJag => "urn:ietf:params:oauth:token-type:id-jag",
        }
    }

    /// The kind of that `subject_token_type`.
    pub fn of_urn(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.urn() == urn)
    }

    /// As what an assertion comes: its header alone tells (RFC 7523 has no parameter for it).
    pub(super) fn of_assertion(header: &Header) -> Self {
        match &header.typ {
            Some(typ) if names_kind(typ, ID_JAG) => Self::IdJag,
            _ => Self::Jwt,
        }
    }
}

/// Whether a `typ` may never be in a record.
pub(super) fn is_foreign(typ: &str) -> bool {
    FOREIGN_KINDS.iter().any(|kind| names_kind(typ, kind))
}

/// Proof that the token is of a kind for which its issuer is trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed(pub(super) TokenKind);

pub(super) fn typed(
    header: &Header,
    offered: &Offered<'_>,
    trust: &CheckedTrust,
) -> Result<Typed, InboundFault> {
    let kind = offered.kind.unwrap_or_else(|| TokenKind::of_assertion(header));
    let wrong = |expected: String| InboundFault::WrongType {
        found: header.typ.as_deref().map(cut),
        expected,
    };
    if !trust.kinds().contains(&kind) {
        let kinds: Vec<_> = trust.kinds().iter().map(|kind| kind.name()).collect();
        let found = Some(format!("of the kind {}", kind.name()));
        return Err(InboundFault::WrongType { found, expected: kinds.join(" or ") });
    }
    if kind == TokenKind::IdJag {
        let fits = header.typ.as_deref().is_some_and(|typ| names_kind(typ, ID_JAG));
        return match (fits, offered.inbound) {
            (true, Inbound::Assertion) => Ok(Typed(kind)),
            (true, _) => Err(wrong("a token that is no assertion of the jwt-bearer grant".into())),
            (false, _) => Err(wrong(ID_JAG.into())),
        };
    }
    let accepted = trust.typ().iter().filter(|typ| suits(typ, kind));
    let accepted: Vec<&str> = accepted.map(|typ| &**typ).collect();
    let fits = match &header.typ {
        Some(typ) => !is_foreign(typ) && accepted.iter().any(|kind| names_kind(typ, kind)),
        None => accepted.contains(&""),
    };
    if fits {
        return Ok(Typed(kind));
    }
    let spelt = accepted.iter().map(|typ| if typ.is_empty() { "no typ" } else { typ });
    Err(wrong(spelt.collect::<Vec<_>>().join(" or ")))
}

/// An access token by its type is nothing else.
fn suits(typ: &str, kind: TokenKind) -> bool {
    !names_kind(typ, AT_JWT) || kind == TokenKind::AccessToken
}
