//! Links that let a person set a password once: to join, or because the old one is forgotten.

use crate::{
    Acting, Action, Deed, Directory, Fault, Person, WeakPassword, opaque, password, people,
    person_in, session,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, Random, Timestamp, Ttl, stamped_id};
use secrecy::SecretString;
use std::fmt;

/// Why somebody gets a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// They were invited: a day.
    Invitation,
    /// They forgot the password: an hour.
    Reset,
}

impl LinkKind {
    const ALL: [Self; 2] = [Self::Invitation, Self::Reset];

    /// How long such a link is good.
    pub const fn ttl(self) -> Ttl {
        match self {
            Self::Invitation => Ttl::seconds(24 * 3600),
            Self::Reset => Ttl::seconds(3600),
        }
    }

    /// Whether such a link is good for this person today.
    const fn fits(self, person: &Person) -> bool {
        let possible = match self {
            Self::Invitation => true,
            Self::Reset => person.factors.resettable(),
        };
        possible && person.disabled_since.is_none()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }
}

/// Between two links that somebody asked for on a page.
const PAUSE: Ttl = Ttl::seconds(120);
/// So many of them a day.
const A_DAY: usize = 6;
/// For how long a link that is over is remembered, to count them.
pub(crate) const MEMORY: Ttl = Ttl::seconds(24 * 3600);

/// A link for one person. Its token goes into their mail, and nowhere else.
pub struct OneTimeLink {
    /// Whom it is for.
    pub person: Person,
    /// Why.
    pub kind: LinkKind,
    /// Until when it is good.
    pub expires: Timestamp,
    /// `id.secret`.
    pub token: SecretString,
}

impl fmt::Debug for OneTimeLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeLink").field("person", &self.person.id).finish_non_exhaustive()
    }
}

/// Why a link did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpentLink {
    /// Used, too old, replaced by a newer one, or made up.
    #[error("this link was used or is too old; ask for a new one")]
    Over,
    /// The password is not taken; the link is still good.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
}

impl Directory {
    /// Makes a link for a person; older ones are good for as long as they were, until one of them sets a password.
    pub async fn make_link(
        &self,
        mut by: Acting<'_>,
        person: &PersonId,
        kind: LinkKind,
    ) -> Result<OneTimeLink, Fault> {
        let fresh = Fresh::draw(&mut by, kind);
        let id = person.clone();
        self.transact(move |tx| {
            let person = person_in(tx, &id)?.ok_or_else(|| Fault::UnknownPerson(id.to_string()))?;
            if person.disabled_since.is_some() {
                return Err(Fault::Invalid(format!("{id} is disabled; enable them first")));
            }
            if kind == LinkKind::Reset && !person.factors.resettable() {
                let login = person.login;
                return Err(Fault::Invalid(format!(
                    "{login} has no password to reset; an invitation gives them one"
                )));
            }
            Ok(fresh.insert(tx, person)?)
        })
        .await
    }

    /// Makes a link for whoever signs in as this, or is the only one with this address for mail. `None`: nobody is
    /// meant, or a link was sent just now. Tell nobody which: answer before you call.
    pub async fn forgotten(
        &self,
        mut by: Acting<'_>,
        typed: &str,
    ) -> Result<Option<OneTimeLink>, Fault> {
        let fresh = Fresh::draw(&mut by, LinkKind::Reset);
        let typed = typed.trim().to_owned();
        self.transact(move |tx| {
            let Some(person) = people::meant(tx, &typed)? else { return Ok(None) };
            let mailable = person.disabled_since.is_none()
                && person.profile.email.is_some()
                && person.factors.resettable();
            if !mailable || too_many(tx, &person.id, fresh.deed.at())? {
                return Ok(None);
            }
            Ok(Some(fresh.insert(tx, person)?))
        })
        .await
    }

    /// Whom a link is for, as long as it is good. Does not use it up: mail scanners look at links, too.
    pub async fn link(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(Person, LinkKind)>, Fault> {
        let Some((id, hash)) = opaque::part(token) else { return Ok(None) };
        let id = id.to_owned();
        let read = move |tx: &mut Tx<'_>| {
            let Some((person, kind)) = good(tx, &id, &hash, now)? else { return Ok(None) };
            let person = person_in(tx, &person)?.filter(|person| kind.fits(person));
            Ok(person.map(|person| (person, kind)))
        };
        Ok(self.inner().store.read(read).await?)
    }

