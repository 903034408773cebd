//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14). All of one grant are a family, of which one lives.
//!
//! Each holds a secret of its family, its number, and a secret of its own. The row of the grant has hashes of the
//! family's secret, of the living token's and of its predecessor's. Whoever knows the family's secret and does not
//! show the living token holds an old or a foreign one: that ends the family. The one exception is the
//! immediate predecessor within the grace after its use: its answer may have been lost, so it is answered again,
//! and whatever that answer held is dead. So of thief and owner one at most holds a living token, and the
//! other's next use ends it.

use super::{
    Bound, GrantSettings, RefreshToken, RevocationKind, end_grant, life, refuse, revoke,
    secret::{grant_of, sibling},
};
use crate::{
    Authorization,
    opaque::{self, Hash, fits, sha256},
};
use portcullis_jose::b64;
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{
    ClientId, Denial, GrantId, GrantedFault, Jti, Random, SessionId, Timestamp,
};

const GRANT_TYPE: &str = "refresh_token";
const FAMILY: usize = 16;
const NUMBER: usize = 4;

/// The randomness of a refresh token, drawn before the transaction.
pub type RefreshRandom = Random<48>;

/// A refresh token that somebody showed: of a grant in force, of this client. It is not used yet.
#[derive(Debug)]
pub struct Shown {
    /// The grant that it belongs to.
    pub grant: GrantId,
    /// What was granted.
    pub authorization: Authorization,
    /// The key that whoever shows it must hold.
    pub bound: Option<Bound>,
    standing: Standing,
    family: [u8; FAMILY],
    number: u32,
    /// The access token that came with the living refresh token.
    jti: Option<Jti>,
}

/// Which one of its family it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Living,
    /// The immediate predecessor, within its grace.
    Lost,
    Dead {
        /// When the family was last used.
        at: Timestamp,
    },
}

/// A token, taken apart.
struct Parts {
    family: [u8; FAMILY],
    number: u32,
    own: Hash,
}

/// Gives a grant its first refresh token.
pub fn issue_refresh(
    tx: &mut Tx<'_>,
    grant: &GrantId,
    bound: Option<&Bound>,
    now: Timestamp,
    random: &RefreshRandom,
) -> Result<RefreshToken, StoreFault> {
    let max = tx.attached::<GrantSettings>().unwrap_or_default().max;
    let (family, own) = drawn(random);
    let bound = bound.map(serde_json::to_string).transpose().map_err(StoreFault::rejected)?;
    tx.execute(
        "UPDATE app_grant SET family = $1, secret = $2, number = 1, bound = $3, expires = $4 WHERE id = $5",
        &[
            (&sha256(&family)).into(),
            (&sha256(&own)).into(),
            bound.into(),
            now.plus(max).into(),
            grant.as_str().into(),
        ],
    )?;
    Ok(written(grant, &family, 1, &own))
}

