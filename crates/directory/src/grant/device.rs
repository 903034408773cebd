//! Device codes (RFC 8628): one secret for the device, one short word for the person.

use super::{
    CodeRandom, DeviceCode, PORTION, Redeemed, end_grant, refuse,
    secret::{Drawn, first, grant_of, mint},
};
use crate::{Authorization, opaque};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{
    Audience, ClientId, Denial, Entropy as _, GrantId, GrantedFault, IdentityScopes, PersonId,
    Random, Scopes, Timestamp, Ttl,
};
use serde::{Deserialize, Serialize};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 8628 §6.1: no vowels, so no words; and no letter that looks like another.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS_LONG: usize = 8;
/// How long a device code lives.
const LIFE: Ttl = Ttl::seconds(600);
/// Between two questions of the device, at first.
const INTERVAL: Ttl = Ttl::seconds(5);
/// How long one that is over is remembered, so that the device hears what became of it.
const KEPT: Ttl = Ttl::seconds(3600);

/// What a device asks for.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// What for.
    pub request: DeviceRequest,
    /// The key that must redeem it, if the device showed one.
    pub dpop_jkt: Option<String>,
}

/// What the person is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Which app.
    pub client_id: ClientId,
    /// What it wants to learn about the person.
    pub identity: IdentityScopes,
    /// What it wants to do: known scopes, not narrowed yet.
    pub scope: Scopes,
    /// Where.
    pub resource: Option<Audience>,
    /// Whether the app itself named `resource`.
    pub resource_named: bool,
    /// The address of the device, as text.
    pub remote: Option<String>,
}

/// What the device is told.
#[derive(Debug)]
pub struct Device {
    /// For the device alone.
    pub device_code: DeviceCode,
    /// For the person: eight letters, without the hyphen that they are shown with.
    pub user_code: String,
    /// How long both live.
    pub life: Ttl,
    /// Between two questions.
    pub interval: Ttl,
}

/// What the person says.
#[derive(Clone, Debug)]
pub enum Decision {
    /// This is granted.
    Approve(Box<Authorization>),
    /// Nothing is.
    Deny,
}

const PENDING: i64 = 0;
const APPROVED: i64 = 1;
const DENIED: i64 = 2;
const USED: i64 = 3;

/// Begins a device grant. The record is the caller's. `randoms`: a user code that is taken is drawn again.
pub fn begin_device(
    tx: &mut Tx<'_>,
    new: &NewDevice,
    now: Timestamp,
    (random, codes): (&CodeRandom, &Random<64>),
) -> Result<Device, StoreFault> {
    let minted = mint(DeviceCode::PREFIX, now, random);
    let request = serde_json::to_string(&new.request).map_err(StoreFault::rejected)?;
    let mut drawn = Drawn(codes.bytes());
    for _ in 0..3 {
        let user_code = letters(&mut drawn);
        let inserted = tx.execute(
            "INSERT INTO device_code (id, secret, user_code, request, dpop_jkt, state, pause, expires) \
             VALUES ($1, $2, $3, $4, $5, 0, $6, $7) ON CONFLICT DO NOTHING",
            &[
                (&minted.id).into(),
                (&minted.hash).into(),
                (&user_code).into(),
                (&request).into(),
                new.dpop_jkt.as_deref().into(),
                millis(INTERVAL).into(),
                now.plus(LIFE).into(),
            ],
        )?;
        if inserted == 1 {
            let device_code = DeviceCode::new(minted.text);
            return Ok(Device { device_code, user_code, life: LIFE, interval: INTERVAL });
        }
    }
    Err(StoreFault::rejected("no user code is free"))
}

/// Letters without bias: a byte from 240 on is drawn again, and there are plenty.
fn letters(drawn: &mut Drawn<'_>) -> String {
    let mut word = String::with_capacity(LETTERS_LONG);
    for _ in 0..20 {
        let mut byte = [0];
        drawn.fill(&mut byte);
        let [byte] = byte;
        if byte < 240 && word.len() < LETTERS_LONG {
            let letter = LETTERS.get(usize::from(byte) % LETTERS.len()).copied();
            word.push(char::from(letter.unwrap_or(b'B')));
        }
    }
    while word.len() < LETTERS_LONG {
        word.push('B');
    }
    word
}

/// A user code as a person may type it: in any case, with hyphens and spaces wherever they like.
pub fn user_code(typed: &str) -> Option<String> {
    let letters: String = typed
        .chars()
        .filter(|c| !matches!(c, ' ' | '-'))
        .map(|c| c.to_ascii_uppercase())
        .take(LETTERS_LONG + 1)
        .collect();
    let good = letters.len() == LETTERS_LONG && letters.bytes().all(|b| LETTERS.contains(&b));
    good.then_some(letters)
}

/// What is asked under this user code, if it is waiting for a decision.
pub fn device_by_user_code(
    tx: &mut Tx<'_>,
    typed: &str,
    now: Timestamp,
) -> Result<Option<DeviceRequest>, StoreFault> {
    let Some(code) = user_code(typed) else { return Ok(None) };
    let sql = "SELECT request FROM device_code WHERE user_code = $1 AND state = 0 AND expires > $2";
    let row = tx.query_row(sql, &[code.into(), now.into()])?;
    row.map(|row| serde_json::from_str(row.text(0)?).map_err(StoreFault::rejected)).transpose()
}

