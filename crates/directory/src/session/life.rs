//! How sessions begin, go on and end.

use super::{Session, UpstreamSession, rows};
use crate::{
    Acting, Action, Deed, Directory, Fault, PeopleSettings,
    grant::{self, Drawn},
    invitation,
    logout_notice::leave_notices,
    opaque, people,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Amr, Authentication, Entropy, PersonId, Random, SessionId, Timestamp, Ttl};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;

/// How exactly the last use of a session is remembered: a write each time would be one too many.
const GRAIN: Ttl = Ttl::seconds(60);

/// A session that is to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Who signed in.
    pub person: PersonId,
    /// How they proved it.
    pub authentication: Authentication,
    /// See [`device`](super::device).
    pub device: String,
    /// The address of the sign-in, as text.
    pub remote: Option<String>,
    /// The session at another provider that it came from.
    pub upstream: Option<UpstreamSession>,
}

/// The randomness of a beginning, drawn before the transaction.
#[derive(Clone)]
pub struct Beginning {
    id: SessionId,
    secret: Random<32>,
    decision: Random<10>,
    now: Timestamp,
}

impl Beginning {
    /// Draws what a session needs that begins now.
    pub fn draw(now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        let id = SessionId::fresh(now, &Random::draw(entropy));
        Self { id, secret: Random::draw(entropy), decision: Random::draw(entropy), now }
    }

    fn deed(&self, person: &PersonId, action: Action) -> Deed {
        let mut drawn = Drawn(self.decision.bytes());
        let mut by = Acting { actor: person.as_str(), now: self.now, entropy: &mut drawn };
        Deed::new(&mut by, action)
    }
}

/// The value of the session's cookie. Never printed by `Debug`.
pub struct SessionCookie(SecretString);

impl SessionCookie {
    /// The value itself, for `Set-Cookie`.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCookie")
    }
}

/// Begins a session, with its record. Does not check that the person may sign in: who calls this has their
/// proof.
pub fn begin_session(
    tx: &mut Tx<'_>,
    new: NewSession,
    beginning: &Beginning,
) -> Result<(Session, SessionCookie), StoreFault> {
    let settings = tx.attached::<PeopleSettings>().unwrap_or_default();
    let session = Session {
        id: beginning.id.clone(),
        person: new.person,
        authentication: new.authentication,
        started: beginning.now,
        seen: beginning.now,
        device: new.device,
        remote: new.remote,
        upstream: new.upstream,
    };
    let (cookie, hash) = opaque::mint(session.id.as_str(), &beginning.secret);
    rows::insert(tx, &session, &hash, beginning.now.plus(settings.session_max))?;
    let deed = beginning.deed(&session.person, Action::SignIn);
    told(deed, &session).done(tx, session.person.as_str())?;
    Ok((session, SessionCookie(cookie)))
}

/// The session of this cookie, if it is in force: known, within its limits, and its person enabled. In the
/// transaction of whoever needs to know; that it was used is for [`touch_session`] to note.
pub fn session_in(
    tx: &mut Tx<'_>,
    cookie: &str,
    now: Timestamp,
) -> Result<Option<Session>, StoreFault> {
    let Some((id, secret)) = opaque::part(cookie) else { return Ok(None) };
    let kept = rows::one(tx, id)?.filter(|kept| opaque::fits(&kept.secret, &secret));
    Ok(in_force(tx, kept, now))
}

/// The session of that id, if it is in force: for whoever depends on it and has no cookie.
pub fn session_by_id_in(
    tx: &mut Tx<'_>,
    id: &SessionId,
    now: Timestamp,
) -> Result<Option<Session>, StoreFault> {
    let kept = rows::one(tx, id.as_str())?;
    Ok(in_force(tx, kept, now))
}

fn in_force(tx: &Tx<'_>, kept: Option<rows::Kept>, now: Timestamp) -> Option<Session> {
    let idle = tx.attached::<PeopleSettings>().unwrap_or_default().session_idle;
    let in_force = |kept: &rows::Kept| {
        !kept.disabled && now < kept.expires && now < kept.session.seen.plus(idle)
    };
    kept.filter(in_force).map(|kept| kept.session)
}

