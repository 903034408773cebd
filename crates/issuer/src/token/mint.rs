//! The access token (RFC 9068).

use super::{Course, Due, Fault, client_credentials::Grant, holder::Confirmation};
use crate::{Api, server::State, subject};
use portcullis_directory::Client;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Actor, Amr, ClientId, Details, IdentityScope, Jti, Rights, Scopes, Timestamp, Ttl,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// A signed token that nobody has yet.
pub(crate) struct Minted {
    pub(crate) access_token: String,
    pub(crate) scope: Scopes,
    pub(crate) ttl: Ttl,
    pub(crate) jti: Jti,
    pub(crate) kid: String,
    pub(crate) expires: Timestamp,
    pub(super) token_type: &'static str,
    client_id: ClientId,
    resource: String,
    issued: Timestamp,
}

/// RFC 9068 §2.2. `aud` is one string: a token for two APIs could be used by each at the other.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    /// RFC 9068 §5: without a person, the client is the subject.
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    /// RFC 7800 §3.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<&'a Confirmation>,
    #[serde(flatten)]
    person: Option<OfAPerson<'a>>,
    /// RFC 8693 §4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Actor>,
    /// RFC 9396 §9.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<&'a Details>,
    /// What was so in the token that came.
    #[serde(flatten)]
    carried: Option<&'a Map<String, Value>>,
}

/// What a token says that is issued for another one.
pub(super) struct OfAnExchange<'a> {
    pub(super) sub: &'a str,
    pub(super) actor: Option<&'a Actor>,
    pub(super) carried: &'a Map<String, Value>,
    pub(super) rights: &'a Rights,
}

/// RFC 9068 §2.2.1, §2.2.3.1, and the names by which it can be ended.
#[derive(Serialize)]
struct OfAPerson<'a> {
    /// Not known of every sign-in at another provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    acr: &'a str,
    amr: Vec<&'a str>,
    /// Not of a grant that outlives the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    grant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [String]>,
}

/// Tokens from before `not_before` are dead, and it may lie in the second that has just begun.
pub(super) fn after_all_that_is_dead(client: &Client, now: Timestamp) -> Timestamp {
    client.not_before.map_or(now, |dead| now.max(dead))
}

/// What differs between a token for the client itself and one for another token.
struct Words<'a> {
    api: &'a Api,
    sub: &'a str,
    scope: Scopes,
    tenant: Option<&'a str>,
    expires: Timestamp,
    cnf: Option<Confirmation>,
    act: Option<&'a Actor>,
    details: Option<&'a Details>,
    carried: Option<&'a Map<String, Value>>,
}

