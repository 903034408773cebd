//! What a company's directory does with its people: with those that it provisioned, and nobody else.

use super::{Found, NewPerson, Page, Wanted, admin, list, rows};
use crate::{Acting, Action, Deed, Fault, Login, Person, Provisioner};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, Random};

impl Provisioner {
    /// The person of that id.
    pub async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        let (id, owner) = (id.clone(), self.name().to_owned());
        let read = move |tx: &mut Tx<'_>| owned(tx, &id, &owner);
        Ok(self.directory.inner().store.read(read).await?)
    }

    /// A page of its people.
    pub async fn people(&self, wanted: Wanted, page: Page) -> Result<Found<Person>, Fault> {
        let owner = self.name().to_owned();
        let read = move |tx: &mut Tx<'_>| list::find(tx, Some(&owner), wanted, page);
        Ok(self.directory.inner().store.read(read).await?)
    }

    /// Makes a person who belongs to it and to its tenant. Roles and groups are not its to give here.
    pub async fn add_person(&self, by: Acting<'_>, new: NewPerson) -> Result<Person, Fault> {
        let new = NewPerson {
            directory: Some(self.name().to_owned()),
            tenant: self.tenant().cloned(),
            roles: Vec::new(),
            groups: Vec::new(),
            ..new
        };
        self.directory.add_person(by, new).await
    }

    /// Changes login, profile, external id, and whether it keeps the person out itself, from `before` to what
    /// `after` says; if that is what is there, nothing is written. [`Fault::Stale`] if the person is not as `before` any more.
    pub async fn change_person(
        &self,
        mut by: Acting<'_>,
        before: &Person,
        after: Person,
    ) -> Result<Person, Fault> {
        let deed = Deed::new(&mut by, Action::PersonScim);
        let seed = Random::draw(by.entropy);
        let (id, version, owner) = (before.id.clone(), before.version, self.name().to_owned());
        let change = move |tx: &mut Tx<'_>| {
            let now = mine(tx, &id, &owner)?;
            if now.version != version {
                return Err(Fault::Stale);
            }
            let mut next = now.clone();
            let login = Login::new(&after.login);
            let login = login.map_err(|fault| Fault::Invalid(fault.to_string()))?;
            login.as_str().clone_into(&mut next.login);
            next.profile = after.profile;
            next.external_id = after.external_id;
            next.disabled_by.directory = after.disabled_by.directory;
            if next == now {
                return Ok((now, false));
            }
            admin::change(tx, deed, &now, next, &seed)
        };
        let (person, ended) = self.directory.transact(change).await?;
        if ended {
            self.directory.reload().await?;
        }
        Ok(person)
    }

    /// Forgets a person, ends everything that was theirs, and frees the login. [`Fault::Stale`] if they are not
    /// as `person` any more.
    pub async fn remove_person(&self, mut by: Acting<'_>, person: &Person) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::PersonRemove);
        let (id, version, owner) = (person.id.clone(), person.version, self.name().to_owned());
        self.directory
            .transact(move |tx| {
                let now = mine(tx, &id, &owner)?;
                if now.version != version {
                    return Err(Fault::Stale);
                }
                admin::forget(tx, deed, now)
            })
            .await?;
        self.directory.reload().await
    }
}

fn owned(tx: &mut Tx<'_>, id: &PersonId, owner: &str) -> Result<Option<Person>, StoreFault> {
    Ok(rows::by_id(tx, id)?.filter(|person| person.directory.as_deref() == Some(owner)))
}

fn mine(tx: &mut Tx<'_>, id: &PersonId, owner: &str) -> Result<Person, Fault> {
    owned(tx, id, owner)?.ok_or_else(|| Fault::UnknownPerson(id.to_string()))
}
