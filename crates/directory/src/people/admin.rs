//! Changes to people. Each says who acts, and is written with its audit record in one transaction.

use super::{group, rows};
use crate::{
    Acting, Action, Deed, Directory, DisabledBy, Fault, Login, PeopleSettings, Person, Profile,
    session,
};
use portcullis_store::Tx;
use portcullis_types::{PersonId, Random, Tenant, Timestamp};
use std::collections::BTreeSet;

/// A person who is to join.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    /// What they will type to sign in.
    pub login: String,
    /// What is told about them.
    pub profile: Profile,
    /// Roles of their own.
    pub roles: Vec<String>,
    /// Groups by name; those that are not there are made.
    pub groups: Vec<String>,
    /// The customer they belong to.
    pub tenant: Option<Tenant>,
    /// What the company's directory calls them.
    pub external_id: Option<String>,
    /// The company's directory that provisions them.
    pub directory: Option<String>,
    /// Who keeps them from signing in, from the start.
    pub disabled_by: DisabledBy,
}

/// The longest value of a profile's member, in bytes.
const LONGEST: usize = 2048;

impl Directory {
    /// Makes a person, without any means to sign in yet.
    pub async fn add_person(&self, mut by: Acting<'_>, new: NewPerson) -> Result<Person, Fault> {
        let deed = Deed::new(&mut by, Action::PersonAdd);
        let id = PersonId::fresh(by.now, &Random::draw(by.entropy));
        let seed = Random::draw(by.entropy);
        self.transact(move |tx| {
            let mut person = new.into_person(id, &deed);
            settle(tx, &mut person, deed.at())?;
            if !rows::insert(tx, &person)? {
                return Err(Fault::LoginTaken(person.login));
            }
            group::assign(tx, &person, &seed, deed.at())?;
            let deed = described(deed, &person);
            deed.done(tx, person.id.as_str())?;
            rows::one(tx, &person.id)
        })
        .await
    }

    /// Changes what is known of a person: login, profile, own roles, groups, tenant, external id. Whatever
    /// `edit` does to the rest is ignored; what it refuses leaves everything as it was.
    pub async fn edit_person(
        &self,
        by: Acting<'_>,
        id: &PersonId,
        edit: impl FnOnce(&mut Person) -> Result<(), Fault> + Send + 'static,
    ) -> Result<Person, Fault> {
        let edit = |person: &mut Person| {
            let disabled = person.disabled_by;
            let outcome = edit(person);
            person.disabled_by = disabled;
            outcome
        };
        self.edited_person(by, Action::PersonUpdate, id, edit).await
    }

    /// Keeps the person from signing in, and ends all sessions and grants at once.
    pub async fn disable_person(&self, by: Acting<'_>, id: &PersonId) -> Result<Person, Fault> {
        let disable = |person: &mut Person| {
            person.disabled_by.operator = true;
            Ok(())
        };
        self.edited_person(by, Action::PersonDisable, id, disable).await
    }

    /// Takes `disable` back. What was ended stays ended, and whom their directory keeps out stays out.
    pub async fn enable_person(&self, by: Acting<'_>, id: &PersonId) -> Result<Person, Fault> {
        let enable = |person: &mut Person| {
            person.disabled_by.operator = false;
            Ok(())
        };
        self.edited_person(by, Action::PersonEnable, id, enable).await
    }

    /// Forgets a person, ends everything that was theirs, and frees the login.
    pub async fn remove_person(&self, mut by: Acting<'_>, id: &PersonId) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::PersonRemove);
        let id = id.clone();
        self.transact(move |tx| {
            let person = rows::one(tx, &id)?;
            forget(tx, deed, person)
        })
        .await?;
        self.publish().await
    }

    /// Gives people to a company's directory: from now on they are its own to change, and of its tenant.
    pub async fn adopt_person(
        &self,
        by: Acting<'_>,
        directory: &str,
        id: &PersonId,
    ) -> Result<Person, Fault> {
        let name = directory.to_owned();
        let read = self.transact(move |tx| crate::scim::named(tx, &name));
        let directory = read.await?;
        let adopt = move |person: &mut Person| {
            person.directory = Some(directory.name);
            person.tenant = directory.tenant;
            Ok(())
        };
        self.edited_person(by, Action::PersonAdopt, id, adopt).await
    }