/// Notes that a session was used, once a minute.
pub fn touch_session(tx: &mut Tx<'_>, session: &Session, now: Timestamp) -> Result<(), StoreFault> {
    if now < session.seen.plus(GRAIN) { Ok(()) } else { rows::touch(tx, &session.id, now) }
}

/// Notes that the person proved more, or anew, in a session that is in force, and gives it another cookie: the
/// old one is worth nothing from now on. Where it began does not change; a session elsewhere that vouched this
/// time ends it as well. `None`: there is no such session.
pub fn strengthen(
    tx: &mut Tx<'_>,
    id: &SessionId,
    new: &NewSession,
    beginning: &Beginning,
) -> Result<Option<(Session, SessionCookie)>, StoreFault> {
    let Some(mut session) = rows::one(tx, id.as_str())?.map(|kept| kept.session) else {
        return Ok(None);
    };
    let (cookie, hash) = opaque::mint(id.as_str(), &beginning.secret);
    session.seen = beginning.now;
    session.authentication = new.authentication.clone();
    session.upstream = new.upstream.clone().or(session.upstream);
    rows::strengthen(tx, &session, &hash)?;
    let deed = beginning.deed(&session.person, Action::SignInAgain);
    told(deed, &session).done(tx, session.person.as_str())?;
    Ok(Some((session, SessionCookie(cookie))))
}

fn told(deed: Deed, session: &Session) -> Deed {
    let amr: Vec<&str> = session.authentication.amr.iter().copied().map(Amr::name).collect();
    let provider = session.upstream.as_ref().map(|upstream| upstream.provider.clone());
    deed.with("session", session.id.to_string())
        .with("acr", session.authentication.acr.name().to_owned())
        .with("amr", amr.join(" "))
        .with("device", session.device.clone())
        .with("remote", session.remote.clone())
        .with("provider", provider)
}

/// Ends a session, with its record. False: there was none. Publish the revocations after the commit:
/// [`Directory::publish`].
pub fn end_session(tx: &mut Tx<'_>, id: &SessionId, deed: Deed) -> Result<bool, StoreFault> {
    let Some(kept) = rows::one(tx, id.as_str())? else { return Ok(false) };
    end(tx, (id, &kept.session.person), deed.at())?;
    let deed = deed.with("session", id.to_string());
    deed.done(tx, kept.session.person.as_str())?;
    Ok(true)
}

/// Ends all sessions and grants of a person; the record is the caller's.
pub(crate) fn end_all(
    tx: &mut Tx<'_>,
    person: &PersonId,
    now: Timestamp,
) -> Result<(), StoreFault> {
    end_others(tx, person, None, now)?;
    grant::end_grants_of_person(tx, person, now).map(drop)
}

