//! Groups of people, as a company's directory has them. The configuration says which roles they bring.

use super::list::Pager;
use super::{Found, Page, rows};
use crate::{Acting, Action, Deed, Directory, Fault, Person};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{GrantId, PersonId, Random, Timestamp};

/// A group. Its members are asked for apart: there may be many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `grp_…`.
    pub id: String,
    /// Its name, unique.
    pub name: String,
    /// What the company's directory calls it.
    pub external_id: Option<String>,
    /// Counts the changes, for `ETag`.
    pub version: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When it changed last.
    pub updated: Timestamp,
}

/// A person in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub id: PersonId,
    /// Their login.
    pub login: String,
}

/// A change of a group's members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Whether all who are not among `add` go.
    pub only: bool,
    /// Who comes.
    pub add: Vec<PersonId>,
    /// Who goes.
    pub remove: Vec<PersonId>,
}

const GROUP: &str = "SELECT id, name, external_id, version, created, updated FROM people_group \
     WHERE id = $1";
const NAMED: &str = "SELECT id, name, external_id, version, created, updated FROM people_group \
     WHERE name = $1";
const AFTER: &str = "SELECT id, name, external_id, version, created, updated FROM people_group \
     WHERE id > $1 ORDER BY id LIMIT 500";
const MEMBERS: &str = "SELECT p.id, p.login FROM group_member m JOIN person p ON p.id = m.person \
     WHERE m.group_id = $1 ORDER BY p.id";

impl Directory {
    /// The group of that id.
    pub async fn group(&self, id: &str) -> Result<Option<Group>, Fault> {
        let id = id.to_owned();
        Ok(self.inner().store.read(move |tx| by(tx, GROUP, &id)).await?)
    }

    /// The group of that name.
    pub async fn group_named(&self, name: &str) -> Result<Option<Group>, Fault> {
        let name = name.to_owned();
        Ok(self.inner().store.read(move |tx| by(tx, NAMED, &name)).await?)
    }

    /// A page of the groups that pass.
    pub async fn groups(
        &self,
        test: impl Fn(&Group) -> bool + Send + 'static,
        page: Page,
    ) -> Result<Found<Group>, Fault> {
        let find = move |tx: &mut Tx<'_>| {
            let mut pager = Pager::new(page);
            let mut after = String::new();
            loop {
                let batch = tx.query(AFTER, &[after.as_str().into()])?;
                let batch = batch.iter().map(group).collect::<Result<Vec<_>, _>>()?;
                let Some(last) = batch.last() else { return Ok(pager.found) };
                after.clone_from(&last.id);
                batch.into_iter().filter(|group| test(group)).for_each(|group| pager.take(group));
            }
        };
        Ok(self.inner().store.read(find).await?)
    }

    /// Who is in it.
    pub async fn members(&self, id: &str) -> Result<Vec<Member>, Fault> {
        let id = id.to_owned();
        Ok(self.inner().store.read(move |tx| members(tx, &id)).await?)
    }

    /// Makes a group.
    pub async fn add_group(
        &self,
        mut by: Acting<'_>,
        name: String,
        external_id: Option<String>,
        with: Vec<PersonId>,
    ) -> Result<Group, Fault> {
        let deed = Deed::new(&mut by, Action::GroupAdd);
        let id = fresh(by.now, &Random::draw(by.entropy));
        self.transact(move |tx| {
            let group =
                Group { id, name, external_id, version: 1, created: deed.at(), updated: deed.at() };
            problem(&group)?;
            if !insert(tx, &group)? {
                return Err(Fault::GroupTaken(group.name));
            }
            let change = Members { only: false, add: with, remove: Vec::new() };
            let (came, _) = apply(tx, &group.id, &change)?;
            let deed = deed.with("name", group.name.clone()).with("came", came.to_string());
            deed.done(tx, &group.id)?;
            Ok(group)
        })
        .await
    }

    /// Changes a group: name, external id, members. What `edit` refuses leaves everything as it was.
    pub async fn edit_group(
        &self,
        mut by: Acting<'_>,
        id: &str,
        edit: impl FnOnce(&mut Group, &mut Members) -> Result<(), Fault> + Send + 'static,
    ) -> Result<Group, Fault> {
        let deed = Deed::new(&mut by, Action::GroupUpdate);
        let id = id.to_owned();
        self.transact(move |tx| {
            let before = one(tx, &id)?;
            let (mut after, mut change) = (before.clone(), Members::default());
            edit(&mut after, &mut change)?;
            after.id.clone_from(&before.id);
            (after.created, after.updated) = (before.created, deed.at());
            after.version = before.version.saturating_add(1);
            problem(&after)?;
            if after.name != before.name && by_name(tx, &after.name)?.is_some() {
                return Err(Fault::GroupTaken(after.name));
            }
            update(tx, &after)?;
            let (came, went) = apply(tx, &id, &change)?;
            let renamed = (after.name != before.name).then(|| after.name.clone());
            let deed = deed.with("name", renamed);
            let deed = deed.with("came", came.to_string()).with("went", went.to_string());
            deed.done(tx, &id)?;
            Ok(after)
        })
        .await
    }

    /// Forgets a group; its members stay.
    pub async fn remove_group(&self, mut by: Acting<'_>, id: &str) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::GroupRemove);
        let id = id.to_owned();
        self.transact(move |tx| {
            let group = one(tx, &id)?;
            tx.execute("DELETE FROM group_member WHERE group_id = $1", &[(&id).into()])?;
            tx.execute("DELETE FROM people_group WHERE id = $1", &[(&id).into()])?;
            Ok(deed.with("name", group.name).done(tx, &id)?)
        })
        .await
    }
}

