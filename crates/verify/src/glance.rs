//! What a token says of itself before anyone has vouched for it: for records and for people.

use crate::{Peek, Presented, peek};
use portcullis_jose::{Alg, jws::Compact};

/// An unverified look at a token. Never for a decision.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// `alg` of the header.
    pub alg: Option<Alg>,
    /// `kid` of the header.
    pub kid: Option<String>,
    /// `typ` of the header.
    pub typ: Option<String>,
    /// The claims.
    pub claims: Peek,
}

impl Glance {
    /// Reads what can be read; a malformed token says nothing.
    pub fn at(presented: &Presented<'_>) -> Self {
        let Ok(jws) = Compact::parse(presented.as_str()) else { return Self::default() };
        let header = jws.header();
        Self {
            alg: Some(header.alg),
            kid: header.kid.clone(),
            typ: header.typ.clone(),
            claims: peek(jws.unverified_payload()),
        }
    }
}
