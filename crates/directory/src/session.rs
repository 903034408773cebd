//! A session: one person, signed in with one browser. Its cookie is `id.secret`; the store has only the hash of
//! the secret, and each stronger sign-in brings a new one, so that a cookie planted before is worth nothing
//! after.

mod device;
mod life;
mod rows;
mod upstream;

pub use device::device;
pub use life::{
    Beginning, NewSession, SessionCookie, begin_session, end_session, session_by_id_in, session_in,
    strengthen, touch_session,
};
pub(crate) use life::{end_all, end_others};
pub use upstream::end_upstream_sessions;
pub(crate) use upstream::end_vouched;

use portcullis_types::{Authentication, PersonId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

/// A session that is in force. Its cookie is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// `ses_…`, the `sid` of tokens.
    pub id: SessionId,
    /// Who.
    pub person: PersonId,
    /// How they proved it, last.
    pub authentication: Authentication,
    /// When it began.
    pub started: Timestamp,
    /// When it was last used, to within a minute.
    pub seen: Timestamp,
    /// The browser and system, in words.
    pub device: String,
    /// The address of the sign-in, as text.
    pub remote: Option<String>,
    /// The session at another provider that vouched for it last.
    pub upstream: Option<UpstreamSession>,
}

/// A session at the provider that vouched for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamSession {
    /// The operator's name for the provider.
    pub provider: String,
    /// Its `iss`.
    pub issuer: String,
    /// The person's `sub` there.
    pub subject: String,
    /// Its `sid`, if it told.
    pub sid: Option<String>,
}
