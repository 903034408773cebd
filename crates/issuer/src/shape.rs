//! A JWT for a client: signed by us, and encrypted to it if it registered that (OpenID Connect Core §10,
//! RFC 7519 §11.2: signed first).

use crate::server::State;
use portcullis_directory::{Client, Shape, WantedKey, encryption_algs};
use portcullis_jose::{
    Alg, Serialization, SigningFault,
    jwe::{EncryptFault, Envelope, Recipient as To, Zip},
};
use portcullis_types::Timestamp;
use serde::Serialize;
use serde_json::json;

/// For whom, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) now: Timestamp,
}

/// Why there is no JWT.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShapeFault {
    #[error("there is no key to sign {0} with")]
    NoKey(Alg),
    #[error("there is no key to sign with")]
    NoKeys,
    #[error(transparent)]
    Signing(#[from] SigningFault),
    #[error("the client has no key to encrypt to: {0}")]
    NoRecipient(String),
    #[error(transparent)]
    Encryption(#[from] EncryptFault),
}

/// The algorithm of a JWT for a client that registered none: what all of them understand, if we have it. FAPI 2.0
/// (Security Profile §5.4.1) leaves RS256 out.
pub(crate) fn default_alg(state: &State, client: &Client) -> Option<Alg> {
    let fits = |alg: &Alg| state.keys.signer(*alg).is_some() && client.admits_signing_alg(*alg);
    let first = [Alg::RS256, Alg::ES256].into_iter().find(fits);
    first.or_else(|| state.settings.signing_algs().into_iter().find(fits))
}

/// Signs `claims` under a header with `typ`, and encrypts the result as `shape` says.
pub(crate) async fn write(
    state: &State,
    to: Recipient<'_>,
    shape: &Shape,
    (typ, claims): (&str, &impl Serialize),
) -> Result<String, ShapeFault> {
    let alg = shape.signed.or_else(|| default_alg(state, to.client)).ok_or(ShapeFault::NoKeys)?;
    let key = state.keys.signer(alg).ok_or(ShapeFault::NoKey(alg))?;
    let signed = key.sign_compact(&key.header(typ), claims)?;
    match &shape.encrypted_alg {
        None => Ok(signed),
        Some(alg) => encrypted(state, to, (alg, shape.encrypted_enc.as_deref()), &signed).await,
    }
}

async fn encrypted(
    state: &State,
    to: Recipient<'_>,
    (alg, enc): (&str, Option<&str>),
    signed: &str,
) -> Result<String, ShapeFault> {
    let none = |why: &str| ShapeFault::NoRecipient(why.to_owned());
    let (alg, enc) = encryption_algs(alg, enc).ok_or_else(|| none("its algorithm is not known"))?;
    let keys = state.directory.keys_of(to.client, WantedKey::Any, to.now).await;
    let keys = keys.map_err(|trouble| ShapeFault::NoRecipient(trouble.to_string()))?;
    let jwk = keys.encryption_key(alg).ok_or_else(|| none("none fits its algorithm"))?;
    let mut protected = serde_json::Map::new();
    protected.insert("cty".to_owned(), json!("JWT"));
    let serialization = Serialization::Compact;
    let envelope = Envelope { enc, protected, zip: Zip::None, aad: None, serialization };
    Ok(envelope.seal(signed.as_bytes(), &[To { jwk, alg }])?)
}
