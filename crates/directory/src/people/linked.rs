//! Accounts at other providers, each linked to one person here by explicit proof: the person was signed in when
//! they linked it, or they came to be with it. Never by an address for mail.

use super::{NewPerson, rows};
use crate::{
    Acting, Action, Deed, Directory, Fault, Person, Profile, Session, grant::Drawn,
    session_by_id_in,
};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{PersonId, Random, Tenant, Timestamp};

/// An account at another provider, as it is today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedAccount {
    /// The operator's name for the provider.
    pub provider: String,
    /// Its `iss`.
    pub issuer: String,
    /// What no other person at that issuer has, now or ever.
    pub subject: String,
    /// Our roles that follow from what the person is there.
    pub roles: Vec<String>,
    /// The person's groups there.
    pub groups: Vec<String>,
}

/// Why an account leads to nobody.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// It is linked to nobody here.
    #[error("the account is linked to nobody here")]
    Unknown,
    /// Somebody has the login that this person would get. That proves nothing about who they are.
    #[error("somebody here has the login {login} already")]
    Taken {
        /// The login.
        login: String,
    },
    /// It is linked to somebody else.
    #[error("the account is linked to somebody else")]
    Elsewhere,
    /// A failure of ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreFault> for LinkFault {
    fn from(fault: StoreFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl Directory {
    /// The person whom the account is linked to; their roles and groups follow the account.
    pub async fn person_of(
        &self,
        mut by: Acting<'_>,
        account: LinkedAccount,
    ) -> Result<Person, LinkFault> {
        let deed = Deed::new(&mut by, Action::AccountUpdate);
        let found = self.transact(move |tx| Ok(follow(tx, &account, deed)?)).await?;
        found.ok_or(LinkFault::Unknown)
    }

    /// As [`person_of`](Self::person_of); somebody who was never here becomes a person, with this profile.
    pub async fn person_of_or_join(
        &self,
        by: Acting<'_>,
        account: LinkedAccount,
        profile: Profile,
        tenant: Option<Tenant>,
    ) -> Result<Person, LinkFault> {
        let (actor, now) = (by.actor.to_owned(), by.now);
        let seeds: [Random<10>; 2] = [(); 2].map(|()| Random::draw(by.entropy));
        let person = PersonId::fresh(now, &Random::draw(by.entropy));
        let login = profile.preferred_username.as_ref().or(profile.email.as_ref()).cloned();
        let login = login.unwrap_or_else(|| format!("{}:{}", account.provider, account.subject));
        let new = NewPerson { login: login.clone(), profile, tenant, ..NewPerson::default() };
        let joined = self.transact(move |tx| {
            let deed = |seed: &Random<10>, action| {
                let mut drawn = Drawn(seed.bytes());
                Deed::new(&mut Acting { actor: &actor, now, entropy: &mut drawn }, action)
            };
            let [first, second] = &seeds;
            if let Some(person) = follow(tx, &account, deed(first, Action::AccountUpdate))? {
                return Ok(Some(person));
            }
            let joining = deed(first, Action::PersonJoin);
            let Some(id) = super::admin::join(tx, person, new, joining)? else { return Ok(None) };
            insert(tx, &account, &id, now)?;
            told(deed(second, Action::AccountLink), &account).done(tx, id.as_str())?;
            Ok(rows::by_id(tx, &id)?)
        });
        joined.await?.ok_or(LinkFault::Taken { login })
    }

    /// Links an account to the person who is signed in, if their session is still in force.
    pub async fn link_account(
        &self,
        mut by: Acting<'_>,
        session: &Session,
        account: LinkedAccount,
    ) -> Result<(), LinkFault> {
        let deed = Deed::new(&mut by, Action::AccountLink);
        let (person, id, now) = (session.person.clone(), session.id.clone(), by.now);
        let linked = self.transact(move |tx| {
            if session_by_id_in(tx, &id, now)?.is_none_or(|session| session.person != person) {
                return Err(Fault::UnknownSession(id.to_string()));
            }
            if let Some(owner) = owner(tx, &account)? {
                return Ok(owner == person);
            }
            insert(tx, &account, &person, now)?;
            told(deed, &account).done(tx, person.as_str())?;
            Ok(true)
        });
        if linked.await? { Ok(()) } else { Err(LinkFault::Elsewhere) }
    }

    /// Takes a link back: that account does not lead here any more. False: there was none.
    pub async fn unlink_account(
        &self,
        mut by: Acting<'_>,
        person: &PersonId,
        (issuer, subject): (String, String),
    ) -> Result<bool, Fault> {
        let deed = Deed::new(&mut by, Action::AccountUnlink).with("issuer", issuer.clone());
        let person = person.clone();
        self.transact(move |tx| {
            let gone = tx.execute(
                "DELETE FROM linked_account WHERE issuer = $1 AND subject = $2 AND person = $3",
                &[issuer.into(), subject.into(), person.as_str().into()],
            )?;
            if gone == 1 {
                deed.done(tx, person.as_str())?;
            }
            Ok(gone == 1)
        })
        .await
    }

    /// The accounts that are linked to a person.
    pub async fn accounts_of(&self, person: &PersonId) -> Result<Vec<LinkedAccount>, Fault> {
        let person = person.clone();
        Ok(self.inner().store.read(move |tx| of_person(tx, &person)).await?)
    }
}

/// The accounts of a person, for their roles and groups.
pub(super) fn of_person(
    tx: &mut Tx<'_>,
    person: &PersonId,
) -> Result<Vec<LinkedAccount>, StoreFault> {
    let rows = tx.query(
        "SELECT provider, issuer, subject, roles, groups FROM linked_account WHERE person = $1 \
         ORDER BY issuer, subject",
        &[person.as_str().into()],
    )?;
    let list = |row: &Row, column| -> Result<Vec<String>, StoreFault> {
        serde_json::from_str(row.text(column)?).map_err(StoreFault::rejected)
    };
    let account = |row: &Row| {
        Ok(LinkedAccount {
            provider: row.text(0)?.to_owned(),
            issuer: row.text(1)?.to_owned(),
            subject: row.text(2)?.to_owned(),
            roles: list(row, 3)?,
            groups: list(row, 4)?,
        })
    };
    rows.iter().map(account).collect()
}

fn owner(tx: &mut Tx<'_>, account: &LinkedAccount) -> Result<Option<PersonId>, StoreFault> {
    let row = tx.query_row(
        "SELECT person FROM linked_account WHERE issuer = $1 AND subject = $2",
        &[(&account.issuer).into(), (&account.subject).into()],
    )?;
    row.map(|row| PersonId::new(row.text(0)?).map_err(StoreFault::rejected)).transpose()
}

/// Whose account it is, with the roles and groups that it brings today.
fn follow(
    tx: &mut Tx<'_>,
    account: &LinkedAccount,
    deed: Deed,
) -> Result<Option<Person>, StoreFault> {
    let Some(person) = owner(tx, account)? else { return Ok(None) };
    let (roles, groups) = columns(account)?;
    let changed = tx.execute(
        "UPDATE linked_account SET provider = $1, roles = $2, groups = $3 \
         WHERE issuer = $4 AND subject = $5 AND (roles <> $2 OR groups <> $3)",
        &[
            (&account.provider).into(),
            roles.into(),
            groups.into(),
            (&account.issuer).into(),
            (&account.subject).into(),
        ],
    )?;
    if changed > 0 {
        told(deed, account).done(tx, person.as_str())?;
    }
    rows::by_id(tx, &person)
}

fn insert(
    tx: &mut Tx<'_>,
    account: &LinkedAccount,
    person: &PersonId,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let (roles, groups) = columns(account)?;
    tx.execute(
        "INSERT INTO linked_account (issuer, subject, provider, person, roles, groups, created) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            (&account.issuer).into(),
            (&account.subject).into(),
            (&account.provider).into(),
            person.as_str().into(),
            roles.into(),
            groups.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

fn columns(account: &LinkedAccount) -> Result<(String, String), StoreFault> {
    let json = |list: &Vec<String>| serde_json::to_string(list).map_err(StoreFault::rejected);
    Ok((json(&account.roles)?, json(&account.groups)?))
}

fn told(deed: Deed, account: &LinkedAccount) -> Deed {
    deed.with("provider", account.provider.clone())
        .with("issuer", account.issuer.clone())
        .with("roles", account.roles.join(" "))
        .with("groups", account.groups.join(" "))
}
