//! Clients as rows.

use crate::{
    Client, ClientAuth, Fault, Registration, SecretFacts,
    client::Rights,
    directory::{Entry, LiveSecret},
    secret::Stored,
};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{ClientId, Jti, Timestamp};
use std::{collections::HashMap, sync::Arc};

const CLIENTS: &str = "SELECT id, name, auth, rights, created, disabled_since, not_before, \
     registration, expires FROM client";
const CLIENT: &str = "SELECT id, name, auth, rights, created, disabled_since, not_before, \
     registration, expires FROM client WHERE id = $1";
const SECRETS: &str = "SELECT client_id, number, kind, hash, created, expires, last_used \
     FROM client_secret ORDER BY client_id, number DESC";
const SECRETS_OF: &str = "SELECT client_id, number, kind, hash, created, expires, last_used \
     FROM client_secret WHERE client_id = $1 ORDER BY number DESC";

/// Every client with its secrets.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Entry>, Fault> {
    let mut secrets: HashMap<String, Vec<Row>> = HashMap::new();
    for row in tx.query(SECRETS, &[])? {
        secrets.entry(row.text(0)?.to_owned()).or_default().push(row);
    }
    let clients = tx.query(CLIENTS, &[])?;
    clients
        .iter()
        .map(|row| entry(row, secrets.get(row.text(0)?).map_or(&[][..], Vec::as_slice)))
        .collect()
}

/// One client, for a change of it.
pub(crate) fn one(tx: &mut Tx<'_>, id: &ClientId) -> Result<Client, Fault> {
    let found = find(tx, id)?.ok_or_else(|| Fault::UnknownClient(id.clone()))?;
    Ok(Arc::unwrap_or_clone(found.client))
}

/// One client with its secrets.
pub(crate) fn find(tx: &mut Tx<'_>, id: &ClientId) -> Result<Option<Entry>, Fault> {
    let Some(row) = tx.query_row(CLIENT, &[id.as_str().into()])? else { return Ok(None) };
    let secrets = tx.query(SECRETS_OF, &[id.as_str().into()])?;
    entry(&row, &secrets).map(Some)
}

fn entry(row: &Row, secrets: &[Row]) -> Result<Entry, Fault> {
    let id = row.text(0)?;
    let damaged = |problem: String| Fault::Row { client: id.to_owned(), problem };
    let auth: ClientAuth =
        serde_json::from_str(row.text(2)?).map_err(|e| damaged(e.to_string()))?;
    let rights: Rights = serde_json::from_str(row.text(3)?).map_err(|e| damaged(e.to_string()))?;
    let registration: Registration =
        serde_json::from_str(row.text(7)?).map_err(|e| damaged(e.to_string()))?;
    let (facts, secrets) = secrets.iter().map(secret).collect::<Result<(Vec<_>, Vec<_>), _>>()?;
    let disabled_since = row.opt_time(5)?;
    let client = Client {
        id: ClientId::new(id).map_err(|e| damaged(e.to_string()))?,
        name: row.text(1)?.to_owned(),
        auth,
        grant_types: rights.grant_types,
        scopes: rights.scopes,
        default_scope: rights.default_scope,
        resources: rights.resources,
        default_resource: rights.default_resource,
        tenant: rights.tenant,
        registration,
        created: row.time(4)?,
        expires: row.opt_time(8)?,
        disabled_since,
        held: rights.held.unwrap_or(disabled_since.is_some()),
        not_before: row.opt_time(6)?,
        secrets: facts,
    };
    Ok(Entry { client: Arc::new(client), secrets })
}

fn secret(row: &Row) -> Result<(SecretFacts, LiveSecret), Fault> {
    let damaged = |problem: &str| Fault::Row {
        client: row.text(0).unwrap_or_default().to_owned(),
        problem: problem.to_owned(),
    };
    let number = u32::try_from(row.int(1)?).map_err(|_| damaged("a secret's number"))?;
    let stored = Stored::from_columns(row.text(2)?, row.text(3)?)
        .ok_or_else(|| damaged("a secret's hash"))?;
    let (expires, last_used) = (row.opt_time(5)?, row.opt_time(6)?);
    let used = last_used.map_or(i64::MIN, Timestamp::millis).into();
    let facts = SecretFacts { number, created: row.time(4)?, expires, last_used };
    Ok((facts, LiveSecret { number, stored, expires, last_used: used }))
}