/// Looks a refresh token up. Changes nothing but the session's last use: what it is good for is decided by
/// [`Shown::living`], after the caller has shown the key.
pub fn show_refresh(
    tx: &mut Tx<'_>,
    token: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Result<Shown, Denial>, StoreFault> {
    let Some((grant, parts)) = taken_apart(token) else {
        return Ok(refuse(GRANT_TYPE, GrantedFault::Unknown));
    };
    let Some(row) = row(tx, &grant)? else {
        return Ok(refuse(GRANT_TYPE, GrantedFault::Unknown));
    };
    if !fits(row.opt_blob(0)?.unwrap_or_default(), &sha256(&parts.family)) {
        return Ok(refuse(GRANT_TYPE, GrantedFault::Unknown));
    }
    let settings = tx.attached::<GrantSettings>().unwrap_or_default();
    if let Err(fault) = in_force(tx, &row, &grant, client_id, (&settings, now))? {
        return Ok(refuse(GRANT_TYPE, fault));
    }
    let jti = row.opt_text(9)?.map(Jti::new).transpose().map_err(StoreFault::rejected)?;
    Ok(Ok(Shown {
        standing: standing(&row, &parts, &settings, now)?,
        authorization: serde_json::from_str(row.text(5)?).map_err(StoreFault::rejected)?,
        bound: life::bound(row.opt_text(6)?)?,
        family: parts.family,
        number: u32::try_from(row.int(1)?).unwrap_or(u32::MAX),
        jti,
        grant,
    }))
}

fn row(tx: &mut Tx<'_>, grant: &GrantId) -> Result<Option<Row>, StoreFault> {
    tx.query_row(
        "SELECT family, number, secret, previous, rotated, content, bound, client_id, session, jti, last_used, \
         expires, ended FROM app_grant WHERE id = $1",
        &[grant.as_str().into()],
    )
}

fn in_force(
    tx: &mut Tx<'_>,
    row: &Row,
    grant: &GrantId,
    client_id: &ClientId,
    (settings, now): (&GrantSettings, Timestamp),
) -> Result<Result<(), GrantedFault>, StoreFault> {
    let owner = ClientId::new(row.text(7)?).map_err(StoreFault::rejected)?;
    if owner != *client_id {
        return Ok(Err(GrantedFault::OtherClient { owner }));
    }
    if let Some(at) = row.opt_time(12)? {
        return Ok(Err(GrantedFault::Ended { grant: grant.clone(), at }));
    }
    let at = row.time(11)?.min(row.time(10)?.plus(settings.idle));
    if at <= now {
        return Ok(Err(GrantedFault::Expired { at }));
    }
    let Some(session) = row.opt_text(8)? else { return Ok(Ok(())) };
    let session = SessionId::new(session).map_err(StoreFault::rejected)?;
    Ok(if life::session_alive(tx, &session, now)? {
        Ok(())
    } else {
        Err(GrantedFault::SessionOver { session })
    })
}

fn standing(
    row: &Row,
    parts: &Parts,
    settings: &GrantSettings,
    now: Timestamp,
) -> Result<Standing, StoreFault> {
    let living = row.int(1)?;
    let shown = i64::from(parts.number);
    if shown == living && fits(row.opt_blob(2)?.unwrap_or_default(), &parts.own) {
        return Ok(Standing::Living);
    }
    let rotated = row.opt_time(4)?;
    let lost = shown + 1 == living
        && fits(row.opt_blob(3)?.unwrap_or_default(), &parts.own)
        && rotated.is_some_and(|rotated| now < rotated.plus(settings.grace));
    Ok(if lost { Standing::Lost } else { Standing::Dead { at: row.time(10)? } })
}

impl Shown {
    /// Whether it may be used. A dead one ends its family (RFC 9700 §4.14.2); publish revocations after the
    /// commit.
    pub fn living(
        &self,
        tx: &mut Tx<'_>,
        now: Timestamp,
    ) -> Result<Result<(), Denial>, StoreFault> {
        let Standing::Dead { at } = self.standing else { return Ok(Ok(())) };
        end_grant(tx, &self.grant, now)?;
        let grant = self.grant.clone();
        Ok(refuse(GRANT_TYPE, GrantedFault::Used { grant, at }))
    }

    /// Uses it, and gives its successor: for public clients. `jti` is the access token that goes with it. Whether
    /// an access token was revoked, so that revocations must be published.
    pub fn rotate(
        self,
        tx: &mut Tx<'_>,
        jti: &Jti,
        now: Timestamp,
        random: &RefreshRandom,
    ) -> Result<(RefreshToken, bool), StoreFault> {
        let (_, own) = drawn(random);
        let id = self.grant.as_str();
        let replaced = self.standing == Standing::Lost;
        let number = if replaced { self.number } else { self.number.saturating_add(1) };
        let hash = sha256(&own);
        if replaced {
            // Nobody is known to have the answer that this one stands in for; whoever has it loses it. The
            // grace goes on from the first use.
            let sql = "UPDATE app_grant SET secret = $1, jti = $2, last_used = $3 WHERE id = $4";
            tx.execute(sql, &[(&hash).into(), jti.as_str().into(), now.into(), id.into()])?;
            if let Some(lost) = &self.jti {
                revoke(tx, RevocationKind::Token, lost.as_str(), now)?;
            }
        } else {
            tx.execute(
                "UPDATE app_grant SET previous = secret, secret = $1, number = $2, jti = $3, last_used = $4, \
                 rotated = $4 WHERE id = $5",
                &[
                    (&hash).into(),
                    number.into(),
                    jti.as_str().into(),
                    now.into(),
                    id.into(),
                ],
            )?;
        }
        Ok((written(&self.grant, &self.family, number, &own), replaced && self.jti.is_some()))
    }
}

/// Looks up whose refresh token it is, in force or not, for those who end or inspect it. Neither client nor key
/// were checked. The second says whether it is the living one.
pub fn refresh_token(
    tx: &mut Tx<'_>,
    token: &str,
    now: Timestamp,
) -> Result<Option<(GrantId, ClientId, bool)>, StoreFault> {
    let Some((grant, parts)) = taken_apart(token) else { return Ok(None) };
    let Some(row) = row(tx, &grant)? else { return Ok(None) };
    if !fits(row.opt_blob(0)?.unwrap_or_default(), &sha256(&parts.family)) {
        return Ok(None);
    }
    let client_id = ClientId::new(row.text(7)?).map_err(StoreFault::rejected)?;
    let settings = tx.attached::<GrantSettings>().unwrap_or_default();
    let living = standing(&row, &parts, &settings, now)? == Standing::Living
        && in_force(tx, &row, &grant, &client_id, (&settings, now))?.is_ok();
    Ok(Some((grant, client_id, living)))
}

/// What was granted, by a token of it. Nothing is checked but that it is one.
pub(super) fn authorization(
    tx: &mut Tx<'_>,
    token: &str,
) -> Result<Option<Authorization>, StoreFault> {
    let Some((grant, parts)) = taken_apart(token) else { return Ok(None) };
    let Some(row) = row(tx, &grant)? else { return Ok(None) };
    if !fits(row.opt_blob(0)?.unwrap_or_default(), &sha256(&parts.family)) {
        return Ok(None);
    }
    serde_json::from_str(row.text(5)?).map(Some).map_err(StoreFault::rejected)
}

fn drawn(random: &RefreshRandom) -> ([u8; FAMILY], [u8; 32]) {
    let (mut family, mut own) = ([0; FAMILY], [0; 32]);
    let bytes = random.bytes();
    family.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    own.iter_mut().zip(bytes.iter().skip(FAMILY)).for_each(|(to, from)| *to = *from);
    (family, own)
}

fn written(grant: &GrantId, family: &[u8; FAMILY], number: u32, own: &[u8; 32]) -> RefreshToken {
    let secret = [family.as_slice(), &number.to_be_bytes(), own].concat();
    let id = sibling(RefreshToken::PREFIX, grant);
    RefreshToken::new(format!("{id}.{}", b64::encode(&secret)).into())
}

fn taken_apart(token: &str) -> Option<(GrantId, Parts)> {
    let (id, secret) = token.split_once('.')?;
    let grant = grant_of(RefreshToken::PREFIX, id)?;
    if secret.len() > 128 {
        return None;
    }
    let secret = b64::decode(secret).ok()?;
    let (family, rest) = secret.split_first_chunk::<FAMILY>()?;
    let (number, own) = rest.split_first_chunk::<NUMBER>()?;
    let own: &[u8; 32] = own.try_into().ok()?;
    let parts =
        Parts { family: *family, number: u32::from_be_bytes(*number), own: opaque::sha256(own) };
    Some((grant, parts))
}
