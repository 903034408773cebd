//! People as rows.

use super::{Page, linked};
use crate::{DisabledBy, Factors, Fault, Login, PeopleSettings, Person, roles::InGroup};
use portcullis_store::{Row, StoreFault, Tx, Value};
use portcullis_types::{PersonId, Tenant};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.login, p.profile, p.roles, p.tenant, p.external_id, p.version, p.created, \
             p.updated, p.disabled_since, p.directory, p.disabled_by, \
             (SELECT COUNT(*) FROM person_password x WHERE x.person = p.id), \
             (SELECT COUNT(*) FROM person_totp x WHERE x.person = p.id), \
             (SELECT COUNT(*) FROM passkey x WHERE x.person = p.id), \
             (SELECT COUNT(*) FROM recovery_code x WHERE x.person = p.id), \
             (SELECT COUNT(*) FROM linked_account x WHERE x.person = p.id) \
             FROM person p ",
            $rest
        )
    };
}

const BY_ID: &str = select!("WHERE p.id = $1");
const BY_LOGIN: &str = select!("WHERE p.login = $1");
const BY_EMAIL: &str = select!("WHERE p.email = $1 ORDER BY p.id LIMIT $2");
const BY_EXTERNAL_ID: &str = select!("WHERE p.external_id = $1 ORDER BY p.id LIMIT $2");
const AFTER: &str = select!("WHERE p.id > $1 ORDER BY p.id LIMIT $2");
const PAGE: &str = select!("ORDER BY p.id LIMIT $1 OFFSET $2");

const BY_EMAIL_OF: &str = select!("WHERE p.email = $1 AND p.directory = $3 ORDER BY p.id LIMIT $2");
const BY_EXTERNAL_ID_OF: &str =
    select!("WHERE p.external_id = $1 AND p.directory = $3 ORDER BY p.id LIMIT $2");
const AFTER_OF: &str = select!("WHERE p.id > $1 AND p.directory = $3 ORDER BY p.id LIMIT $2");
const PAGE_OF: &str = select!("WHERE p.directory = $3 ORDER BY p.id LIMIT $1 OFFSET $2");

/// The operator's, and those of the person's own directory. No other's can bring them anything.
const GROUPS: &str = "SELECT g.name, g.directory, d.name, d.tenant FROM group_member m \
     JOIN people_group g ON g.id = m.group_id LEFT JOIN scim_directory d ON d.name = g.directory \
     WHERE m.person = $1 AND (g.directory = '' OR g.directory = $2) ORDER BY g.name, g.directory";

pub(crate) fn by_id(tx: &mut Tx<'_>, id: &PersonId) -> Result<Option<Person>, StoreFault> {
    let row = tx.query_row(BY_ID, &[id.as_str().into()])?;
    row.map(|row| person(tx, &row)).transpose()
}

pub(crate) fn by_login(tx: &mut Tx<'_>, login: &Login) -> Result<Option<Person>, StoreFault> {
    let row = tx.query_row(BY_LOGIN, &[login.as_str().into()])?;
    row.map(|row| person(tx, &row)).transpose()
}

/// One person, for a change of them.
pub(crate) fn one(tx: &mut Tx<'_>, id: &PersonId) -> Result<Person, Fault> {
    by_id(tx, id)?.ok_or_else(|| Fault::UnknownPerson(id.to_string()))
}

/// At most `limit` of those who have this address for mail.
pub(crate) fn by_email(
    tx: &mut Tx<'_>,
    email: &str,
    limit: u32,
) -> Result<Vec<Person>, StoreFault> {
    people(tx, BY_EMAIL, &[email.to_lowercase().into(), limit.into()])
}

/// The same, of one directory's people, if one is named.
pub(super) fn by_email_of(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    email: &str,
    limit: u32,
) -> Result<Vec<Person>, StoreFault> {
    of(tx, owner, [BY_EMAIL, BY_EMAIL_OF], [email.to_lowercase().into(), limit.into()])
}

