//! `portcullis jose decrypt`

use super::input;
use crate::cli::{Format, Outcome, Stop};
use portcullis_jose::{
    jwe::{DecryptFault, Encrypted, JweFault, KeyAlg},
    jwk::KeyRing,
};
use serde_json::json;
use std::path::PathBuf;

/// Decrypt and print the plaintext.
///
/// Reads a JWE (compact, flattened or general), decrypts it, and writes the plaintext, byte for byte.
///
/// What decrypts was made by anyone who has the public key or shares the secret: if the plaintext is a
/// signed token, verify it next.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  portcullis jose decrypt --key private.json < letter.jwe
  portcullis jose decrypt --key private.json < nested.jwe | portcullis jose verify --jwks keys.json
  portcullis jose decrypt --key key.pem --alg RSA-OAEP-256 --json < letter.jwe
  portcullis jose decrypt --password-file pass.txt < letter.jwe")]
pub(crate) struct Decrypt {
    /// A private JWK or shared secret, a JWK Set, or a PKCS#8 key in PEM.
    #[arg(
        long,
        visible_alias = "jwks",
        required_unless_present = "password_file",
        value_name = "FILE"
    )]
    key: Option<PathBuf>,
    /// A password instead of a key.
    #[arg(long, conflicts_with = "key", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Accept only these algorithms.
    #[arg(long, value_name = "ALG", value_delimiter = ',')]
    alg: Vec<KeyAlg>,
    /// The JWE itself, or the file that holds it.
    #[arg(default_value = "-", value_name = "TOKEN|FILE")]
    input: PathBuf,
}

impl Decrypt {
    pub(super) fn run(self, format: Format) -> Outcome {
        let keys = match (&self.password_file, &self.key) {
            (Some(path), _) => KeyRing::one(input::password(path)?),
            (None, Some(path)) => input::keys(path)?,
            (None, None) => return Err(Stop::usage("--key or --password-file is needed")),
        };
        let text = input::message(&self.input)?;
        let decrypted = Encrypted::parse(&text)
            .and_then(|jwe| jwe.decrypt(&keys, &self.alg))
            .map_err(|fault| stop(&fault))?;
        match format {
            Format::Text => input::put(&decrypted.plaintext),
            Format::Json => {
                let (payload, encoding) = input::shown(&decrypted.plaintext);
                let answer = json!({
                    "alg": decrypted.alg.name(),
                    "enc": decrypted.enc.name(),
                    "kid": decrypted.kid,
                    "header": decrypted.header,
                    "payload": payload,
                    "payload_encoding": encoding,
                });
                format.print(&answer, String::new)
            }
        }
    }
}

fn stop(fault: &JweFault) -> Stop {
    let stop = Stop::refused(fault);
    match fault {
        JweFault::Signed => stop.hint("use portcullis jose verify"),
        JweFault::Refused(faults) => match faults.as_slice() {
            [DecryptFault::NotAccepted { .. }] => stop.hint("--alg says what you accept"),
            [DecryptFault::NoFit { .. }] => {
                stop.hint("give the private key or shared secret that it was encrypted for")
            }
            _ => stop,
        },
        _ => stop,
    }
}
