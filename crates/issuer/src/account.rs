//! `{issuer}/account`: what people see and change about themselves.
//!
//! Who is not signed in signs in first; what changes how somebody signs in needs more: see [`Lack`].

mod activity;
mod apps;
mod authenticator;
mod link;
mod overview;
mod passkeys;
mod password;
mod profile;
mod recovery;
mod sessions;

pub(crate) use activity::page as activity;
pub(crate) use apps::{page as apps, revoke as app_revoke};
pub(crate) use authenticator::{
    begin as authenticator_begin, confirm as authenticator_confirm, page as authenticator,
    remove as authenticator_remove,
};
pub(crate) use link::{begin as link, end as unlink};
pub(crate) use overview::page as overview;
pub(crate) use passkeys::{
    finish as passkey_finish, page as passkeys, remove as passkey_remove, rename as passkey_rename,
    start as passkey_start,
};
pub(crate) use password::{change as password_change, page as password};
pub(crate) use profile::{page as profile, save as profile_save};
pub(crate) use recovery::{make as recovery_make, page as recovery};
pub(crate) use sessions::{
    end as session_end, end_others as sessions_end_others, page as sessions,
};

use crate::{
    arrival::{Arrival, Else, Sent, problem},
    pages::{Frame, Section},
    server::State,
    step_up::{Lack, is_fresh, step_up},
};
use axum::{extract::Request, response::Response};
use http::StatusCode;
use portcullis_directory::{Acting, Fault, Person, Session};
use portcullis_types::Entropy;
use portcullis_web::form::Form;
use serde::de::DeserializeOwned;

/// A person at their own account.
struct Owner {
    arrival: Arrival,
    session: Session,
    person: Person,
    section: Section,
}

/// How much a change matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// It names something, or tells something.
    Usual,
    /// It ends what somebody works with: a new sign-in, of whatever strength, so that who has lost a means can
    /// still put an end to what it opened.
    Ending,
    /// It gives a way to sign in, or takes one.
    Sensitive,
}

impl Owner {
    /// Who looks at a part of their account.
    async fn of(state: &State, request: Request, section: Section) -> Result<Self, Else> {
        let (arrival, _) = Arrival::of(state, request).await?;
        Self::signed_in(state, arrival, section).await
    }

    /// Who changes something, with a form of ours.
    async fn with_form(
        state: &State,
        request: Request,
        (section, care): (Section, Care),
    ) -> Result<(Self, Form), Else> {
        let (arrival, form) = Arrival::with_form(state, request).await?;
        let owner = Self::signed_in(state, arrival, section).await?;
        let lacks = match care {
            Care::Usual => false,
            // Who comes from a provider alone may have no way to show it: some never say when somebody signed in.
            Care::Ending => {
                owner.person.factors.signs_in_here() && !is_fresh(&owner.session, owner.arrival.now)
            }
            Care::Sensitive => owner.lack().is_some(),
        };
        if lacks {
            return Err(Else::from(owner.arrival.go(&step_up(section))));
        }
        Ok((owner, form))
    }

    /// Who changes something that matters, with a script of ours.
    async fn with_json<T: DeserializeOwned + Sent>(
        state: &State,
        request: Request,
        section: Section,
    ) -> Result<(Self, T), Else> {
        let (arrival, sent) = Arrival::with_json(state, request).await?;
        let words = arrival.visit.words;
        let refused = |lack| problem(StatusCode::FORBIDDEN, words.say(said(lack)));
        let owner = Self::signed_in(state, arrival, section).await;
        let owner = owner.map_err(|_| refused(Lack::Fresh))?;
        match owner.lack() {
            None => Ok((owner, sent)),
            Some(lack) => Err(refused(lack)),
        }
    }

    async fn signed_in(state: &State, arrival: Arrival, section: Section) -> Result<Self, Else> {
        let Some(session) = arrival.session.clone() else {
            return Err(Else::from(arrival.go(&step_up(section))));
        };
        match state.directory.person(&session.person).await {
            Ok(Some(person)) => Ok(Self { arrival, session, person, section }),
            Ok(None) => Err(Else::from(arrival.go(&step_up(section)))),
            Err(fault) => Err(Else::from(arrival.failed(&fault))),
        }
    }

    fn lack(&self) -> Option<Lack> {
        Lack::of(&self.session, &self.person, self.arrival.now)
    }

    /// What is around the part. What was done just now stands in the address, by a name out of a closed list.
    fn frame(&self) -> Frame<'_> {
        let query = self.arrival.query();
        let visit = &self.arrival.visit;
        let notice = query.get("done").and_then(|done| match done {
            "saved" => Some(visit.say("account.saved")),
            "session" => Some(visit.say("sessions.ended")),
            "sessions" => Some(visit.say("sessions.ended_others")),
            "app" => Some(visit.say("apps.revoked")),
            "password" => Some(visit.say("password.done")),
            "unlinked" => Some(visit.say("account.unlinked")),
            "last_means" => Some(visit.say("account.last_means")),
            "gone" => Some(visit.say("account.gone")),
            "over" => Some(visit.say("authenticator.over")),
            _ => None,
        });
        Frame {
            section: self.section,
            login: &self.person.login,
            notice: notice.map(str::to_owned),
            lack: self
                .lack()
                .filter(|_| self.section.changes_means())
                .map(|lack| visit.say(said(lack))),
        }
    }

    /// Back to the part, which says what was done.
    fn done(&self, what: &str) -> Response {
        self.arrival.go(&format!("{}?done={what}", self.section.path()))
    }

    fn acting<'a>(&'a self, entropy: &'a mut dyn Entropy) -> Acting<'a> {
        self.arrival.acting(self.person.id.as_str(), entropy)
    }

    /// A failure of ours.
    fn fault(&self, fault: &Fault) -> Else {
        Else::from(self.arrival.failed(fault))
    }
}

/// What somebody reads who must show more.
const fn said(lack: Lack) -> &'static str {
    match lack {
        Lack::Fresh => "account.lack_fresh",
        Lack::Code => "account.lack_code",
        Lack::Passkey => "account.lack_passkey",
    }
}
