//! `sub`: what an app knows a person by (OpenID Connect Core §8). One and the same for all apps, or another
//! one in each sector, so that apps cannot find out that they have the same visitor.

use crate::server::State;
use aws_lc_rs::hmac;
use portcullis_directory::{Client, SubjectType};
use portcullis_jose::b64;
use portcullis_types::{PersonId, SessionId};
use std::fmt;

/// What pairwise subjects are made with. A new key would make strangers of everybody.
#[derive(Clone)]
pub struct SubjectKey(hmac::Key);

impl SubjectKey {
    /// From 32 secret bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// §8.1: the same for one person, or session, in one sector, and telling nothing.
    fn pairwise(&self, sector: &str, name: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(sector.as_bytes());
        context.update(&[0]);
        context.update(name.as_bytes());
        b64::encode(context.sign())
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey")
    }
}

/// The person's `sub` at this app.
pub(crate) fn of(state: &State, client: &Client, person: &PersonId) -> String {
    match client.registration.subject_type {
        SubjectType::Public => person.as_str().to_owned(),
        SubjectType::Pairwise => state.subjects.pairwise(&client.sector(), person.as_str()),
    }
}

/// The session's `sid` at this app: where apps know a person by different names, one and the same name of a session
/// would tell them that it is one person. What ends with a session is told to gateways by its grants as well.
pub(crate) fn session(state: &State, client: &Client, session: &SessionId) -> String {
    match client.registration.subject_type {
        SubjectType::Public => session.as_str().to_owned(),
        SubjectType::Pairwise => {
            format!("ses_{}", state.subjects.pairwise(&client.sector(), session.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_types::{Entropy, Random, Timestamp};

    struct Count(u8);
    impl Entropy for Count {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
            self.0 += 1;
        }
    }

    #[test]
    fn a_pairwise_subject_is_of_one_person_one_sector_and_one_key() {
        let mut entropy = Count(0);
        let at = Timestamp::from_seconds(1_800_000_000);
        let [one, other] = [(); 2].map(|()| PersonId::fresh(at, &Random::draw(&mut entropy)));
        let key = SubjectKey::new(&[7; 32]);
        let sub = key.pairwise("app.example", one.as_str());
        assert_eq!(sub, key.pairwise("app.example", one.as_str()));
        assert_eq!(sub.len(), 43);
        assert_ne!(sub, key.pairwise("app.example", other.as_str()));
        assert_ne!(sub, key.pairwise("other.example", one.as_str()));
        assert_ne!(sub, SubjectKey::new(&[8; 32]).pairwise("app.example", one.as_str()));
    }
}