    /// [`edit_person`](Self::edit_person) under another name, that may disable and enable as well.
    async fn edited_person(
        &self,
        mut by: Acting<'_>,
        action: Action,
        id: &PersonId,
        edit: impl FnOnce(&mut Person) -> Result<(), Fault> + Send + 'static,
    ) -> Result<Person, Fault> {
        let deed = Deed::new(&mut by, action);
        let seed = Random::draw(by.entropy);
        let id = id.clone();
        let change = move |tx: &mut Tx<'_>| {
            let before = rows::one(tx, &id)?;
            let mut after = before.clone();
            edit(&mut after)?;
            change(tx, deed, &before, after, &seed)
        };
        let (person, ended) = self.transact(change).await?;
        if ended {
            self.publish().await?;
        }
        Ok(person)
    }
}

/// Makes a person who comes from another provider. `None` if somebody has the login.
pub(super) fn join(
    tx: &mut Tx<'_>,
    id: PersonId,
    new: NewPerson,
    deed: Deed,
) -> Result<Option<PersonId>, Fault> {
    let mut person = new.into_person(id, &deed);
    settle(tx, &mut person, deed.at())?;
    if !rows::insert(tx, &person)? {
        return Ok(None);
    }
    described(deed, &person).done(tx, person.id.as_str())?;
    Ok(Some(person.id))
}

/// Forgets a person, and ends everything that was theirs.
pub(super) fn forget(tx: &mut Tx<'_>, deed: Deed, person: Person) -> Result<(), Fault> {
    session::end_all(tx, &person.id, deed.at())?;
    rows::delete(tx, &person.id)?;
    Ok(deed.with("login", person.login).done(tx, person.id.as_str())?)
}

/// Writes a change; says whether it ended the person's sessions.
pub(super) fn change(
    tx: &mut Tx<'_>,
    deed: Deed,
    before: &Person,
    mut after: Person,
    seed: &Random<10>,
) -> Result<(Person, bool), Fault> {
    after.id = before.id.clone();
    after.created = before.created;
    settle(tx, &mut after, deed.at())?;
    after.version = before.version.saturating_add(1);
    after.updated = deed.at();
    if after.login != before.login {
        let login = Login::new(&after.login).map_err(|e| Fault::Invalid(e.to_string()))?;
        if rows::by_login(tx, &login)?.is_some() {
            return Err(Fault::LoginTaken(after.login));
        }
    }
    rows::update(tx, &after)?;
    if after.own_groups != before.own_groups {
        group::assign(tx, &after, seed, deed.at())?;
    }
    if after.directory != before.directory {
        group::depart(tx, &after.id)?;
    }
    let ends = before.disabled_since.is_none() && after.disabled_since.is_some();
    if ends {
        session::end_all(tx, &after.id, deed.at())?;
    }
    difference(deed, before, &after).done(tx, after.id.as_str())?;
    Ok((rows::one(tx, &after.id)?, ends))
}

impl NewPerson {
    fn into_person(self, id: PersonId, deed: &Deed) -> Person {
        Person {
            id,
            login: self.login,
            profile: self.profile,
            roles: Vec::new(),
            own_roles: self.roles,
            groups: Vec::new(),
            own_groups: self.groups,
            upstream_groups: Vec::new(),
            tenant: self.tenant,
            external_id: self.external_id,
            version: 1,
            factors: crate::Factors::default(),
            created: deed.at(),
            updated: deed.at(),
            disabled_since: None,
            disabled_by: self.disabled_by,
            directory: self.directory,
        }
    }
}