    /// Sets the password, uses the link up, and ends all sessions, in one transaction.
    pub async fn use_link(
        &self,
        mut by: Acting<'_>,
        token: &str,
        password: SecretString,
    ) -> Result<Result<Person, SpentLink>, Fault> {
        let Some((person, kind)) = self.link(token, by.now).await? else {
            return Ok(Err(SpentLink::Over));
        };
        let deed = Deed::new(&mut by, Action::Password).with("by", kind.name().to_owned());
        let salt = Random::draw(by.entropy);
        let hash = match self.hashed_password(&person, password, salt).await? {
            Ok(hash) => hash,
            Err(weak) => return Ok(Err(SpentLink::Weak(weak))),
        };
        let Some((id, secret)) = opaque::part(token) else { return Ok(Err(SpentLink::Over)) };
        let id = id.to_owned();
        let used = self.transact(move |tx| {
            // Somebody else with the same link may have been faster.
            let Some((owner, kind)) = good(tx, &id, &secret, deed.at())? else {
                return Ok(Err(SpentLink::Over));
            };
            if !person_in(tx, &owner)?.is_some_and(|person| kind.fits(&person)) {
                return Ok(Err(SpentLink::Over));
            }
            password::put(tx, &owner, &hash, deed.at())?;
            session::end_all(tx, &owner, deed.at())?;
            deed.done(tx, owner.as_str())?;
            Ok(person_in(tx, &owner)?.ok_or(SpentLink::Over))
        });
        let used = used.await?;
        self.publish().await?;
        Ok(used)
    }
}

/// What a link needs, drawn before the transaction.
struct Fresh {
    deed: Deed,
    kind: LinkKind,
    id: String,
    secret: Random<32>,
}

impl Fresh {
    fn draw(by: &mut Acting<'_>, kind: LinkKind) -> Self {
        let action = match kind {
            LinkKind::Invitation => Action::PersonInvite,
            LinkKind::Reset => Action::PersonReset,
        };
        let id = stamped_id("lnk_", by.now, &Random::draw(by.entropy));
        let secret = Random::draw(by.entropy);
        Self { deed: Deed::new(by, action), kind, id, secret }
    }

    fn insert(self, tx: &mut Tx<'_>, person: Person) -> Result<OneTimeLink, StoreFault> {
        let (token, hash) = opaque::mint(&self.id, &self.secret);
        let (now, expires) = (self.deed.at(), self.deed.at().plus(self.kind.ttl()));
        let owner = person.id.as_str();
        tx.execute(
            "INSERT INTO one_time_link (id, secret, kind, person, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                (&self.id).into(),
                (&hash).into(),
                self.kind.name().into(),
                owner.into(),
                now.into(),
                expires.into(),
            ],
        )?;
        self.deed.done(tx, owner)?;
        Ok(OneTimeLink { person, kind: self.kind, expires, token })
    }
}

/// Whether a link was asked for just now, or often within a day: nobody floods somebody else's mailbox.
fn too_many(tx: &mut Tx<'_>, person: &PersonId, now: Timestamp) -> Result<bool, StoreFault> {
    let sql =
        "SELECT created FROM one_time_link WHERE person = $1 AND kind = 'reset' AND created > $2";
    let since = now.minus(MEMORY);
    let rows = tx.query(sql, &[person.as_str().into(), since.into()])?;
    let mut newest = None;
    for row in &rows {
        newest = newest.max(Some(row.time(0)?));
    }
    Ok(rows.len() >= A_DAY || newest.is_some_and(|newest| newest > now.minus(PAUSE)))
}

fn good(
    tx: &mut Tx<'_>,
    id: &str,
    hash: &opaque::Hash,
    now: Timestamp,
) -> Result<Option<(PersonId, LinkKind)>, StoreFault> {
    let sql = "SELECT secret, kind, person, expires FROM one_time_link WHERE id = $1";
    let Some(row) = tx.query_row(sql, &[id.into()])? else { return Ok(None) };
    let kind = row.text(1)?;
    let kind = LinkKind::ALL.into_iter().find(|known| known.name() == kind);
    let in_force = opaque::fits(row.blob(0)?, hash) && row.time(3)? > now;
    let person = PersonId::new(row.text(2)?).map_err(StoreFault::rejected)?;
    Ok(kind.filter(|_| in_force).map(|kind| (person, kind)))
}
