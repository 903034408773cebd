//! Accounts at other providers, each linked to one person here by explicit proof: the person was signed in when
//! they linked it, they came to be with it, or their company's directory says whose it is. Never by an address for
//! mail.

use super::{NewPerson, PeopleSettings, rows};
use crate::{
    Acting, Action, Deed, Directory, Fault, Login, Person, Profile, Session, grant::Drawn, session,
    session_by_id_in,
};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{PersonId, Random, SessionId, Tenant, Timestamp};

/// An account at another provider, as it is today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedAccount {
    /// The operator's name for the provider.
    pub provider: String,
    /// Its `iss`.
    pub issuer: String,
    /// What no other person at that issuer has, now or ever.
    pub subject: String,
    /// The person's groups there, as last told. What they mean here is said when somebody asks.
    pub groups: Vec<String>,
}

/// Somebody who was never here, and joins.
#[derive(Clone, Debug, Default)]
pub struct Newcomer {
    /// What is told about them.
    pub profile: Profile,
    /// The customer to whom they belong.
    pub tenant: Option<Tenant>,
    /// The login that they get, where the operator says that nobody else can have it at their provider. Without
    /// it, or if it is none, the login names the provider and their subject there.
    pub login: Option<String>,
}

/// Whom a company's directory provisioned, by the name that the company's provider tells too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The operator's name for the directory.
    pub directory: String,
    /// `externalId` there.
    pub external_id: String,
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
    /// The person whom the account is linked to; their groups follow the account.
    pub async fn person_of(
        &self,
        mut by: Acting<'_>,
        account: LinkedAccount,
    ) -> Result<Person, LinkFault> {
        let deed = Deed::new(&mut by, Action::AccountUpdate);
        let found = self.transact(move |tx| Ok(follow(tx, &account, deed)?)).await?;
        found.ok_or(LinkFault::Unknown)
    }

    /// As [`person_of`](Self::person_of); an account that is linked to nobody is linked to the one person that the
    /// company's directory provisioned under that name, because the operator says that the two are one company's.
    pub async fn person_of_or_provisioned(
        &self,
        by: Acting<'_>,
        account: LinkedAccount,
        provisioned: Provisioned,
    ) -> Result<Person, LinkFault> {
        let (actor, now) = (by.actor.to_owned(), by.now);
        let seed: Random<10> = Random::draw(by.entropy);
        let found = self.transact(move |tx| {
            let deed = |action| {
                let mut drawn = Drawn(seed.bytes());
                Deed::new(&mut Acting { actor: &actor, now, entropy: &mut drawn }, action)
            };
            if let Some(person) = follow(tx, &account, deed(Action::AccountUpdate))? {
                return Ok(Some(person));
            }
            if was_unlinked(tx, &account)? {
                return Ok(None);
            }
            let Provisioned { directory, external_id } = &provisioned;
            let people = rows::by_external_id(tx, Some(directory), external_id, 2)?;
            let [person] = people.as_slice() else { return Ok(None) };
            insert(tx, &account, &person.id, now)?;
            let linking = deed(Action::AccountLink).with("directory", directory.clone());
            told(linking, &account).done(tx, person.id.as_str())?;
            Ok(rows::by_id(tx, &person.id)?)
        });
        found.await?.ok_or(LinkFault::Unknown)
    }

    /// As [`person_of`](Self::person_of); somebody who was never here becomes a person.
    pub async fn person_of_or_join(
        &self,
        by: Acting<'_>,
        account: LinkedAccount,
        newcomer: Newcomer,
    ) -> Result<Person, LinkFault> {
        let (actor, now) = (by.actor.to_owned(), by.now);
        let seeds: [Random<10>; 2] = [(); 2].map(|()| Random::draw(by.entropy));
        let person = PersonId::fresh(now, &Random::draw(by.entropy));
        let logins = logins(newcomer.login, &account, &person);
        let Newcomer { profile, tenant, .. } = newcomer;
        let new = NewPerson { profile, tenant, ..NewPerson::default() };
        let taken = logins.first().cloned().unwrap_or_default();
        let joined = self.transact(move |tx| {
            let deed = |seed: &Random<10>, action| {
                let mut drawn = Drawn(seed.bytes());
                Deed::new(&mut Acting { actor: &actor, now, entropy: &mut drawn }, action)
            };
            let [first, second] = &seeds;
            if let Some(person) = follow(tx, &account, deed(first, Action::AccountUpdate))? {
                return Ok(Some(person));
            }
            for login in logins {
                let new = NewPerson { login, ..new.clone() };
                let joining = deed(first, Action::PersonJoin);
                let Some(id) = super::admin::join(tx, person.clone(), new, joining)? else {
                    continue;
                };
                insert(tx, &account, &id, now)?;
                told(deed(second, Action::AccountLink), &account).done(tx, id.as_str())?;
                return Ok(rows::by_id(tx, &id)?);
            }
            Ok(None)
        });
        joined.await?.ok_or(LinkFault::Taken { login: taken })
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

    /// Takes the accounts at a provider back: they do not lead here any more, and sessions that it vouched for
    /// end, but for one if `keep` names it. The last way in of somebody stays.
    pub async fn unlink_accounts(
        &self,
        mut by: Acting<'_>,
        person: &PersonId,
        provider: &str,
        keep: Option<&SessionId>,
    ) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::AccountUnlink).with("provider", provider.to_owned());
        let (person, keep, provider) = (person.clone(), keep.cloned(), provider.to_owned());
        let unlink = move |tx: &mut Tx<'_>| {
            let found = rows::one(tx, &person)?;
            let accounts = of_person(tx, &person)?;
            let (gone, left): (Vec<_>, Vec<_>) =
                accounts.into_iter().partition(|account| account.provider == provider);
            if gone.is_empty() {
                return Err(Fault::Invalid(format!("no account at {provider} is linked to them")));
            }
            let settings = tx.attached::<PeopleSettings>().unwrap_or_default();
            let leads = |account: &LinkedAccount| settings.knows(&account.provider);
            if !found.factors.signs_in_here() && !left.iter().any(leads) {
                return Err(Fault::LastMeans);
            }
            for account in gone {
                let key = [(&account.issuer).into(), (&account.subject).into()];
                tx.execute("DELETE FROM linked_account WHERE issuer = $1 AND subject = $2", &key)?;
                tx.execute(
                    "INSERT INTO unlinked_account (issuer, subject) VALUES ($1, $2) \
                     ON CONFLICT DO NOTHING",
                    &key,
                )?;
                session::end_vouched(tx, &person, &account.issuer, (keep.as_ref(), deed.at()))?;
            }
            Ok(deed.done(tx, person.as_str())?)
        };
        self.transact(unlink).await?;
        self.publish().await
    }

    /// The accounts that are linked to a person.
    pub async fn accounts_of(&self, person: &PersonId) -> Result<Vec<LinkedAccount>, Fault> {
        let person = person.clone();
        Ok(self.inner().store.read(move |tx| of_person(tx, &person)).await?)
    }
}

