//! With a password. An unknown login, no password, a wrong one and a disabled person are one answer and one cost.

use super::{First, Known, Proven, Proving, Refusal, Shown, Visitor, authentication};
use crate::{
    Action, Directory, Fault, Login, Session,
    argon::Asker,
    argon::Turn,
    password::{self, Verdict},
    ticket::{Purpose, Ticket},
};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{Amr, PersonId, Random, SignInFault, Timestamp, Ttl};
use secrecy::SecretString;

/// How long somebody may look for the phone.
const SECOND_FACTOR: Ttl = Ttl::seconds(10 * 60);

/// What is kept of who has a login.
struct Kept {
    person: PersonId,
    disabled_since: Option<Timestamp>,
    hash: Option<String>,
    changed: Option<Timestamp>,
}

impl Directory {
    /// Whether the password is that of the login. The outer error is ours; the inner one is in the audit log. A
    /// proof whose second factor is to come is not enough for a session.
    pub async fn sign_in_with_password(
        &self,
        visitor: &mut Visitor<'_>,
        login: &str,
        password: SecretString,
    ) -> Result<Result<Proven, Refusal>, Fault> {
        let proving = Proving::begin(visitor, Action::SignIn, "visitor");
        let typed = Login::new(login).ok();
        let number = typed.as_ref().and_then(|login| self.known_by(visitor.known, login));
        let key = typed.as_ref().map_or(login, Login::as_str);
        let inner = self.inner();
        let door = inner.doors.door(key, visitor.remote, number.as_ref().map(<[u8; 12]>::as_slice));
        if let Err(fault) = inner.doors.check(door, visitor.now) {
            let proving = proving.naming(key, Known::No);
            return Ok(Err(self.refuse(proving, None, fault).await?));
        }
        let kept = match typed.clone() {
            Some(login) => inner.store.read(move |tx| kept(tx, &login)).await?,
            None => None,
        };
        let asker = if number.is_some() { Asker::Known } else { Asker::Stranger };
        let turn = inner.argon.turn(asker).await?;
        // Those who were before us in the queue may have failed meanwhile.
        if let Err(fault) = inner.doors.check(door, visitor.now) {
            let proving = proving.naming(key, Known::No);
            return Ok(Err(self.refuse(proving, None, fault).await?));
        }
        let hash = kept.as_ref().and_then(|kept| kept.hash.clone());
        let verdict = password::verify(&inner.argon, &turn, hash, password.clone()).await?;
        let known = if kept.is_some() { Known::Yes } else { Known::No };
        match judged(kept, verdict) {
            Ok(kept) => {
                inner.doors.succeeded(door);
                if verdict == Verdict::FitsWeaker {
                    self.upgrade(visitor, &turn, &kept, password).await?;
                }
                drop(turn);
                self.proven(visitor, proving, &kept).await
            }
            Err((person, fault)) => {
                drop(turn);
                inner.doors.failed(door, visitor.now);
                let person = person.as_ref().map(PersonId::as_str);
                Ok(Err(self.refuse(proving.naming(key, known), person, fault).await?))
            }
        }
    }

    /// Replaces a hash of yesterday's parameters.
    async fn upgrade(
        &self,
        visitor: &mut Visitor<'_>,
        turn: &Turn<'_>,
        kept: &Kept,
        password: SecretString,
    ) -> Result<(), Fault> {
        let salt = Random::draw(visitor.entropy);
        let Some(new) = password::rehash(turn, password, salt).await? else { return Ok(()) };
        let (person, old) = (kept.person.clone(), kept.hash.clone());
        let replace = move |tx: &mut Tx<'_>| {
            let sql = "UPDATE person_password SET hash = $1 WHERE person = $2 AND hash = $3";
            tx.execute(sql, &[new.into(), person.as_str().into(), old.into()])
        };
        self.inner().store.write(replace).await?;
        Ok(())
    }

    async fn proven(
        &self,
        visitor: &mut Visitor<'_>,
        proving: Proving,
        kept: &Kept,
    ) -> Result<Result<Proven, Refusal>, Fault> {
        let Some(person) = self.person(&kept.person).await? else {
            return Ok(Err(self.refuse(proving, None, SignInFault::Unknown).await?));
        };
        let authentication = authentication(visitor.now, vec![Amr::Pwd]);
        let second_factor = if person.factors.totp {
            let shown = Shown::Password { changed: kept.changed };
            let first = First { authentication: authentication.clone(), shown };
            Some(self.ticket(visitor, &person.id, first)?)
        } else {
            None
        };
        Ok(Ok(Proven { person, authentication, second_factor }))
    }

    /// For the second step of somebody whose session says what the first one was: another provider vouched for
    /// them, or they set up the authenticator since. The session must be fresh: that is the caller's to check.
    pub fn second_factor(
        &self,
        visitor: &mut Visitor<'_>,
        session: &Session,
    ) -> Result<String, Fault> {
        let shown = Shown::Session(session.id.clone());
        let first = First { authentication: session.authentication.clone(), shown };
        self.ticket(visitor, &session.person, first)
    }

    fn ticket(
        &self,
        visitor: &mut Visitor<'_>,
        person: &PersonId,
        first: First,
    ) -> Result<String, Fault> {
        let expires = visitor.now.plus(SECOND_FACTOR);
        let random = Random::draw(visitor.entropy);
        let ticket = Ticket::new(visitor.browser, Some(person.clone()), first, expires, &random);
        ticket.seal(&self.inner().key, Purpose::SecondFactor).ok_or(Fault::Hash)
    }
}

fn judged(kept: Option<Kept>, verdict: Verdict) -> Result<Kept, (Option<PersonId>, SignInFault)> {
    let Some(kept) = kept else { return Err((None, SignInFault::Unknown)) };
    let person = kept.person.clone();
    let fault = match (verdict, &kept.hash, kept.disabled_since) {
        (_, None, _) => SignInFault::NoPassword { person: person.clone() },
        (Verdict::Wrong, ..) => SignInFault::Password { person: person.clone() },
        (_, _, Some(since)) => SignInFault::Disabled { person: person.clone(), since },
        _ => return Ok(kept),
    };
    Err((Some(person), fault))
}

fn kept(tx: &mut Tx<'_>, login: &Login) -> Result<Option<Kept>, StoreFault> {
    let row = tx.query_row(
        "SELECT p.id, p.disabled_since, x.hash, x.changed FROM person p \
         LEFT JOIN person_password x ON x.person = p.id WHERE p.login = $1",
        &[login.as_str().into()],
    )?;
    let kept = |row: Row| {
        Ok(Kept {
            person: PersonId::new(row.text(0)?).map_err(StoreFault::rejected)?,
            disabled_since: row.opt_time(1)?,
            hash: row.opt_text(2)?.map(str::to_owned),
            changed: row.opt_time(3)?,
        })
    };
    row.map(kept).transpose()
}
