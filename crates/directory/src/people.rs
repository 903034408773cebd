//! People: read from the store one by one, as they are needed. There may be more of them than fit into memory.

mod admin;
mod factors;
mod group;
mod linked;
mod list;
mod provider;
mod provisioned;
mod rows;

pub use admin::NewPerson;
pub use factors::Means;
pub use group::{Group, Member, Members};
pub use linked::{LinkFault, LinkedAccount, Newcomer, Provisioned};
pub use list::{Found, Page, Wanted};
pub(crate) use provider::lapse;
pub use provider::{ProviderRoles, RoleRule};

use crate::{BreachList, Directory, Fault, Login, Person, Roles};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, Ttl};
use std::sync::Arc;

/// What the configuration says about people.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleSettings {
    /// Roles, and which groups bring which.
    pub roles: Roles,
    /// Which roles other providers bring.
    pub providers: Vec<ProviderRoles>,
    /// A session ends when it was not used for so long.
    pub session_idle: Ttl,
    /// A session ends after so long, used or not.
    pub session_max: Ttl,
    /// Passwords that are known from break-ins.
    pub breached: Option<Arc<BreachList>>,
}

impl Default for PeopleSettings {
    fn default() -> Self {
        Self {
            roles: Roles::default(),
            providers: Vec::new(),
            session_idle: Ttl::seconds(12 * 3600),
            session_max: Ttl::seconds(7 * 24 * 3600),
            breached: None,
        }
    }
}

impl PeopleSettings {
    /// Whether people can sign in with that provider.
    pub fn knows(&self, provider: &str) -> bool {
        self.providers.iter().any(|known| known.provider == provider)
    }
}

/// The person, in the transaction of whoever needs to know. Roles are those of this moment's configuration.
pub fn person_in(tx: &mut Tx<'_>, id: &PersonId) -> Result<Option<Person>, StoreFault> {
    rows::by_id(tx, id)
}

/// Who signs in as this, or is the only one with this address for mail.
pub(crate) fn meant(tx: &mut Tx<'_>, typed: &str) -> Result<Option<Person>, StoreFault> {
    let Ok(login) = Login::new(typed) else { return Ok(None) };
    if let Some(person) = rows::by_login(tx, &login)? {
        return Ok(Some(person));
    }
    let mut same = rows::by_email(tx, login.as_str(), 2)?;
    Ok(if same.len() == 1 { same.pop() } else { None })
}

impl Directory {
    /// Sets what the configuration says about people; without it nobody has a role's rights.
    pub fn settle(&self, settings: PeopleSettings) {
        // Transactions find it there.
        self.inner().store.attach(settings.clone());
        self.inner().people.store(Arc::new(settings));
    }

    /// What the configuration says about people.
    pub fn people_settings(&self) -> Arc<PeopleSettings> {
        self.inner().people.load_full()
    }

    /// The roles that there are.
    pub fn roles(&self) -> Roles {
        self.inner().people.load().roles.clone()
    }

    /// The person of that id.
    pub async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        let id = id.clone();
        Ok(self.inner().store.read(move |tx| rows::by_id(tx, &id)).await?)
    }

    /// The person who types this to sign in.
    pub async fn person_by_login(&self, login: &str) -> Result<Option<Person>, Fault> {
        let Ok(login) = Login::new(login) else { return Ok(None) };
        Ok(self.inner().store.read(move |tx| rows::by_login(tx, &login)).await?)
    }

    /// Runs a change in one transaction. A fault of the operator's undoes it as one of ours does.
    pub(crate) async fn transact<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        crate::transact::transact(&self.inner().store, job).await
    }
}
