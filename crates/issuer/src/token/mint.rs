//! The access token (RFC 9068).

use super::{client_credentials::Grant, course::Course, error::Fault};
use crate::server::State;
use portcullis_directory::Client;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{ClientId, Jti, Scopes, Timestamp, Ttl};
use serde::Serialize;

/// A signed token that nobody has yet.
pub(crate) struct Minted {
    pub(crate) access_token: String,
    pub(crate) scope: Scopes,
    pub(crate) ttl: Ttl,
    pub(crate) jti: Jti,
    pub(crate) kid: String,
    pub(crate) expires: Timestamp,
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
    scope: &'a Scopes,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
}

/// Signs a token for the client itself.
pub(crate) fn access_token(
    state: &State,
    client: &Client,
    grant: Grant<'_>,
    course: &mut Course,
) -> Result<Minted, Fault> {
    let Grant { api, scope } = grant;
    let key = state.keys.signer(api.signing_alg).ok_or(Fault::NoKey(api.signing_alg))?;
    let ttl = api.token_ttl.unwrap_or(state.settings.token_ttl);
    // Tokens from before `not_before` are dead, and it may lie in the second that has just begun.
    let issued = client.not_before.map_or(course.now, |dead| course.now.max(dead));
    let expires = issued.plus(ttl);
    let claims = Claims {
        iss: state.settings.issuer.as_str(),
        sub: client.id.as_str(),
        aud: api.resource.as_str(),
        client_id: client.id.as_str(),
        iat: issued.seconds(),
        exp: expires.seconds(),
        jti: course.jti.as_str(),
        scope: &scope,
        tenant: client.tenant.as_ref().map(AsRef::as_ref),
    };
    let access_token = key.sign_compact(&key.header("at+jwt"), &claims)?;
    let minted = Minted {
        access_token,
        ttl,
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

/// The grant as a row. The token itself is kept nowhere.
pub(crate) fn insert(tx: &mut Tx<'_>, minted: &Minted) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO issued_token (jti, client_id, resource, scope, issued, expires) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            minted.jti.as_str().into(),
            minted.client_id.as_str().into(),
            (&minted.resource).into(),
            minted.scope.to_string().into(),
            minted.issued.into(),
            minted.expires.into(),
        ],
    )?;
    Ok(())
}
