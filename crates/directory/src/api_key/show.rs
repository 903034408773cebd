//! A key is shown, to be exchanged. Unknown, ended and another tenant's: one answer, after the same work.

use super::{ApiKey, mark, rows};
use crate::{Client, Directory, Fault, opaque, secret::Tag};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, Inbound, InboundFault, Timestamp};
use std::net::IpAddr;

/// How exactly the last use is remembered, in milliseconds.
const GRAIN: i64 = 60_000;

impl Directory {
    /// The key that was presented, if it is in force and its tenant is one that the client speaks for. Failures are
    /// counted for the client and the address, as those of client secrets are. The outer error is ours.
    ///
    /// That it is still in force is for [`use_api_key`] to say, in the transaction of what it is used for.
    pub async fn api_key(
        &self,
        presented: &str,
        (client, from): (&Client, Option<IpAddr>),
        now: Timestamp,
    ) -> Result<Result<ApiKey, Denial>, Fault> {
        let throttle = &self.inner().throttle;
        // Apart from the client's own secret: a wrong key locks no client out.
        let name = format!("{} api key", client.id);
        let place = throttle.place(Some(&name), from);
        if let Err(throttled) = throttle.check(place, Some(client.id.as_str()), now) {
            return Ok(Err(throttled));
        }
        let mark = mark(&opaque::sha256(presented.as_bytes()), &self.inner().key);
        let found = self.inner().store.read(move |tx| rows::by_mark(tx, &mark)).await?;
        let (key, kept) = match found {
            Some((key, kept)) => (Some(key), kept),
            None => (None, Tag::NONE),
        };
        let fits = mark.equals(&kept);
        let judged = judged(key.filter(|_| fits), client, now);
        match &judged {
            Ok(_) => throttle.succeeded(place, now),
            Err(_) => throttle.failed(place, now),
        }
        Ok(judged.map_err(bad))
    }
}

/// A client of a tenant speaks for that tenant alone; only one of nobody's exchanges the operator's own keys.
fn judged(key: Option<ApiKey>, client: &Client, now: Timestamp) -> Result<ApiKey, String> {
    let key = key.ok_or_else(|| "a key that is not registered".to_owned())?;
    if client.tenant.is_some() && client.tenant != key.tenant {
        return Err(match &key.tenant {
            Some(tenant) => format!("{}, of tenant {tenant}", key.id),
            None => format!("{}, of no tenant", key.id),
        });
    }
    match key.ended(now) {
        Some(problem) => Err(problem),
        None => Ok(key),
    }
}

fn bad(problem: String) -> Denial {
    let fault = InboundFault::BadApiKey { problem };
    Denial::BadInbound { inbound: Inbound::SubjectToken, fault }
}

/// Notes that a key is used, in the transaction of what it is used for. Refused if it was ended meanwhile.
pub fn use_api_key(
    tx: &mut Tx<'_>,
    id: &str,
    now: Timestamp,
) -> Result<Result<(), Denial>, StoreFault> {
    let Some(key) = rows::one(tx, id)? else {
        return Ok(Err(bad(format!("{id} was removed"))));
    };
    if let Some(problem) = key.ended(now) {
        return Ok(Err(bad(problem)));
    }
    if key.last_used.is_none_or(|used| now.millis_since(used) >= GRAIN) {
        rows::touch(tx, id, now)?;
    }
    Ok(Ok(()))
}
