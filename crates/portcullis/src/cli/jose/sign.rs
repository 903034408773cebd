//! `portcullis jose sign`

use super::input;
use crate::cli::{Outcome, Stop};
use portcullis_jose::{
    Alg, Serialization,
    jws::{Draft, Placement, Signer},
};
use std::path::PathBuf;

/// Sign standard input.
///
/// Signs standard input, byte for byte, and writes the JWS.
///
/// The header gets the key's alg and, if it has one, its kid. --header adds members; with
/// {"b64":false} the payload is signed unencoded (RFC 7797).
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  portcullis jose generate --alg ES256 > key.json
  printf '{\"sub\":\"me\"}' | portcullis jose sign --key key.json --typ JWT
  portcullis jose sign --key key.json --detached --serialization flattened < body.bin
  portcullis jose sign --key a.json --key b.json --serialization general < text")]
pub(crate) struct Sign {
    /// A private JWK, a JWK Set, or a PKCS#8 key in PEM. Several sign one general JWS.
    #[arg(long, required = true, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Which key of a set.
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
    /// The algorithm, if the key leaves a choice.
    #[arg(long, value_name = "ALG")]
    alg: Option<Alg>,
    /// The header's typ.
    #[arg(long)]
    typ: Option<String>,
    /// More members of the protected header.
    #[arg(long, value_name = "JSON")]
    header: Option<String>,
    /// How the result is written: compact, flattened or general.
    #[arg(long, value_name = "FORM", default_value = "compact", value_parser = input::serialization)]
    serialization: Serialization,
    /// Leave the payload out of the result.
    #[arg(long)]
    detached: bool,
    /// The payload.
    #[arg(default_value = "-", value_name = "PAYLOAD")]
    input: PathBuf,
}

impl Sign {
    pub(super) fn run(self) -> Outcome {
        let mut shared = input::header(self.header.as_deref())?;
        if let Some(typ) = &self.typ {
            shared.insert("typ".to_owned(), typ.as_str().into());
        }
        let mut signers = Vec::new();
        for path in &self.key {
            let jwk = input::one_key(path, self.kid.as_deref())?;
            let signer = Signer::from_jwk(&jwk, self.alg).map_err(|fault| {
                Stop::refused(format_args!("the key in {} cannot sign: {fault}", path.display()))
            })?;
            let mut header = shared.clone();
            if let Some(kid) = jwk.kid.filter(|_| !shared.contains_key("kid")) {
                header.insert("kid".to_owned(), kid.into());
            }
            signers.push((signer, header));
        }
        let payload = input::content(&self.input)?;
        let placement = if self.detached { Placement::Detached } else { Placement::Attached };
        let draft = Draft { payload: &payload, placement, serialization: self.serialization };
        let jws = draft.sign(&signers).map_err(Stop::refused)?;
        input::put(format!("{jws}\n").as_bytes())
    }
}
