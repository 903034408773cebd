//! Globex: no provider, but a key, of which we have the public half.

use crate::cli::{Stop, Who, create};
use portcullis_jose::{Alg, SigningKey, jwk::Jwk};
use std::path::{Path, PathBuf};

/// Where the key goes in the tenant's file.
const NO_KEYS: &str = "keys = []";

/// Whoever holds the key.
pub(super) struct Globex {
    /// The private half, as JWK.
    pub(super) key: PathBuf,
}

impl Globex {
    /// Makes the key, or finds that of an earlier start.
    pub(super) fn with_key_in(directory: &Path) -> Result<Self, Stop> {
        let key = directory.join("globex.jwk");
        if !key.exists() {
            let made = SigningKey::generate(Alg::ES256).and_then(|key| key.private_jwk());
            create(&key, &made.map_err(Stop::cannot_run)?.to_private_json(), Who::Owner)?;
        }
        Ok(Self { key })
    }

    /// The tenant's file with the public half in it.
    pub(super) fn publish(&self, tenant: &str) -> Result<String, Stop> {
        let text = std::fs::read_to_string(&self.key).map_err(Stop::cannot_run)?;
        let jwk = Jwk::parse(text.as_bytes())
            .and_then(|jwk| SigningKey::from_jwk(&jwk, Some(Alg::ES256))?.public_jwk());
        let jwk = serde_json::to_value(jwk.map_err(Stop::cannot_run)?).map_err(Stop::cannot_run)?;
        let members = jwk.as_object().into_iter().flatten();
        let members: Vec<String> =
            members.map(|(name, value)| format!("{name} = {value}")).collect();
        Ok(tenant.replace(NO_KEYS, &format!("keys = [{{ {} }}]", members.join(", "))))
    }
}