/// Ends all sessions of a person but one. Says how many.
pub(crate) fn end_others(
    tx: &mut Tx<'_>,
    person: &PersonId,
    keep: Option<&SessionId>,
    now: Timestamp,
) -> Result<u32, StoreFault> {
    let mut ended = 0;
    for kept in rows::of_person(tx, person)? {
        if Some(&kept.session.id) != keep {
            end(tx, (&kept.session.id, person), now)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// The one place where sessions end.
pub(super) fn end(
    tx: &mut Tx<'_>,
    (id, person): (&SessionId, &PersonId),
    now: Timestamp,
) -> Result<(), StoreFault> {
    grant::end_of_session(tx, (id, person), now)?;
    leave_notices(tx, id, now)?;
    rows::delete(tx, id)
}

impl Directory {
    /// The session of this cookie, if it is in force: known, within its limits, and its person enabled. Notes
    /// that it was used.
    pub async fn session(&self, cookie: &str, now: Timestamp) -> Result<Option<Session>, Fault> {
        let cookie = SecretString::from(cookie);
        let found = move |tx: &mut Tx<'_>| session_in(tx, cookie.expose_secret(), now);
        let Some(mut session) = self.inner().store.read(found).await? else { return Ok(None) };
        if now >= session.seen.plus(GRAIN) {
            session.seen = now;
            let id = session.id.clone();
            self.inner().store.write(move |tx| rows::touch(tx, &id, now)).await?;
        }
        Ok(Some(session))
    }

    /// What a proven sign-in comes to: the browser's own session of this person becomes stronger, or a new one
    /// begins; a session of somebody else in this browser ends. Either way the cookie is new.
    pub async fn signed_in(
        &self,
        new: NewSession,
        current: Option<&Session>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<(Session, SessionCookie), Fault> {
        let beginning = Beginning::draw(now, entropy);
        let mut by = Acting { actor: new.person.as_str(), now, entropy };
        let ending = Deed::new(&mut by, Action::SessionEnd).with("why", "replaced".to_owned());
        let current = current.map(|session| (session.id.clone(), session.person.clone()));
        let replaced = current.as_ref().is_some_and(|(_, person)| *person != new.person);
        let begun = self.transact(move |tx| {
            if let Some((id, person)) = current {
                if person != new.person {
                    end_session(tx, &id, ending)?;
                } else if let Some(stronger) = strengthen(tx, &id, &new, &beginning)? {
                    return Ok(stronger);
                }
            }
            Ok(begin_session(tx, new, &beginning)?)
        });
        let begun = begun.await?;
        if replaced {
            self.publish().await?;
        }
        Ok(begun)
    }

    /// The sessions of a person that are in force, newest first.
    pub async fn sessions_of(
        &self,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Vec<Session>, Fault> {
        let person = person.clone();
        let kept = self.inner().store.read(move |tx| rows::of_person(tx, &person)).await?;
        let idle = self.inner().people.load().session_idle;
        let in_force = |kept: &rows::Kept| now < kept.expires && now < kept.session.seen.plus(idle);
        Ok(kept.into_iter().filter(in_force).map(|kept| kept.session).collect())
    }

    /// Ends a session of this person; of another person's session nothing is told and nothing changed.
    pub async fn end_session(
        &self,
        mut by: Acting<'_>,
        of: &PersonId,
        id: &SessionId,
    ) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::SessionEnd);
        let (of, id) = (of.clone(), id.clone());
        self.transact(move |tx| match rows::one(tx, id.as_str())? {
            Some(kept) if kept.session.person == of => {
                end_session(tx, &id, deed)?;
                Ok(())
            }
            _ => Err(Fault::UnknownSession(id.to_string())),
        })
        .await?;
        self.publish().await
    }

    /// Ends all sessions of a person, but one if `keep` names it. Says how many.
    pub async fn end_sessions(
        &self,
        mut by: Acting<'_>,
        of: &PersonId,
        keep: Option<&SessionId>,
    ) -> Result<u32, Fault> {
        let deed = Deed::new(&mut by, Action::SessionEndAll);
        let (of, keep) = (of.clone(), keep.cloned());
        let end = move |tx: &mut Tx<'_>| {
            let ended = end_others(tx, &of, keep.as_ref(), deed.at())?;
            if ended > 0 {
                deed.with("sessions", ended.to_string()).done(tx, of.as_str())?;
            }
            Ok(ended)
        };
        let ended = self.transact(end).await?;
        if ended > 0 {
            self.publish().await?;
        }
        Ok(ended)
    }

    /// Job: forgets sessions whose time is over, and what else people leave behind. Says how many sessions.
    pub async fn purge_people(&self, now: Timestamp) -> Result<u64, Fault> {
        let settings = self.people_settings();
        let idle = settings.session_idle;
        let purge = move |tx: &mut Tx<'_>| {
            let over = rows::over(tx, now, now.minus(idle))?;
            for id in &over {
                // Its time was over: nothing is ended early.
                rows::delete(tx, id)?;
            }
            people::lapse(tx, &settings, now)?;
            tx.execute("DELETE FROM ticket_use WHERE expires <= $1", &[now.into()])?;
            let counted = now.minus(invitation::MEMORY);
            tx.execute("DELETE FROM one_time_link WHERE expires <= $1", &[counted.into()])?;
            Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
        };
        Ok(self.inner().store.write(purge).await?)
    }
}
