//! Authenticator apps (RFC 6238): SHA-1, six digits, half a minute, as all apps do. Each step counts once.

use crate::{
    Acting, Action, Deed, Directory, Fault, Person, SecretHashKey, recovery,
    sign_in::{Proving, Refusal, Visitor},
    ticket::{Purpose, Ticket},
};
use data_encoding::BASE32_NOPAD;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, Random, SignInFault, Timestamp, Ttl};
use serde::{Deserialize, Serialize};
use std::fmt;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

/// How long somebody may take to point a camera at the code.
const ENROLMENT: Ttl = Ttl::seconds(15 * 60);
/// So many wrong codes end an enrolment.
const TRIES: i64 = 10;

/// What an app needs to know, shown to its owner alone.
pub struct TotpEnrolment {
    /// Brings the enrolment back: for a hidden field.
    pub ticket: String,
    /// For typing: base32 in groups of four.
    pub secret: String,
    /// For the camera: `otpauth://…`.
    pub url: String,
}

impl fmt::Debug for TotpEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpEnrolment")
    }
}

#[derive(Serialize, Deserialize)]
struct Fresh {
    secret: String,
    login: String,
}

impl Directory {
    /// Begins to enrol an app. Nothing is written before [`confirm_totp`](Self::confirm_totp).
    pub fn begin_totp(
        &self,
        visitor: &mut Visitor<'_>,
        person: &Person,
    ) -> Result<TotpEnrolment, Fault> {
        let secret = Random::<20>::draw(visitor.entropy);
        let secret = BASE32_NOPAD.encode(secret.bytes());
        let fresh = Fresh { secret, login: person.login.clone() };
        let expires = visitor.now.plus(ENROLMENT);
        let random = Random::draw(visitor.entropy);
        let ticket = Ticket::new(visitor.browser, Some(person.id.clone()), fresh, expires, &random);
        let sealed = ticket.seal(&self.inner().key, Purpose::Totp).ok_or(Fault::Hash)?;
        self.enrolment(&ticket, sealed)
    }

    /// The enrolment of a ticket, to be shown again. `None`: begin anew.
    pub fn totp_enrolment(&self, visitor: &Visitor<'_>, ticket: &str) -> Option<TotpEnrolment> {
        let open =
            Ticket::open(ticket, visitor.browser, (&self.inner().key, Purpose::Totp), visitor.now)?;
        self.enrolment(&open, ticket.to_owned()).ok()
    }

    fn enrolment(&self, ticket: &Ticket<Fresh>, sealed: String) -> Result<TotpEnrolment, Fault> {
        let Fresh { secret, login } = &ticket.state;
        let host = url::Url::parse(self.inner().issuer.as_str()).ok();
        let host = host.and_then(|url| url.host_str().map(str::to_owned));
        let bytes = BASE32_NOPAD.decode(secret.as_bytes()).map_err(|_| Fault::Hash)?;
        let totp = builder(bytes)
            .with_account_name(login.replace(':', " "))
            .with_issuer(host.map(|host| host.replace(':', " ")))
            .build()
            .map_err(|_| Fault::Hash)?;
        let groups: Vec<_> = secret.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        let url = totp.to_url().map_err(|_| Fault::Hash)?;
        Ok(TotpEnrolment { ticket: sealed, secret: groups.join(" "), url })
    }