/// Puts a person into the groups that they name, and no others; makes those that are not there.
pub(super) fn assign(
    tx: &mut Tx<'_>,
    person: &Person,
    seed: &Random<10>,
    now: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute("DELETE FROM group_member WHERE person = $1", &[person.id.as_str().into()])?;
    for (number, name) in person.groups.iter().enumerate() {
        let group = match by_name(tx, name)? {
            Some(group) => group.id,
            None => found(tx, name, &distinct(seed, number), now)?,
        };
        join(tx, &group, &person.id)?;
    }
    Ok(())
}

fn found(
    tx: &mut Tx<'_>,
    name: &str,
    random: &Random<10>,
    now: Timestamp,
) -> Result<String, StoreFault> {
    let group = Group {
        id: fresh(now, random),
        name: name.to_owned(),
        external_id: None,
        version: 1,
        created: now,
        updated: now,
    };
    insert(tx, &group)?;
    Ok(group.id)
}

/// The group's name: visible, and not endless.
pub(super) fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len()) && !name.chars().any(char::is_control) && name.trim() == name
}

fn problem(group: &Group) -> Result<(), Fault> {
    let external = group.external_id.as_deref().unwrap_or_default();
    if is_name(&group.name) && external.len() <= 1024 {
        return Ok(());
    }
    let seen = crate::excerpt(&group.name);
    Err(Fault::Invalid(format!("'{seen}' is no name of a group: 1 to 256 visible characters")))
}

fn one(tx: &mut Tx<'_>, id: &str) -> Result<Group, Fault> {
    by(tx, GROUP, id)?.ok_or_else(|| Fault::UnknownGroup(crate::excerpt(id)))
}

fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Group>, StoreFault> {
    by(tx, NAMED, name)
}

fn by(tx: &mut Tx<'_>, sql: &'static str, key: &str) -> Result<Option<Group>, StoreFault> {
    tx.query_row(sql, &[key.into()])?.as_ref().map(group).transpose()
}

fn group(row: &Row) -> Result<Group, StoreFault> {
    Ok(Group {
        id: row.text(0)?.to_owned(),
        name: row.text(1)?.to_owned(),
        external_id: row.opt_text(2)?.map(str::to_owned),
        version: rows::small(row.int(3)?),
        created: row.time(4)?,
        updated: row.time(5)?,
    })
}

fn members(tx: &mut Tx<'_>, id: &str) -> Result<Vec<Member>, StoreFault> {
    let member = |row: &Row| {
        let id = PersonId::new(row.text(0)?).map_err(StoreFault::rejected)?;
        Ok(Member { id, login: row.text(1)?.to_owned() })
    };
    tx.query(MEMBERS, &[id.into()])?.iter().map(member).collect()
}

fn insert(tx: &mut Tx<'_>, group: &Group) -> Result<bool, StoreFault> {
    let inserted = tx.execute(
        "INSERT INTO people_group (id, name, external_id, version, created, updated) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        &[
            (&group.id).into(),
            (&group.name).into(),
            group.external_id.as_deref().into(),
            group.version.into(),
            group.created.into(),
            group.updated.into(),
        ],
    )?;
    Ok(inserted == 1)
}

fn update(tx: &mut Tx<'_>, group: &Group) -> Result<(), StoreFault> {
    tx.execute(
        "UPDATE people_group SET name = $1, external_id = $2, version = $3, updated = $4 WHERE id = $5",
        &[
            (&group.name).into(),
            group.external_id.as_deref().into(),
            group.version.into(),
            group.updated.into(),
            (&group.id).into(),
        ],
    )?;
    Ok(())
}

/// Says how many came and went.
fn apply(tx: &mut Tx<'_>, id: &str, change: &Members) -> Result<(u64, u64), Fault> {
    let mut went = 0;
    for person in &change.remove {
        went += leave(tx, id, person)?;
    }
    if change.only {
        for member in members(tx, id)? {
            if !change.add.contains(&member.id) {
                went += leave(tx, id, &member.id)?;
            }
        }
    }
    let mut came = 0;
    for person in &change.add {
        if rows::by_id(tx, person)?.is_none() {
            return Err(Fault::UnknownPerson(person.to_string()));
        }
        came += join(tx, id, person)?;
    }
    Ok((came, went))
}

fn join(tx: &mut Tx<'_>, group: &str, person: &PersonId) -> Result<u64, StoreFault> {
    tx.execute(
        "INSERT INTO group_member (group_id, person) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[group.into(), person.as_str().into()],
    )
}

fn leave(tx: &mut Tx<'_>, group: &str, person: &PersonId) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM group_member WHERE group_id = $1 AND person = $2",
        &[group.into(), person.as_str().into()],
    )
}

fn fresh(at: Timestamp, random: &Random<10>) -> String {
    let grant = GrantId::fresh(at, random);
    format!("grp_{}", grant.as_str().trim_start_matches(GrantId::PREFIX))
}

/// Another random number of the same seed: ids need to differ, no more.
fn distinct(seed: &Random<10>, number: usize) -> Random<10> {
    struct Mixed<'a>(&'a Random<10>, u64);
    impl portcullis_types::Entropy for Mixed<'_> {
        fn fill(&mut self, bytes: &mut [u8]) {
            let mut input = self.0.bytes().to_vec();
            input.extend_from_slice(&self.1.to_be_bytes());
            let hash = crate::opaque::sha256(&input);
            bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        }
    }
    Random::draw(&mut Mixed(seed, u64::try_from(number).unwrap_or(u64::MAX)))
}