/// Notes what the person decided, once. False: there is nothing to decide under this code. The record is the
/// caller's.
pub fn decide_device(
    tx: &mut Tx<'_>,
    typed: &str,
    decision: &Decision,
    now: Timestamp,
) -> Result<bool, StoreFault> {
    let Some(code) = user_code(typed) else { return Ok(false) };
    let (state, person, content) = match decision {
        Decision::Approve(authorization) => {
            let person = Some(authorization.person.as_str());
            (APPROVED, person, Some(serde_json::to_string(authorization)))
        }
        Decision::Deny => (DENIED, None, None),
    };
    let content = content.transpose().map_err(StoreFault::rejected)?;
    let decided = tx.execute(
        "UPDATE device_code SET state = $1, content = $2, person = $3 \
         WHERE user_code = $4 AND state = 0 AND expires > $5",
        &[state.into(), content.into(), person.into(), code.into(), now.into()],
    )?;
    Ok(decided == 1)
}

/// The device asks what became of it (RFC 8628 §3.4, §3.5). An approval is given out once.
pub fn poll_device(
    tx: &mut Tx<'_>,
    device_code: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Result<Redeemed, Denial>, StoreFault> {
    let unknown = || refuse(GRANT_TYPE, GrantedFault::Unknown);
    let Some((id, secret)) = opaque::part(device_code) else { return Ok(unknown()) };
    let Some(grant) = grant_of(DeviceCode::PREFIX, id) else { return Ok(unknown()) };
    let sql = "SELECT secret, request, dpop_jkt, state, pause, polled, expires, content \
         FROM device_code WHERE id = $1";
    let Some(row) = tx.query_row(sql, &[id.into()])? else { return Ok(unknown()) };
    if !opaque::fits(row.blob(0)?, &secret) {
        return Ok(unknown());
    }
    let request: DeviceRequest =
        serde_json::from_str(row.text(1)?).map_err(StoreFault::rejected)?;
    if request.client_id != *client_id {
        let owner = request.client_id;
        return Ok(refuse(GRANT_TYPE, GrantedFault::OtherClient { owner }));
    }
    became(tx, id, &row, grant, now)
}

fn became(
    tx: &mut Tx<'_>,
    id: &str,
    row: &Row,
    grant: GrantId,
    now: Timestamp,
) -> Result<Result<Redeemed, Denial>, StoreFault> {
    let (state, expires) = (row.int(3)?, row.time(6)?);
    if state == USED {
        end_grant(tx, &grant, now)?;
        let at = row.opt_time(5)?.unwrap_or(expires);
        return Ok(refuse(GRANT_TYPE, GrantedFault::Used { grant, at }));
    }
    if expires <= now {
        return Ok(refuse(GRANT_TYPE, GrantedFault::Expired { at: expires }));
    }
    if let Some(fault) = too_often(tx, id, row, now)? {
        return Ok(refuse(GRANT_TYPE, fault));
    }
    match state {
        PENDING => Ok(refuse(GRANT_TYPE, GrantedFault::Pending)),
        APPROVED => {
            let sql = "UPDATE device_code SET state = 3 WHERE id = $1";
            tx.execute(sql, &[id.into()])?;
            let authorization = serde_json::from_str(row.text(7)?).map_err(StoreFault::rejected)?;
            let dpop_jkt = row.opt_text(2)?.map(str::to_owned);
            Ok(Ok(Redeemed {
                grant,
                authorization,
                redirect_uri: None,
                code_challenge: None,
                dpop_jkt,
            }))
        }
        _ => Ok(refuse(GRANT_TYPE, GrantedFault::Denied)),
    }
}

/// RFC 8628 §3.5: 5 seconds more each time that the device does not wait.
fn too_often(
    tx: &mut Tx<'_>,
    id: &str,
    row: &Row,
    now: Timestamp,
) -> Result<Option<GrantedFault>, StoreFault> {
    let pause = Ttl::from_millis(row.int(4)?.unsigned_abs());
    // A network that delivers one question late and the next early is no impatience.
    let slack = Ttl::from_millis(500);
    let early = row.opt_time(5)?.is_some_and(|last| now.plus(slack) < last.plus(pause));
    let longer = Ttl::from_millis(row.int(4)?.unsigned_abs().saturating_add(5000));
    let pause = if early { longer } else { pause };
    let sql = "UPDATE device_code SET polled = $1, pause = $2 WHERE id = $3";
    tx.execute(sql, &[now.into(), millis(pause).into(), id.into()])?;
    Ok(early.then_some(GrantedFault::SlowDown { interval: pause }))
}

fn millis(ttl: Ttl) -> i64 {
    i64::try_from(ttl.duration().as_millis()).unwrap_or(i64::MAX)
}

/// Lets expire what a person approved and no device has asked for yet.
pub(super) fn expire(tx: &mut Tx<'_>, person: &PersonId, now: Timestamp) -> Result<(), StoreFault> {
    let since = first(DeviceCode::PREFIX, now.minus(LIFE));
    tx.execute(
        "UPDATE device_code SET expires = $1 WHERE id >= $2 AND person = $3 AND state = 1 AND expires > $1",
        &[now.into(), since.into(), person.as_str().into()],
    )?;
    Ok(())
}

pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    let before = first(DeviceCode::PREFIX, now.minus(KEPT));
    tx.execute(
        "DELETE FROM device_code WHERE id IN \
         (SELECT id FROM device_code WHERE id < $1 ORDER BY id LIMIT $2)",
        &[before.into(), PORTION.into()],
    )
}
