//! Groups of people: those of companies' directories, each seen by its own alone, and those that the operator
//! made by naming them. The configuration says which roles they bring.

use super::list::Pager;
use super::{Found, Page, rows};
use crate::{Acting, Action, Deed, Fault, Person, Provisioner};
use portcullis_store::{Row, StoreFault, Tx, Value};
use portcullis_types::{PersonId, Random, Timestamp, stamped_id};
use std::collections::BTreeSet;

/// A group. Its members are asked for apart: there may be many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `grp_…`.
    pub id: String,
    /// Its name; no other of the same directory has it.
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
    pub add: BTreeSet<PersonId>,
    /// Who goes.
    pub remove: BTreeSet<PersonId>,
}

/// The owner of groups that no directory has: the operator.
const OPERATOR: &str = "";

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, name, external_id, version, created, updated FROM people_group ", $rest)
    };
}

const GROUP: &str = select!("WHERE id = $1 AND directory = $2");
const NAMED: &str = select!("WHERE name = $1 AND directory = $2");
const AFTER: &str = select!("WHERE id > $1 AND directory = $2 ORDER BY id LIMIT 500");
const MEMBERS: &str = "SELECT p.id, p.login FROM group_member m JOIN person p ON p.id = m.person \
     WHERE m.group_id = $1 ORDER BY p.id";

impl Provisioner {
    /// The group of that id.
    pub async fn group(&self, id: &str) -> Result<Option<Group>, Fault> {
        let (id, owner) = (id.to_owned(), self.name().to_owned());
        let read = move |tx: &mut Tx<'_>| look_up(tx, GROUP, &id, &owner);
        Ok(self.directory.inner().store.read(read).await?)
    }

    /// A page of the groups that pass.
    pub async fn groups(
        &self,
        test: impl Fn(&Group) -> bool + Send + 'static,
        page: Page,
    ) -> Result<Found<Group>, Fault> {
        let owner = self.name().to_owned();
        let find = move |tx: &mut Tx<'_>| {
            let mut pager = Pager::new(page);
            let mut after = String::new();
            loop {
                let batch = tx.query(AFTER, &[after.as_str().into(), owner.as_str().into()])?;
                let batch = batch.iter().map(group).collect::<Result<Vec<_>, _>>()?;
                let Some(last) = batch.last() else { return Ok(pager.found) };
                after.clone_from(&last.id);
                batch.into_iter().filter(|group| test(group)).for_each(|group| pager.take(group));
            }
        };
        Ok(self.directory.inner().store.read(find).await?)
    }

    /// Who is in a group.
    pub async fn members(&self, group: &Group) -> Result<Vec<Member>, Fault> {
        let id = group.id.clone();
        Ok(self.directory.inner().store.read(move |tx| members(tx, &id)).await?)
    }

    /// Makes a group of its people.
    pub async fn add_group(
        &self,
        mut by: Acting<'_>,
        name: String,
        external_id: Option<String>,
        with: BTreeSet<PersonId>,
    ) -> Result<Group, Fault> {
        let deed = Deed::new(&mut by, Action::GroupAdd);
        let id = fresh(by.now, &Random::draw(by.entropy));
        let owner = self.name().to_owned();
        self.directory
            .transact(move |tx| {
                let (created, updated) = (deed.at(), deed.at());
                let group = Group { id, name, external_id, version: 1, created, updated };
                problem(&group)?;
                if !insert(tx, &group, &owner)? {
                    return Err(Fault::GroupTaken(group.name));
                }
                let came = join(tx, &group.id, &owner, &with)?;
                let deed = deed.with("name", group.name.clone()).with("came", came.to_string());
                deed.done(tx, &group.id)?;
                Ok(group)
            })
            .await
    }

    /// Changes name, external id and members of a group; if all is there already, nothing is written. [`Fault::Stale`] if it is not as `before` any more.
    pub async fn change_group(
        &self,
        mut by: Acting<'_>,
        before: &Group,
        after: Group,
        change: Members,
    ) -> Result<Group, Fault> {
        let deed = Deed::new(&mut by, Action::GroupUpdate);
        let (before, owner) = (before.clone(), self.name().to_owned());
        self.directory
            .transact(move |tx| {
                same(tx, &before, &owner)?;
                let version = before.version.saturating_add(1);
                let after = Group { version, updated: deed.at(), ..after };
                let after = Group { id: before.id.clone(), created: before.created, ..after };
                problem(&after)?;
                let renamed = after.name != before.name;
                if renamed && look_up(tx, NAMED, &after.name, &owner)?.is_some() {
                    return Err(Fault::GroupTaken(after.name));
                }
                let (came, went) = apply(tx, &after.id, &owner, change)?;
                let same = !renamed && after.external_id == before.external_id;
                if same && came == 0 && went == 0 {
                    return Ok(before);
                }
                update(tx, &after)?;
                let deed = deed.with("name", renamed.then(|| after.name.clone()));
                let deed = deed.with("came", came.to_string()).with("went", went.to_string());
                deed.done(tx, &after.id)?;
                Ok(after)
            })
            .await
    }

    /// Forgets a group; its members stay. [`Fault::Stale`] if it is not as `group` any more.
    pub async fn remove_group(&self, mut by: Acting<'_>, group: &Group) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::GroupRemove);
        let (group, owner) = (group.clone(), self.name().to_owned());
        self.directory
            .transact(move |tx| {
                same(tx, &group, &owner)?;
                tx.execute("DELETE FROM group_member WHERE group_id = $1", &[(&group.id).into()])?;
                tx.execute("DELETE FROM people_group WHERE id = $1", &[(&group.id).into()])?;
                Ok(deed.with("name", group.name).done(tx, &group.id)?)
            })
            .await
    }
}