    /// Ends the enrolment of an app with its first code. It replaces an older app. Gives the recovery codes,
    /// readable this one time.
    pub async fn confirm_totp(
        &self,
        visitor: &mut Visitor<'_>,
        person: &PersonId,
        ticket: &str,
        code: &str,
    ) -> Result<Result<Vec<String>, Refusal>, Fault> {
        let key = self.inner().key.clone();
        let proving = Proving::begin(visitor, Action::Totp, person.as_str());
        let open =
            Ticket::<Fresh>::open(ticket, visitor.browser, (&key, Purpose::Totp), visitor.now);
        let open = open.filter(|open| open.person.as_ref() == Some(person));
        let Some(open) = open else {
            let fault = SignInFault::Code { person: person.clone() };
            return Ok(Err(self.refuse(proving.over(), Some(person.as_str()), fault).await?));
        };
        let codes = recovery::draw(visitor.entropy);
        let (code, now, person) = (typed(code), visitor.now, person.clone());
        let confirm = move |tx: &mut Tx<'_>| {
            let wrong = SignInFault::Code { person: person.clone() };
            if open.used(tx)? > TRIES {
                return proving.over().refused(tx, person.as_str(), wrong).map(Err);
            }
            let secret = BASE32_NOPAD.decode(open.state.secret.as_bytes());
            let secret = Zeroizing::new(secret.map_err(StoreFault::rejected)?);
            let Some(step) = step(&secret, &code, now, i64::MIN) else {
                return proving.refused(tx, person.as_str(), wrong).map(Err);
            };
            open.used_up(tx)?;
            insert(tx, &person, &sealed(&key, &person, &secret)?, step, now)?;
            recovery::put(tx, &person, &codes, &key)?;
            proving.deed.done(tx, person.as_str())?;
            Ok(Ok(codes))
        };
        Ok(self.inner().store.write(confirm).await?)
    }

    /// Takes the app and the recovery codes away.
    pub async fn remove_totp(&self, mut by: Acting<'_>, id: &PersonId) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::TotpRemoved);
        let id = id.clone();
        self.transact(move |tx| {
            let sql = "DELETE FROM person_totp WHERE person = $1";
            tx.execute(sql, &[id.as_str().into()])?;
            tx.execute("DELETE FROM recovery_code WHERE person = $1", &[id.as_str().into()])?;
            Ok(deed.done(tx, id.as_str())?)
        })
        .await
    }
}

/// Whether the code is that of this moment, for the first time; notes its step in the same transaction.
pub(crate) fn prove(
    tx: &mut Tx<'_>,
    person: &PersonId,
    code: &str,
    (key, now): (&SecretHashKey, Timestamp),
) -> Result<bool, StoreFault> {
    let sql = "SELECT secret, last_step FROM person_totp WHERE person = $1";
    let Some(row) = tx.query_row(sql, &[person.as_str().into()])? else { return Ok(false) };
    let secret = key.open(&context(person), row.blob(0)?);
    let secret = secret.ok_or_else(|| {
        StoreFault::rejected(format_args!(
            "the authenticator of {person} is sealed with another key"
        ))
    })?;
    let Some(step) = step(&secret, code, now, row.int(1)?) else { return Ok(false) };
    // Attack: the same code twice at once. Of two transactions the second finds the step used.
    let used = tx.execute(
        "UPDATE person_totp SET last_step = $1 WHERE person = $2 AND last_step < $1",
        &[step.into(), person.as_str().into()],
    )?;
    Ok(used == 1)
}

/// The step of a code that fits now, or half a minute before or after, and is later than `last`.
fn step(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let totp: Totp = builder(secret.to_vec()).build().ok()?;
    let now = u64::try_from(now.seconds()).ok()?;
    let step = i64::try_from(totp.check(code, now)?).ok()?;
    (step > last).then_some(step)
}

fn builder(secret: Vec<u8>) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret)
}

/// What people type, without the space in its middle.
pub(crate) fn typed(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).take(64).collect()
}

fn context(person: &PersonId) -> String {
    format!("totp secret of {person}")
}

fn sealed(key: &SecretHashKey, person: &PersonId, secret: &[u8]) -> Result<Vec<u8>, StoreFault> {
    let sealed = key.seal(&context(person), secret);
    sealed.ok_or_else(|| StoreFault::rejected("the cryptographic library failed"))
}

fn insert(
    tx: &mut Tx<'_>,
    person: &PersonId,
    secret: &[u8],
    step: i64,
    now: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO person_totp (person, secret, last_step, created) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (person) DO UPDATE SET secret = excluded.secret, last_step = excluded.last_step, \
         created = excluded.created",
        &[person.as_str().into(), secret.into(), step.into(), now.into()],
    )?;
    Ok(())
}
