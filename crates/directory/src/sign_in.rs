//! How people prove who they are. Whatever went wrong, the person reads the same; the audit log has the reason.

mod code;
mod password;

use crate::{Acting, Action, Deed, Directory, Fault, Person, Session, session_by_id_in};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Acr, Amr, Authentication, DecisionId, Denial, Entropy, PersonId, SessionId, SignInFault,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Who stands at the door, as far as it can be seen.
pub struct Visitor<'a> {
    /// The address.
    pub remote: Option<IpAddr>,
    /// The value of the cookie that tells browsers apart: what begins in one browser ends in no other.
    pub browser: &'a str,
    /// The value of the cookie of [`Directory::known_cookie`].
    pub known: Option<&'a str>,
    /// When.
    pub now: Timestamp,
    /// For ids.
    pub entropy: &'a mut dyn Entropy,
}

/// Somebody who proved who they are, and is enabled.
#[derive(Debug)]
pub struct Proven {
    /// Who.
    pub person: Person,
    /// How, so far.
    pub authentication: Authentication,
    /// What brings the second step about, if there is one to come: for a hidden field. No session may begin
    /// before.
    pub second_factor: Option<String>,
}

/// A refusal that is in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The name under which it is explained.
    pub id: DecisionId,
    /// Why; not for the person's eyes.
    pub denial: Denial,
    /// Whether this step cannot be tried again: the sign-in must begin anew.
    pub over: bool,
}

impl Refusal {
    /// The fault in it.
    pub const fn fault(&self) -> Option<&SignInFault> {
        match &self.denial {
            Denial::BadSignIn { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

/// An attempt under way: what its record will say.
pub(crate) struct Proving {
    pub(crate) deed: Deed,
    login: Option<String>,
    over: bool,
}

impl Proving {
    pub(crate) fn begin(visitor: &mut Visitor<'_>, action: Action, actor: &str) -> Self {
        let mut by = Acting { actor, now: visitor.now, entropy: visitor.entropy };
        let deed = Deed::new(&mut by, action);
        let deed = deed.with("remote", visitor.remote.map(|remote| remote.to_string()));
        Self { deed, login: None, over: false }
    }

    /// With the login as typed. People type passwords where the login belongs: only what belongs to somebody, or
    /// looks like an address for mail, is written down.
    fn naming(mut self, login: &str, is_known: Known) -> Self {
        let shown = is_known == Known::Yes || login.contains('@');
        self.login = shown.then(|| crate::excerpt(login));
        self
    }

    /// This step cannot be tried again.
    pub(crate) fn over(mut self) -> Self {
        self.over = true;
        self
    }

    pub(crate) fn refused(
        self,
        tx: &mut Tx<'_>,
        target: &str,
        fault: SignInFault,
    ) -> Result<Refusal, StoreFault> {
        let refusal = Refusal {
            id: self.deed.id,
            denial: Denial::BadSignIn { login: self.login, fault },
            over: self.over,
        };
        self.deed.refused(tx, target, &refusal.denial)?;
        Ok(refusal)
    }
}

/// The first step of a sign-in, on its way to the second.
#[derive(Serialize, Deserialize)]
struct First {
    authentication: Authentication,
    shown: Shown,
}

/// What the first step rests on.
#[derive(Serialize, Deserialize)]
enum Shown {
    /// The password as it was set then.
    Password { changed: Option<Timestamp> },
    /// A session.
    Session(SessionId),
}

impl First {
    /// Attack: a first step that was taken with the old password, ended with a code after the new one was set.
    fn stands(
        &self,
        tx: &mut Tx<'_>,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<bool, StoreFault> {
        match &self.shown {
            Shown::Password { changed } => {
                let sql = "SELECT changed FROM person_password WHERE person = $1";
                let row = tx.query_row(sql, &[person.as_str().into()])?;
                Ok(row.map(|row| row.time(0)).transpose()? == *changed)
            }
            Shown::Session(id) => {
                let session = session_by_id_in(tx, id, now)?;
                Ok(session.is_some_and(|session| session.person == *person))
            }
        }
    }
}

/// Whether somebody has this login.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

impl Directory {
    /// Writes a refusal down; only then is it answered.
    pub(crate) async fn refuse(
        &self,
        proving: Proving,
        target: Option<&str>,
        fault: SignInFault,
    ) -> Result<Refusal, Fault> {
        let target = target.unwrap_or("nobody").to_owned();
        let write = move |tx: &mut Tx<'_>| proving.refused(tx, &target, fault);
        Ok(self.inner().store.write(write).await?)
    }
}

/// What a session has shown once a code of an authenticator came to it; `None`: no more than before.
pub fn and_code(session: &Session, now: Timestamp) -> Option<Authentication> {
    let mut amr = session.authentication.amr.clone();
    amr.push(Amr::Otp);
    let both = authentication(now, amr);
    (both.acr > session.authentication.acr).then_some(both)
}

/// What the means come to: two are more than one, and a passkey that verified its user is more than both. That of
/// another provider is what its operator says, and no passkey of ours.
pub(crate) fn authentication(at: Timestamp, mut amr: Vec<Amr>) -> Authentication {
    amr.sort_unstable();
    amr.dedup();
    let has = |means| amr.contains(&means);
    let acr = if has(Amr::Hwk) && has(Amr::User) && !has(Amr::Fed) {
        Acr::Phr
    } else if has(Amr::Otp) && (has(Amr::Pwd) || has(Amr::Fed)) {
        Acr::Mfa
    } else {
        Acr::Pwd
    };
    if acr == Acr::Mfa && !has(Amr::Mfa) {
        amr.push(Amr::Mfa);
    }
    Authentication { at, acr, amr }
}
