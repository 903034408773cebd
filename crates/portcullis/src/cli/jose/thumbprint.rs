//! `portcullis jose thumbprint`

use super::input;
use crate::cli::{Format, Outcome, Stop};
use portcullis_jose::jwk::{Hash, Jwk};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Print the RFC 7638 thumbprint of keys.
///
/// Reads a JWK, a JWK Set or a PEM file and writes a thumbprint per key. Private members do not count,
/// so a private key and its public half have the same one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  portcullis jose thumbprint < key.json
  portcullis jose thumbprint --hash sha-512 --uri keys.json")]
pub(crate) struct Thumbprint {
    /// sha-256, sha-384 or sha-512.
    #[arg(long, value_name = "HASH", default_value = "sha-256", value_parser = hash)]
    hash: Hash,
    /// Write urn:ietf:params:oauth:jwk-thumbprint:… (RFC 9278).
    #[arg(long)]
    uri: bool,
    /// The keys.
    #[arg(default_value = "-", value_name = "KEYS")]
    input: PathBuf,
}

fn hash(name: &str) -> Result<Hash, String> {
    let plain = name.to_ascii_lowercase().replace('-', "");
    [Hash::Sha256, Hash::Sha384, Hash::Sha512]
        .into_iter()
        .find(|hash| hash.name().replace('-', "") == plain)
        .ok_or_else(|| "must be sha-256, sha-384 or sha-512".to_owned())
}

impl Thumbprint {
    pub(super) fn run(self, format: Format) -> Outcome {
        let keys = input::keys(&self.input)?;
        if let Some(skipped) = keys.skipped().first() {
            let kid = skipped.kid.as_deref().unwrap_or("without kid");
            return Err(Stop::refused(format_args!(
                "the key {kid} is refused: {}",
                skipped.reason
            )));
        }
        let of = |jwk: &Jwk| {
            if self.uri { jwk.thumbprint_uri(self.hash) } else { jwk.thumbprint_with(self.hash) }
        };
        let list: Vec<Value> = keys
            .keys()
            .iter()
            .map(|jwk| json!({ "kid": jwk.kid, "kty": jwk.kty(), "thumbprint": of(jwk) }))
            .collect();
        format.print(&list, || keys.keys().iter().map(|jwk| of(jwk) + "\n").collect())
    }
}