/// Signs a token for the client itself.
pub(super) fn to_itself(
    state: &State,
    client: &Client,
    (grant, cnf): (Grant<'_>, Option<Confirmation>),
    course: &mut Course,
) -> Result<Minted, Fault> {
    let Grant { api, scope, ttl } = grant;
    let words = Words {
        api,
        sub: client.id.as_str(),
        scope,
        tenant: client.tenant.as_ref().map(AsRef::as_ref),
        expires: after_all_that_is_dead(client, course.now).plus(ttl),
        cnf,
        act: None,
        details: None,
        carried: None,
    };
    signed(state, client, words, course)
}

/// Signs a token for another one (RFC 8693 §2.2.1).
pub(super) fn exchanged(
    state: &State,
    client: &Client,
    (api, words, cnf): (&Api, &OfAnExchange<'_>, Option<Confirmation>),
    course: &mut Course,
) -> Result<Minted, Fault> {
    let rights = words.rights;
    let words = Words {
        api,
        sub: words.sub,
        scope: rights.scopes.clone(),
        tenant: rights.tenant.as_ref().map(AsRef::as_ref),
        expires: rights.expires,
        cnf,
        act: words.actor,
        details: Some(&rights.details).filter(|details| !details.is_empty()),
        carried: Some(words.carried),
    };
    signed(state, client, words, course)
}

fn signed(
    state: &State,
    client: &Client,
    words: Words<'_>,
    course: &mut Course,
) -> Result<Minted, Fault> {
    let Words { api, scope, expires, .. } = words;
    let key = state.keys.signer(api.signing_alg).ok_or(Fault::NoKey(api.signing_alg))?;
    let issued = after_all_that_is_dead(client, course.now);
    let claims = Claims {
        iss: state.settings.issuer.as_str(),
        sub: words.sub,
        aud: api.resource.as_str(),
        client_id: client.id.as_str(),
        iat: issued.seconds(),
        exp: expires.seconds(),
        jti: course.jti.as_str(),
        scope: &scope.to_string(),
        tenant: words.tenant,
        cnf: words.cnf.as_ref(),
        person: None,
        act: words.act,
        authorization_details: words.details,
        carried: words.carried,
    };
    let access_token = key.sign_compact(&key.header("at+jwt"), &claims)?;
    let of_a_key = words.cnf.as_ref().is_some_and(Confirmation::is_of_a_key);
    let left = u64::try_from(expires.seconds() - issued.seconds()).unwrap_or_default();
    let minted = Minted {
        access_token,
        ttl: Ttl::seconds(left),
        token_type: if of_a_key { "DPoP" } else { "Bearer" },
        jti: course.jti.clone(),
        kid: key.kid().to_owned(),
        expires,
        client_id: client.id.clone(),
        resource: api.resource.to_string(),
        issued,
        scope,
    };
    course.granted(&minted);
    Ok(minted)
}

/// Signs a token on behalf of a person.
pub(super) fn for_a_person(state: &State, due: &Due) -> Result<String, Fault> {
    let granted = &due.authorization;
    let how = &granted.authentication;
    let offline = granted.identity.has(IdentityScope::OfflineAccess);
    let told_of = |scope, list| due.identity.has(scope).then_some(list);
    let session = granted.session.as_ref().filter(|_| !offline);
    let sid = session.map(|session| subject::session(state, &due.client, session));
    let claims = Claims {
        iss: state.settings.issuer.as_str(),
        sub: &due.sub,
        aud: due.aud.as_str(),
        client_id: due.client_id().as_str(),
        iat: due.issued.seconds(),
        exp: due.expires().seconds(),
        jti: due.jti.as_str(),
        scope: &due.words(),
        tenant: granted.tenant.as_ref().map(AsRef::as_ref),
        cnf: due.cnf.as_ref(),
        person: Some(OfAPerson {
            auth_time: how.auth_time(),
            acr: how.acr.name(),
            amr: how.amr.iter().copied().map(Amr::name).collect(),
            sid: sid.as_deref(),
            grant: due.grant.as_str(),
            roles: told_of(IdentityScope::Roles, due.person.roles.as_slice()),
            groups: told_of(IdentityScope::Groups, due.person.groups.as_slice()),
        }),
        act: None,
        authorization_details: None,
        carried: None,
    };
    Ok(due.key.sign_compact(&due.key.header("at+jwt"), &claims)?)
}

/// What the store keeps of a token.
pub(super) struct Row<'a> {
    pub(super) jti: &'a Jti,
    pub(super) client_id: &'a ClientId,
    pub(super) resource: &'a str,
    pub(super) scope: &'a str,
    pub(super) issued: Timestamp,
    pub(super) expires: Timestamp,
}

/// The grant as a row. The token itself is kept nowhere.
pub(super) fn insert(tx: &mut Tx<'_>, minted: &Minted) -> Result<(), StoreFault> {
    insert_row(
        tx,
        &Row {
            jti: &minted.jti,
            client_id: &minted.client_id,
            resource: &minted.resource,
            scope: &minted.scope.to_string(),
            issued: minted.issued,
            expires: minted.expires,
        },
    )
}

pub(super) fn insert_row(tx: &mut Tx<'_>, row: &Row<'_>) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO issued_token (jti, client_id, resource, scope, issued, expires) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            row.jti.as_str().into(),
            row.client_id.as_str().into(),
            row.resource.into(),
            row.scope.into(),
            row.issued.into(),
            row.expires.into(),
        ],
    )?;
    Ok(())
}
