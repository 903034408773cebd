//! Authorization codes (RFC 6749 §4.1.2): good once, for one client, for a minute.

use super::{
    CODE_KEPT, Code, CodeRandom, PORTION, end_grant, refuse,
    secret::{first, grant_of, mint},
};
use crate::{Authorization, opaque};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{ClientId, Denial, GrantId, GrantedFault, PersonId, Timestamp, Ttl};
use serde::{Deserialize, Serialize};

const GRANT_TYPE: &str = "authorization_code";

/// What a code stands for.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// What was granted.
    pub authorization: Authorization,
    /// `redirect_uri`, if the authorization request had it.
    pub redirect_uri: Option<String>,
    /// RFC 7636: of method S256.
    pub code_challenge: Option<String>,
    /// The thumbprint of the key that must redeem it (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// Until when.
    pub expires: Timestamp,
}

/// A code that is used up now, and what it stood for. Nothing about the caller was checked but its `client_id`.
#[derive(Clone, Debug)]
pub struct Redeemed {
    /// The name of what will come of it: see [`begin_grant`](super::begin_grant).
    pub grant: GrantId,
    /// What was granted.
    pub authorization: Authorization,
    /// See [`NewCode::redirect_uri`].
    pub redirect_uri: Option<String>,
    /// See [`NewCode::code_challenge`].
    pub code_challenge: Option<String>,
    /// See [`NewCode::dpop_jkt`].
    pub dpop_jkt: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    authorization: Authorization,
    redirect_uri: Option<String>,
    code_challenge: Option<String>,
    dpop_jkt: Option<String>,
}

/// Makes a code. Its record is that of the decision.
pub fn issue_code(
    tx: &mut Tx<'_>,
    new: NewCode,
    now: Timestamp,
    random: &CodeRandom,
) -> Result<Code, StoreFault> {
    let minted = mint(Code::PREFIX, now, random);
    let NewCode { authorization, redirect_uri, code_challenge, dpop_jkt, expires } = new;
    let content = Content { authorization, redirect_uri, code_challenge, dpop_jkt };
    let person = content.authorization.person.to_string();
    let content = serde_json::to_string(&content).map_err(StoreFault::rejected)?;
    tx.execute(
        "INSERT INTO authorization_code (id, secret, content, expires, person) \
         VALUES ($1, $2, $3, $4, $5)",
        &[
            (&minted.id).into(),
            (&minted.hash).into(),
            content.into(),
            expires.into(),
            person.into(),
        ],
    )?;
    Ok(Code::new(minted.text))
}

/// Uses a code up, whoever shows it. A second use ends what the first one yielded (RFC 6749 §4.1.2); publish
/// revocations after the commit.
pub fn redeem_code(
    tx: &mut Tx<'_>,
    code: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Result<Redeemed, Denial>, StoreFault> {
    let unknown = || refuse(GRANT_TYPE, GrantedFault::Unknown);
    let Some((id, secret)) = opaque::part(code) else { return Ok(unknown()) };
    let Some(grant) = grant_of(Code::PREFIX, id) else { return Ok(unknown()) };
    let sql = "SELECT secret, content, expires, used FROM authorization_code WHERE id = $1";
    let row = tx.query_row(sql, &[id.into()])?;
    let Some(row) = row else { return Ok(unknown()) };
    if !opaque::fits(row.blob(0)?, &secret) {
        return Ok(unknown());
    }
    if let Some(at) = row.opt_time(3)? {
        end_grant(tx, &grant, now)?;
        return Ok(refuse(GRANT_TYPE, GrantedFault::Used { grant, at }));
    }
    let sql = "UPDATE authorization_code SET used = $1 WHERE id = $2";
    tx.execute(sql, &[now.into(), id.into()])?;
    let expires = row.time(2)?;
    if expires <= now {
        return Ok(refuse(GRANT_TYPE, GrantedFault::Expired { at: expires }));
    }
    let content: Content = serde_json::from_str(row.text(1)?).map_err(StoreFault::rejected)?;
    let Content { authorization, redirect_uri, code_challenge, dpop_jkt } = content;
    if authorization.client_id != *client_id {
        let owner = authorization.client_id;
        return Ok(refuse(GRANT_TYPE, GrantedFault::OtherClient { owner }));
    }
    Ok(Ok(Redeemed { grant, authorization, redirect_uri, code_challenge, dpop_jkt }))
}

/// Lets the codes of a person expire that nobody redeemed.
pub(super) fn expire(tx: &mut Tx<'_>, person: &PersonId, now: Timestamp) -> Result<(), StoreFault> {
    // Older ones are good no more; so the walk is a short one along the key.
    let since = first(Code::PREFIX, now.minus(Ttl::seconds(600)));
    tx.execute(
        "UPDATE authorization_code SET expires = $1 WHERE id >= $2 AND person = $3 AND expires > $1",
        &[now.into(), since.into(), person.as_str().into()],
    )?;
    Ok(())
}

pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    let before = first(Code::PREFIX, now.minus(CODE_KEPT));
    tx.execute(
        "DELETE FROM authorization_code WHERE id IN \
         (SELECT id FROM authorization_code WHERE id < $1 ORDER BY id LIMIT $2)",
        &[before.into(), PORTION.into()],
    )
}