/// Takes a person out of all groups of directories: they are another's now.
pub(super) fn depart(tx: &mut Tx<'_>, person: &PersonId) -> Result<(), StoreFault> {
    tx.execute(
        "DELETE FROM group_member WHERE person = $1 \
         AND group_id IN (SELECT id FROM people_group WHERE directory <> $2)",
        &[person.as_str().into(), OPERATOR.into()],
    )?;
    Ok(())
}

/// Puts a person into the operator's groups that they name, and no others of those; makes those that are not
/// there.
pub(super) fn assign(
    tx: &mut Tx<'_>,
    person: &Person,
    seed: &Random<10>,
    now: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "DELETE FROM group_member WHERE person = $1 \
         AND group_id IN (SELECT id FROM people_group WHERE directory = $2)",
        &[person.id.as_str().into(), OPERATOR.into()],
    )?;
    for (number, name) in person.own_groups.iter().enumerate() {
        let group = match look_up(tx, NAMED, name, OPERATOR)? {
            Some(group) => group.id,
            None => found(tx, name, &distinct(seed, number), now)?,
        };
        tx.execute(
            "INSERT INTO group_member (group_id, person) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[group.into(), person.id.as_str().into()],
        )?;
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
    insert(tx, &group, OPERATOR)?;
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

/// That the group is its directory's still, and nobody changed it meanwhile.
fn same(tx: &mut Tx<'_>, group: &Group, owner: &str) -> Result<(), Fault> {
    let now = look_up(tx, GROUP, &group.id, owner)?;
    let now = now.ok_or_else(|| Fault::UnknownGroup(crate::excerpt(&group.id)))?;
    if now.version == group.version { Ok(()) } else { Err(Fault::Stale) }
}

fn look_up(
    tx: &mut Tx<'_>,
    sql: &'static str,
    key: &str,
    owner: &str,
) -> Result<Option<Group>, StoreFault> {
    tx.query_row(sql, &[key.into(), owner.into()])?.as_ref().map(group).transpose()
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

/// False if the name is taken.
fn insert(tx: &mut Tx<'_>, group: &Group, owner: &str) -> Result<bool, StoreFault> {
    let inserted = tx.execute(
        "INSERT INTO people_group (id, name, external_id, version, created, updated, directory) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        &[
            (&group.id).into(),
            (&group.name).into(),
            group.external_id.as_deref().into(),
            group.version.into(),
            group.created.into(),
            group.updated.into(),
            owner.into(),
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
fn apply(tx: &mut Tx<'_>, id: &str, owner: &str, change: Members) -> Result<(u64, u64), Fault> {
    let mut leaving = change.remove;
    if change.only {
        let there = members(tx, id)?.into_iter().map(|member| member.id);
        leaving.extend(there.filter(|member| !change.add.contains(member)));
    }
    let went = leave(tx, id, &leaving)?;
    Ok((join(tx, id, owner, &change.add)?, went))
}

/// So many people come or go with one statement: a group may have thousands, and there is one writer.
const BATCH: usize = 20;

macro_rules! among {
    ($before:literal) => {
        concat!(
            $before,
            " IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        )
    };
}

/// All of them, if they are people of that directory.
fn join(
    tx: &mut Tx<'_>,
    group: &str,
    owner: &str,
    people: &BTreeSet<PersonId>,
) -> Result<u64, Fault> {
    const KNOWN: &str = among!("SELECT id FROM person WHERE directory = $21 AND id");
    const JOIN: &str = concat!(
        "INSERT INTO group_member (group_id, person) ",
        among!("SELECT $21, id FROM person WHERE id"),
        " ON CONFLICT DO NOTHING"
    );
    let mut came = 0;
    for batch in people.iter().collect::<Vec<_>>().chunks(BATCH) {
        let known = tx.query(KNOWN, &params(batch, owner))?;
        let known = known.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
        if let Some(stranger) = batch.iter().find(|person| !known.contains(person.as_str())) {
            return Err(Fault::UnknownPerson(stranger.to_string()));
        }
        came += tx.execute(JOIN, &params(batch, group))?;
    }
    Ok(came)
}

fn leave(tx: &mut Tx<'_>, group: &str, people: &BTreeSet<PersonId>) -> Result<u64, StoreFault> {
    const LEAVE: &str = among!("DELETE FROM group_member WHERE group_id = $21 AND person");
    let mut went = 0;
    for batch in people.iter().collect::<Vec<_>>().chunks(BATCH) {
        went += tx.execute(LEAVE, &params(batch, group))?;
    }
    Ok(went)
}

/// A batch, filled up with what is nobody's id, and one thing more.
fn params<'v>(batch: &[&'v PersonId], last: &'v str) -> Vec<Value<'v>> {
    let people = batch.iter().map(|person| person.as_str());
    let people = people.chain(std::iter::repeat("")).take(BATCH);
    people.chain([last]).map(Into::into).collect()
}

fn fresh(at: Timestamp, random: &Random<10>) -> String {
    stamped_id("grp_", at, random)
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
