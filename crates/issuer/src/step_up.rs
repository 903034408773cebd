//! What a session must have shown to change how its person signs in.
//!
//! Fresh, so that a browser left alone gives nothing away; and as strong as the strongest means the person has, so
//! that a stolen password does not bind a passkey of the thief's and become one (NIST SP 800-63B §4.1.2).

use crate::pages::{Section, query};
use portcullis_directory::{Person, Session};
use portcullis_types::{Acr, Timestamp, Ttl};

/// How old a sign-in may be to change something that matters.
const FRESH: Ttl = Ttl::seconds(10 * 60);

/// What a session lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It is too old: the same sign-in again.
    Fresh,
    /// A code of the person's authenticator app; the rest is fresh.
    Code,
    /// A sign-in with one of the person's passkeys.
    Passkey,
}

impl Lack {
    /// `None`: nothing.
    pub(crate) fn of(session: &Session, person: &Person, now: Timestamp) -> Option<Self> {
        let shown = &session.authentication;
        let wanted = person.factors.strongest();
        let is_fresh = is_fresh(session, now);
        match wanted {
            Acr::Phr if shown.acr < wanted || !is_fresh => Some(Self::Passkey),
            _ if !is_fresh => Some(Self::Fresh),
            Acr::Mfa if shown.acr < wanted => Some(Self::Code),
            _ => None,
        }
    }
}

/// Whether the person signed in a moment ago.
pub(crate) fn is_fresh(session: &Session, now: Timestamp) -> bool {
    now < session.authentication.at.plus(FRESH)
}

/// Where somebody is sent to prove who they are before a part of the account.
pub(crate) fn step_up(section: Section) -> String {
    format!("/sign-in{}", query(None, Some(section.name())))
}
