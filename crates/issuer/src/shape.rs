//! A JWT for a client: signed by us, and encrypted to it if it registered that (OpenID Connect Core §10,
//! RFC 7519 §11.2: signed first).

use crate::server::State;
use portcullis_directory::{Client, KeysTrouble, PublicKeys, Shape, WantedKey, encryption_algs};
use portcullis_jose::{
    Alg, Serialization, SigningFault, SigningKey,
    jwe::{Enc, EncryptFault, Envelope, KeyAlg, Recipient as To, Zip},
};
use portcullis_types::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

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
    NoRecipient(&'static str),
    #[error("the client's key to encrypt to cannot be had now: {0}")]
    Unreachable(String),
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

/// What a JWT for a client is made with. Whoever uses something up for it has this in hand before.
pub(crate) struct Pen {
    key: Arc<SigningKey>,
    to: Option<Addressee>,
}

/// Whom it is encrypted to.
struct Addressee {
    keys: Arc<PublicKeys>,
    alg: KeyAlg,
    enc: Enc,
}

impl Pen {
    /// Finds our key, and that of the client if it registered encryption: that may lie at its `jwks_uri`.
    pub(crate) async fn take(
        state: &State,
        to: Recipient<'_>,
        shape: &Shape,
    ) -> Result<Self, ShapeFault> {
        let alg = shape.signed.or_else(|| default_alg(state, to.client));
        let alg = alg.ok_or(ShapeFault::NoKeys)?;
        let key = state.keys.signer(alg).ok_or(ShapeFault::NoKey(alg))?;
        let to = match &shape.encrypted_alg {
            None => None,
            Some(alg) => Some(addressee(state, to, (alg, shape.encrypted_enc.as_deref())).await?),
        };
        Ok(Self { key, to })
    }

    /// What it signs with.
    pub(crate) fn alg(&self) -> Alg {
        self.key.alg()
    }

    /// Signs `claims` under a header with `typ`, and encrypts the result if that is wanted.
    pub(crate) fn write(&self, typ: &str, claims: &impl Serialize) -> Result<String, ShapeFault> {
        let signed = self.key.sign_compact(&self.key.header(typ), claims)?;
        let Some(Addressee { keys, alg, enc }) = &self.to else { return Ok(signed) };
        let (alg, enc) = (*alg, *enc);
        let jwk = keys.encryption_key(alg).ok_or(ShapeFault::NoRecipient(NONE_FITS))?;
        let mut protected = serde_json::Map::new();
        protected.insert("cty".to_owned(), json!("JWT"));
        let serialization = Serialization::Compact;
        let envelope = Envelope { enc, protected, zip: Zip::None, aad: None, serialization };
        Ok(envelope.seal(signed.as_bytes(), &[To { jwk, alg }])?)
    }
}

/// As [`Pen::take`] and [`Pen::write`], where nothing is used up.
pub(crate) async fn write(
    state: &State,
    to: Recipient<'_>,
    shape: &Shape,
    (typ, claims): (&str, &impl Serialize),
) -> Result<String, ShapeFault> {
    Pen::take(state, to, shape).await?.write(typ, claims)
}

async fn addressee(
    state: &State,
    to: Recipient<'_>,
    (alg, enc): (&str, Option<&str>),
) -> Result<Addressee, ShapeFault> {
    let none = ShapeFault::NoRecipient;
    let (alg, enc) = encryption_algs(alg, enc).ok_or(none("its algorithm is not known"))?;
    let keys = state.directory.keys_of(to.client, WantedKey::Any, to.now).await;
    let keys = keys.map_err(|trouble| match trouble {
        KeysTrouble::Unreachable { .. } => ShapeFault::Unreachable(trouble.to_string()),
        KeysTrouble::None => {
            tracing::warn!(client_id = %to.client.id, fault = %trouble, "no key to encrypt to");
            none("it has none")
        }
    })?;
    keys.encryption_key(alg).ok_or(none(NONE_FITS))?;
    Ok(Addressee { keys, alg, enc })
}

const NONE_FITS: &str = "none fits its algorithm";