/// What a provider last said of a person, and what still counts.
pub(super) struct Word {
    pub(super) provider: String,
    pub(super) groups: Vec<String>,
}

pub(super) fn words(tx: &mut Tx<'_>, person: &PersonId) -> Result<Vec<Word>, StoreFault> {
    let sql = "SELECT provider, groups FROM linked_account WHERE person = $1 AND told > 0";
    let word =
        |row: &Row| Ok(Word { provider: row.text(0)?.to_owned(), groups: parse(row.text(1)?)? });
    tx.query(sql, &[person.as_str().into()])?.iter().map(word).collect()
}

fn parse(groups: &str) -> Result<Vec<String>, StoreFault> {
    serde_json::from_str(groups).map_err(StoreFault::rejected)
}

/// Logins for somebody new, best first. A name that people at the provider choose for themselves is none of
/// them: it would take the login of somebody here.
fn logins(named: Option<String>, account: &LinkedAccount, person: &PersonId) -> Vec<String> {
    let good = |login: &String| Login::new(login).is_ok();
    if let Some(login) = named.filter(good) {
        return vec![login];
    }
    let of = |name: &str| format!("{}:{name}", account.provider);
    [of(&account.subject), of(person.as_str())].into_iter().filter(good).collect()
}

/// The accounts of a person.
fn of_person(tx: &mut Tx<'_>, person: &PersonId) -> Result<Vec<LinkedAccount>, StoreFault> {
    let rows = tx.query(
        "SELECT provider, issuer, subject, groups FROM linked_account WHERE person = $1 \
         ORDER BY issuer, subject",
        &[person.as_str().into()],
    )?;
    let account = |row: &Row| {
        Ok(LinkedAccount {
            provider: row.text(0)?.to_owned(),
            issuer: row.text(1)?.to_owned(),
            subject: row.text(2)?.to_owned(),
            groups: parse(row.text(3)?)?,
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

/// Whether its person, or the operator, took it back.
fn was_unlinked(tx: &mut Tx<'_>, account: &LinkedAccount) -> Result<bool, StoreFault> {
    let sql = "SELECT 1 FROM unlinked_account WHERE issuer = $1 AND subject = $2";
    let key = [(&account.issuer).into(), (&account.subject).into()];
    Ok(tx.query_row(sql, &key)?.is_some())
}

/// Whose account it is, with the groups that it brings today.
fn follow(
    tx: &mut Tx<'_>,
    account: &LinkedAccount,
    deed: Deed,
) -> Result<Option<Person>, StoreFault> {
    let Some(person) = owner(tx, account)? else { return Ok(None) };
    let groups = json(&account.groups)?;
    let key = [(&account.issuer).into(), (&account.subject).into()];
    let before = tx.query_row(
        "SELECT provider, groups, told FROM linked_account WHERE issuer = $1 AND subject = $2",
        &key,
    )?;
    tx.execute(
        "UPDATE linked_account SET provider = $1, groups = $2, told = $3 \
         WHERE issuer = $4 AND subject = $5",
        &[
            (&account.provider).into(),
            (&groups).into(),
            deed.at().into(),
            (&account.issuer).into(),
            (&account.subject).into(),
        ],
    )?;
    let same = |row: &Row| -> Result<bool, StoreFault> {
        let told = row.time(2)?.millis() > 0;
        Ok(row.text(0)? == account.provider && row.text(1)? == groups && told)
    };
    if !before.as_ref().map_or(Ok(false), same)? {
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
    tx.execute(
        "DELETE FROM unlinked_account WHERE issuer = $1 AND subject = $2",
        &[(&account.issuer).into(), (&account.subject).into()],
    )?;
    tx.execute(
        "INSERT INTO linked_account (issuer, subject, provider, person, groups, created, told) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        &[
            (&account.issuer).into(),
            (&account.subject).into(),
            (&account.provider).into(),
            person.as_str().into(),
            json(&account.groups)?.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

fn json(groups: &[String]) -> Result<String, StoreFault> {
    serde_json::to_string(groups).map_err(StoreFault::rejected)
}

fn told(deed: Deed, account: &LinkedAccount) -> Deed {
    deed.with("provider", account.provider.clone())
        .with("issuer", account.issuer.clone())
        .with("groups", account.groups.join(" "))
}