pub(super) fn by_external_id(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    id: &str,
    limit: u32,
) -> Result<Vec<Person>, StoreFault> {
    of(tx, owner, [BY_EXTERNAL_ID, BY_EXTERNAL_ID_OF], [id.into(), limit.into()])
}

pub(super) fn after(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    id: &str,
    limit: u32,
) -> Result<Vec<Person>, StoreFault> {
    of(tx, owner, [AFTER, AFTER_OF], [id.into(), limit.into()])
}

pub(super) fn page(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    page: Page,
) -> Result<Vec<Person>, StoreFault> {
    of(tx, owner, [PAGE, PAGE_OF], [page.count.into(), page.start.into()])
}

pub(super) fn count(tx: &mut Tx<'_>, owner: Option<&str>) -> Result<u64, StoreFault> {
    let row = match owner {
        None => tx.query_row("SELECT COUNT(*) FROM person", &[])?,
        Some(owner) => {
            tx.query_row("SELECT COUNT(*) FROM person WHERE directory = $1", &[owner.into()])?
        }
    };
    Ok(row.map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
}

/// Everybody by the first statement, or the people of one directory, `$3`, by the second.
fn of(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    [all, some]: [&'static str; 2],
    [first, second]: [Value<'_>; 2],
) -> Result<Vec<Person>, StoreFault> {
    match owner {
        None => people(tx, all, &[first, second]),
        Some(owner) => people(tx, some, &[first, second, owner.into()]),
    }
}

fn people(
    tx: &mut Tx<'_>,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<Vec<Person>, StoreFault> {
    let rows = tx.query(sql, params)?;
    rows.iter().map(|row| person(tx, row)).collect()
}

fn person(tx: &mut Tx<'_>, row: &Row) -> Result<Person, StoreFault> {
    let id = PersonId::new(row.text(0)?).map_err(StoreFault::rejected)?;
    let damaged = |problem: &dyn std::fmt::Display| {
        StoreFault::rejected(format_args!("the row of {id} is damaged: {problem}"))
    };
    let directory = row.opt_text(10)?.map(str::to_owned);
    let owner = directory.as_deref().unwrap_or_default();
    let joined = tx.query(GROUPS, &[id.as_str().into(), owner.into()])?;
    let joined: Vec<InGroup<'_>> = joined.iter().map(in_group).collect::<Result<_, _>>()?;
    let own_roles: Vec<String> = serde_json::from_str(row.text(3)?).map_err(|e| damaged(&e))?;
    let settings = tx.attached::<PeopleSettings>().unwrap_or_default();
    let tenant = row.opt_text(4)?.map(Tenant::new).transpose().map_err(|e| damaged(&e))?;
    let mut roles = settings.roles.effective(&own_roles, &joined);
    let own = joined.iter().filter(|group| group.directory.is_none());
    let own_groups = own.map(|group| group.name.to_owned()).collect();
    let mut groups: Vec<String> = joined.iter().map(|group| group.name.to_owned()).collect();
    groups.dedup();
    let mut upstream_groups = Vec::new();
    if row.int(16)? > 0 {
        for word in linked::words(tx, &id)? {
            // A provider that is not there any more has nothing to say.
            let known = settings.providers.iter().find(|known| known.provider == word.provider);
            let Some(known) = known else { continue };
            roles.extend(known.of(&word.groups));
            upstream_groups.extend(word.groups);
        }
        for names in [&mut roles, &mut upstream_groups] {
            names.sort_unstable();
            names.dedup();
        }
    }
    Ok(Person {
        login: row.text(1)?.to_owned(),
        profile: serde_json::from_str(row.text(2)?).map_err(|e| damaged(&e))?,
        roles,
        upstream_groups,
        own_roles,
        groups,
        own_groups,
        tenant,
        external_id: row.opt_text(5)?.map(str::to_owned),
        version: small(row.int(6)?),
        created: row.time(7)?,
        updated: row.time(8)?,
        disabled_since: row.opt_time(9)?,
        disabled_by: disabled_by(row)?,
        directory,
        factors: Factors {
            password: row.int(12)? > 0,
            totp: row.int(13)? > 0,
            passkeys: small(row.int(14)?),
            recovery_codes: small(row.int(15)?),
            linked: small(row.int(16)?),
        },
        id,
    })
}

fn in_group(row: &Row) -> Result<InGroup<'_>, StoreFault> {
    Ok(InGroup {
        name: row.text(0)?,
        directory: Some(row.text(1)?).filter(|name| !name.is_empty()),
        common: row.opt_text(2)?.is_some() && row.opt_text(3)?.is_none(),
    })
}

const OPERATOR: &str = "operator";
const DIRECTORY: &str = "directory";

/// Who is kept out by nobody in particular is kept out by the operator.
fn disabled_by(row: &Row) -> Result<DisabledBy, StoreFault> {
    let words = row.opt_text(11)?.unwrap_or_default();
    let is = |word| words.split(' ').any(|one| one == word);
    let directory = is(DIRECTORY);
    let operator = is(OPERATOR) || (row.opt_time(9)?.is_some() && !directory);
    Ok(DisabledBy { operator, directory })
}

fn words(by: DisabledBy) -> Option<String> {
    let words = [(by.operator, OPERATOR), (by.directory, DIRECTORY)];
    let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

pub(super) fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// False if the login is taken.
pub(super) fn insert(tx: &mut Tx<'_>, person: &Person) -> Result<bool, StoreFault> {
    let (profile, roles) = columns(person)?;
    let inserted = tx.execute(
        "INSERT INTO person (id, login, profile, roles, email, tenant, external_id, version, created, \
         updated, disabled_since, directory, disabled_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT DO NOTHING",
        &[
            person.id.as_str().into(),
            (&person.login).into(),
            profile.into(),
            roles.into(),
            email(person).into(),
            person.tenant.as_ref().map(Tenant::as_str).into(),
            person.external_id.as_deref().into(),
            person.version.into(),
            person.created.into(),
            person.updated.into(),
            person.disabled_since.into(),
            person.directory.as_deref().into(),
            words(person.disabled_by).into(),
        ],
    )?;
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, person: &Person) -> Result<(), StoreFault> {
    let (profile, roles) = columns(person)?;
    tx.execute(
        "UPDATE person SET login = $1, profile = $2, roles = $3, email = $4, tenant = $5, \
         external_id = $6, version = $7, updated = $8, disabled_since = $9, directory = $10, \
         disabled_by = $11 WHERE id = $12",
        &[
            (&person.login).into(),
            profile.into(),
            roles.into(),
            email(person).into(),
            person.tenant.as_ref().map(Tenant::as_str).into(),
            person.external_id.as_deref().into(),
            person.version.into(),
            person.updated.into(),
            person.disabled_since.into(),
            person.directory.as_deref().into(),
            words(person.disabled_by).into(),
            person.id.as_str().into(),
        ],
    )?;
    Ok(())
}

fn columns(person: &Person) -> Result<(String, String), StoreFault> {
    let profile = serde_json::to_string(&person.profile).map_err(StoreFault::rejected)?;
    Ok((profile, serde_json::to_string(&person.own_roles).map_err(StoreFault::rejected)?))
}

fn email(person: &Person) -> Option<String> {
    person.profile.email.as_deref().map(str::to_lowercase)
}

/// The person and all that hangs on them, sessions excepted.
pub(super) fn delete(tx: &mut Tx<'_>, id: &PersonId) -> Result<(), StoreFault> {
    const ALL: [&str; 9] = [
        "DELETE FROM person_password WHERE person = $1",
        "DELETE FROM person_totp WHERE person = $1",
        "DELETE FROM recovery_code WHERE person = $1",
        "DELETE FROM passkey WHERE person = $1",
        "DELETE FROM linked_account WHERE person = $1",
        "DELETE FROM group_member WHERE person = $1",
        "DELETE FROM consent WHERE person = $1",
        "DELETE FROM one_time_link WHERE person = $1",
        "DELETE FROM person WHERE id = $1",
    ];
    for sql in ALL {
        tx.execute(sql, &[id.as_str().into()])?;
    }
    Ok(())
}
