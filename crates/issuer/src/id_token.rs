//! The ID token (OpenID Connect Core §2): who signed in, how and when, for one app.

use crate::{
    claims,
    server::State,
    shape::{Pen, ShapeFault},
    subject,
    token::Due,
};
use aws_lc_rs::digest::{self, Algorithm, digest};
use portcullis_jose::{Alg, b64};
use portcullis_types::{Amr, IdentityScope, IdentityScopes};
use serde_json::{Map, Value, json};

/// Signed, and encrypted if the app registered that: by a pen that was taken for it.
pub(crate) fn write(
    state: &State,
    due: &Due,
    (pen, access_token): (&Pen, &str),
) -> Result<String, ShapeFault> {
    let mut told = claims_of(state, due);
    told.insert("at_hash".to_owned(), half_hash(pen.alg(), access_token).into());
    pen.write("JWT", &told)
}

fn claims_of(state: &State, due: &Due) -> Map<String, Value> {
    let granted = &due.authorization;
    let how = &granted.authentication;
    // §5.4: the access token opens /userinfo, which tells the rest. Roles and groups stand here: apps decide by them.
    let both: IdentityScopes = [IdentityScope::Roles, IdentityScope::Groups].into_iter().collect();
    let here = due.identity.and(both);
    // What the app may learn may be less by now.
    let named = claims::allowed(&granted.claims, due.client.registration.identity);
    let mut told = claims::of(&due.person, here, &named.id_token);
    let amr: Vec<&str> = how.amr.iter().copied().map(Amr::name).collect();
    let ours = [
        ("iss", json!(state.settings.issuer)),
        ("sub", json!(due.sub)),
        ("aud", json!(due.client_id())),
        ("exp", json!(due.issued.plus(state.settings.token_ttl).seconds())),
        ("iat", json!(due.issued.seconds())),
        ("acr", json!(how.acr.name())),
        ("amr", json!(amr)),
    ];
    told.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    if let Some(auth_time) = how.auth_time() {
        told.insert("auth_time".to_owned(), json!(auth_time));
    }
    if let Some(nonce) = &due.nonce {
        told.insert("nonce".to_owned(), json!(nonce));
    }
    if let Some(session) = &granted.session {
        let sid = subject::session(state, &due.client, session);
        told.insert("sid".to_owned(), json!(sid));
    }
    told
}

/// `at_hash` (§3.1.3.6): the left half of the hash that the signature uses.
fn half_hash(alg: Alg, token: &str) -> String {
    let hash = digest(hash_of(alg), token.as_bytes());
    let half = hash.as_ref().split_at(hash.as_ref().len() / 2).0;
    b64::encode(half)
}

fn hash_of(alg: Alg) -> &'static Algorithm {
    match alg {
        Alg::ES384 | Alg::RS384 | Alg::PS384 | Alg::HS384 => &digest::SHA384,
        Alg::ES512 | Alg::RS512 | Alg::PS512 | Alg::HS512 | Alg::EdDSA | Alg::Ed25519 => {
            &digest::SHA512
        }
        _ => &digest::SHA256,
    }
}