/// `auth`, `rights`, `registration`.
fn columns(client: &Client) -> Result<[String; 3], StoreFault> {
    let rights = Rights {
        grant_types: client.grant_types.clone(),
        scopes: client.scopes.clone(),
        default_scope: client.default_scope.clone(),
        resources: client.resources.clone(),
        default_resource: client.default_resource.clone(),
        tenant: client.tenant.clone(),
        held: client.disabled_since.map(|_| client.held),
    };
    let auth = serde_json::to_string(&client.auth).map_err(StoreFault::rejected)?;
    let rights = serde_json::to_string(&rights).map_err(StoreFault::rejected)?;
    let registration = serde_json::to_string(&client.registration);
    Ok([auth, rights, registration.map_err(StoreFault::rejected)?])
}

/// False if the id is taken.
pub(crate) fn insert(tx: &mut Tx<'_>, client: &Client) -> Result<bool, StoreFault> {
    let [auth, rights, registration] = columns(client)?;
    let inserted = tx.execute(
        "INSERT INTO client (id, name, auth, rights, registration, created, expires) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        &[
            client.id.as_str().into(),
            (&client.name).into(),
            auth.into(),
            rights.into(),
            registration.into(),
            client.created.into(),
            client.expires.into(),
        ],
    )?;
    Ok(inserted == 1)
}

/// Everything but the id, the date and the secrets.
pub(crate) fn update(tx: &mut Tx<'_>, client: &Client) -> Result<(), StoreFault> {
    let [auth, rights, registration] = columns(client)?;
    tx.execute(
        "UPDATE client SET name = $1, auth = $2, rights = $3, registration = $4, \
         disabled_since = $5, not_before = $6, expires = $7 WHERE id = $8",
        &[
            (&client.name).into(),
            auth.into(),
            rights.into(),
            registration.into(),
            client.disabled_since.into(),
            client.not_before.into(),
            client.expires.into(),
            client.id.as_str().into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn insert_secret(
    tx: &mut Tx<'_>,
    id: &ClientId,
    number: u32,
    stored: &Stored,
    created: Timestamp,
) -> Result<(), StoreFault> {
    let (kind, hash) = stored.columns();
    tx.execute(
        "INSERT INTO client_secret (client_id, number, kind, hash, created) \
         VALUES ($1, $2, $3, $4, $5)",
        &[id.as_str().into(), number.into(), kind.into(), hash.into(), created.into()],
    )?;
    Ok(())
}

pub(crate) fn expire_secret(
    tx: &mut Tx<'_>,
    id: &ClientId,
    number: u32,
    at: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "UPDATE client_secret SET expires = $1 WHERE client_id = $2 AND number = $3",
        &[at.into(), id.as_str().into(), number.into()],
    )?;
    Ok(())
}

pub(crate) fn delete_secret(tx: &mut Tx<'_>, id: &ClientId, number: u32) -> Result<(), StoreFault> {
    tx.execute(
        "DELETE FROM client_secret WHERE client_id = $1 AND number = $2",
        &[id.as_str().into(), number.into()],
    )?;
    Ok(())
}

pub(crate) fn touch_secret(
    tx: &mut Tx<'_>,
    id: &ClientId,
    number: u32,
    at: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "UPDATE client_secret SET last_used = $1 WHERE client_id = $2 AND number = $3",
        &[at.into(), id.as_str().into(), number.into()],
    )?;
    Ok(())
}

/// True the first time.
pub(crate) fn insert_use(
    tx: &mut Tx<'_>,
    id: &ClientId,
    jti: &Jti,
    expires: Timestamp,
) -> Result<bool, StoreFault> {
    let inserted = tx.execute(
        "INSERT INTO assertion_use (client_id, jti, expires) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
        &[id.as_str().into(), jti.as_str().into(), expires.into()],
    )?;
    Ok(inserted == 1)
}

pub(crate) fn purge_uses(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute("DELETE FROM assertion_use WHERE expires <= $1", &[now.into()])
}
