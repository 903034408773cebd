//! With a code: of an authenticator app, or a recovery code.

use super::{First, Known, Proven, Proving, Refusal, Visitor, authentication};
use crate::{
    Action, Directory, Fault, Login, Person, person_in, recovery,
    recovery::looks_like_one,
    ticket::{Purpose, Ticket},
    totp,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Amr, Authentication, PersonId, SignInFault, Timestamp};

/// So many wrong codes, and the password is asked for again.
const TRIES: u32 = 5;

impl Directory {
    /// The second step after [`sign_in_with_password`](Self::sign_in_with_password): `second_factor` is what that
    /// gave, `code` what was typed.
    pub async fn sign_in_with_code(
        &self,
        visitor: &mut Visitor<'_>,
        second_factor: &str,
        code: &str,
    ) -> Result<Result<Proven, Refusal>, Fault> {
        let key = (&self.inner().key, Purpose::SecondFactor);
        let ticket = Ticket::open(second_factor, visitor.browser, key, visitor.now);
        let Some((ticket, person)) = ticket.and_then(|ticket: Ticket<First>| {
            let person = ticket.person.clone()?;
            Some((ticket, person))
        }) else {
            let proving = Proving::begin(visitor, Action::SignIn, "visitor").over();
            return Ok(Err(self.refuse(proving, None, SignInFault::Over).await?));
        };
        self.prove_code(visitor, &person, ticket, code).await
    }

    async fn prove_code(
        &self,
        visitor: &mut Visitor<'_>,
        id: &PersonId,
        ticket: Ticket<First>,
        code: &str,
    ) -> Result<Result<Proven, Refusal>, Fault> {
        let proving = Proving::begin(visitor, Action::SignIn, id.as_str());
        let Some(person) = self.person(id).await? else {
            return Ok(Err(self.refuse(proving.over(), None, SignInFault::Unknown).await?));
        };
        let proving = proving.naming(&person.login, Known::Yes);
        let number = Login::new(&person.login).ok();
        let number = number.and_then(|login| self.known_by(visitor.known, &login));
        let number = number.as_ref().map(<[u8; 12]>::as_slice);
        let doors = &self.inner().code_doors;
        let door = doors.door(id.as_str(), visitor.remote, number);
        if let Err(fault) = doors.check(door, visitor.now) {
            return Ok(Err(self.refuse(proving, Some(id.as_str()), fault).await?));
        }
        // Counted before it is looked at, so that guessing in parallel gains nothing.
        doors.failed(door, visitor.now);
        let (now, code, key) = (visitor.now, totp::typed(code), self.inner().key.clone());
        let id = id.clone();
        let prove = move |tx: &mut Tx<'_>| {
            let wrong = SignInFault::Code { person: id.clone() };
            let used = ticket.used(tx)?;
            if used > i64::from(TRIES) {
                let fault = if Ticket::<First>::was_used_up(used) {
                    SignInFault::Over
                } else {
                    SignInFault::Codes { person: id.clone(), wrong: TRIES }
                };
                return proving.over().refused(tx, id.as_str(), fault).map(Err);
            }
            let Some(person) = person_in(tx, &id)? else {
                return proving.over().refused(tx, id.as_str(), SignInFault::Unknown).map(Err);
            };
            if let Some(since) = person.disabled_since {
                let fault = SignInFault::Disabled { person: id.clone(), since };
                return proving.over().refused(tx, id.as_str(), fault).map(Err);
            }
            if !ticket.state.stands(tx, &id, now)? {
                return proving.over().refused(tx, id.as_str(), SignInFault::Over).map(Err);
            }
            let recovered = looks_like_one(&code) && recovery::prove(tx, &id, &code, &key)?;
            if !recovered && !totp::prove(tx, &id, &code, (&key, now))? {
                return proving.refused(tx, id.as_str(), wrong).map(Err);
            }
            ticket.used_up(tx)?;
            noted(tx, proving, &person, recovered)?;
            Ok(Ok(proven(person, ticket.state.authentication, now)))
        };
        let outcome = self.inner().store.write(prove).await?;
        if outcome.is_ok() {
            doors.succeeded(door);
        }
        Ok(outcome)
    }
}

/// The sign-in has its record with its session; that a recovery code is gone is told beside it.
fn noted(
    tx: &mut Tx<'_>,
    proving: Proving,
    person: &Person,
    recovered: bool,
) -> Result<(), StoreFault> {
    if !recovered {
        return Ok(());
    }
    let left = person.factors.recovery_codes.saturating_sub(1).to_string();
    proving.deed.with("recovery_codes_left", left).done(tx, person.id.as_str())
}

fn proven(person: Person, first: Authentication, now: Timestamp) -> Proven {
    let mut amr = first.amr;
    amr.push(Amr::Otp);
    let mut authentication = authentication(now, amr);
    authentication.acr = authentication.acr.max(first.acr);
    Proven { person, authentication, second_factor: None }
}
