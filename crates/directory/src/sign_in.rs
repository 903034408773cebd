//! How people prove who they are. Whatever went wrong, the person reads the same; the audit log has the reason.

mod code;
mod password;

use crate::{Acting, Action, Deed, Directory, Fault, Person};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Acr, Amr, Authentication, DecisionId, Denial, Entropy, SignInFault, Timestamp,
};
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

impl Proven {
    /// Whether a code of the person's authenticator must follow.
    pub const fn needs_second_factor(&self) -> bool {
        self.second_factor.is_some()
    }
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

/// What the means come to: two are more than one, and a passkey that verified its user is more than both.
pub(crate) fn authentication(at: Timestamp, mut amr: Vec<Amr>) -> Authentication {
    amr.sort_unstable();
    amr.dedup();
    let has = |means| amr.contains(&means);
    let acr = if has(Amr::Hwk) && has(Amr::User) {
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