/// Brings a person into form, or says what is wrong.
fn settle(tx: &mut Tx<'_>, person: &mut Person, now: Timestamp) -> Result<(), Fault> {
    let since = person.disabled_since.unwrap_or(now);
    person.disabled_since = person.disabled_by.anybody().then_some(since);
    let login = Login::new(&person.login).map_err(|fault| Fault::Invalid(fault.to_string()))?;
    login.as_str().clone_into(&mut person.login);
    for names in [&mut person.own_roles, &mut person.own_groups] {
        let unique: BTreeSet<String> = std::mem::take(names).into_iter().collect();
        names.extend(unique);
    }
    let settings = tx.attached::<PeopleSettings>().unwrap_or_default();
    if let Some(problem) = settings.roles.problem(&person.own_roles) {
        return Err(Fault::Invalid(problem));
    }
    if let Some(name) = person.own_groups.iter().find(|name| !group::is_name(name)) {
        return Err(Fault::Invalid(format!("'{}' is no name of a group", crate::excerpt(name))));
    }
    let external = person.external_id.as_deref();
    match person.profile.values().chain(external).find(|value| !is_text(value)) {
        Some(value) => Err(Fault::Invalid(format!(
            "'{}' is too long, or has control characters",
            crate::excerpt(value)
        ))),
        None => Ok(()),
    }
}

fn is_text(value: &str) -> bool {
    value.len() <= LONGEST && !value.chars().any(|c| c.is_control() && c != '\n')
}

impl Profile {
    /// Every text in it.
    fn values(&self) -> impl Iterator<Item = &str> {
        let address = self.address.iter().flat_map(|address| {
            [
                &address.formatted,
                &address.street_address,
                &address.locality,
                &address.region,
                &address.postal_code,
                &address.country,
            ]
        });
        self.members()
            .into_iter()
            .map(|(_, value)| value)
            .chain(address)
            .filter_map(Option::as_deref)
    }

    /// The members that are texts.
    fn members(&self) -> [(&'static str, &Option<String>); 15] {
        [
            ("name", &self.name),
            ("given_name", &self.given_name),
            ("family_name", &self.family_name),
            ("middle_name", &self.middle_name),
            ("nickname", &self.nickname),
            ("preferred_username", &self.preferred_username),
            ("profile", &self.profile),
            ("picture", &self.picture),
            ("website", &self.website),
            ("email", &self.email),
            ("gender", &self.gender),
            ("birthdate", &self.birthdate),
            ("zoneinfo", &self.zoneinfo),
            ("locale", &self.locale),
            ("phone_number", &self.phone_number),
        ]
    }
}

fn described(deed: Deed, person: &Person) -> Deed {
    deed.with("login", person.login.clone())
        .with("roles", person.own_roles.join(" "))
        .with("groups", person.own_groups.join(" "))
        .with("directory", person.directory.clone())
        .with("tenant", person.tenant.as_ref().map(ToString::to_string))
}

/// What changed, and what it is now. Of what is told about people only the names: the log cannot forget.
fn difference(mut deed: Deed, before: &Person, after: &Person) -> Deed {
    let told =
        |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(" ") };
    let changes = [
        ("login", before.login != after.login, after.login.clone()),
        ("roles", before.own_roles != after.own_roles, told(&after.own_roles)),
        ("groups", before.own_groups != after.own_groups, told(&after.own_groups)),
        (
            "directory",
            before.directory != after.directory,
            after.directory.clone().unwrap_or_else(|| "none".into()),
        ),
        (
            "tenant",
            before.tenant != after.tenant,
            after.tenant.as_ref().map_or_else(|| "none".into(), ToString::to_string),
        ),
        (
            "disabled_since",
            before.disabled_since != after.disabled_since,
            after.disabled_since.map_or_else(|| "none".into(), |at| at.to_string()),
        ),
    ];
    for (name, changed, value) in changes {
        if changed {
            deed = deed.with(name, value);
        }
    }
    let (old, new) = (before.profile.members(), after.profile.members());
    let mut names: Vec<&str> =
        old.iter().zip(&new).filter(|(old, new)| old.1 != new.1).map(|(old, _)| old.0).collect();
    if before.profile.address != after.profile.address {
        names.push("address");
    }
    deed.with("profile", names.join(" "))
}
