//! `portcullis jose verify`

use super::input;
use crate::cli::{Format, Outcome, Stop};
use portcullis_jose::{
    Alg,
    jws::{Content, HeaderFault, JwsFault, Refusal, SignatureFault, Signed},
};
use serde_json::json;
use std::path::PathBuf;

/// Check a signature and print the payload.
///
/// Reads a JWS (compact, flattened or general), verifies it, and writes its payload, byte for byte.
///
/// The keys come from you alone: jwk, jku, x5u and x5c in a header are never used. In a set, the kid
/// chooses; a token without kid is tried with every key that fits. A key serves one algorithm: the one
/// it names, or that its curve has, or, for RSA keys that name none, the RSA one of the header. One good
/// signature is enough; --json says which. No claim is checked: see `portcullis token verify`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  portcullis jose verify --jwks keys.json < token
  curl -s https://issuer.example/jwks | portcullis jose verify --jwks - token.txt
  portcullis jose verify --key public.pem --alg ES256 --json < token
  portcullis jose verify --key key.json --detached body.bin < signature")]
pub(crate) struct Verify {
    /// A JWK, a JWK Set, or a public key in PEM.
    #[arg(long, visible_alias = "jwks", value_name = "FILE")]
    key: PathBuf,
    /// Accept only these algorithms.
    #[arg(long, value_name = "ALG", value_delimiter = ',')]
    alg: Vec<Alg>,
    /// The payload, if the JWS does not carry it.
    #[arg(long, value_name = "FILE")]
    detached: Option<PathBuf>,
    /// The JWS itself, or the file that holds it.
    #[arg(default_value = "-", value_name = "TOKEN|FILE")]
    input: PathBuf,
}

impl Verify {
    pub(super) fn run(self, format: Format) -> Outcome {
        let keys = input::keys(&self.key)?;
        let text = input::message(&self.input)?;
        let detached = self.detached.as_deref().map(input::content).transpose()?;
        let content = detached.as_deref().map_or(Content::Attached, Content::Detached);
        let verified = Signed::parse(&text)
            .and_then(|signed| signed.verify(&keys, &self.alg, content))
            .map_err(|fault| stop(&fault, &text))?;
        match format {
            Format::Text => input::put(&verified.payload),
            Format::Json => {
                let (payload, encoding) = input::shown(&verified.payload);
                let answer = json!({
                    "alg": verified.alg,
                    "kid": verified.kid,
                    "header": verified.header,
                    "payload": payload,
                    "payload_encoding": encoding,
                });
                format.print(&answer, String::new)
            }
        }
    }
}

fn stop(fault: &JwsFault, text: &str) -> Stop {
    let stop = Stop::refused(fault);
    match (fault, hint(fault)) {
        (_, Some(hint)) => stop.hint(hint),
        (JwsFault::Refused(_), None) if text.contains("..") => stop
            .hint("the payload segment is empty: if it is detached, give it with --detached FILE"),
        _ => stop,
    }
}

fn hint(fault: &JwsFault) -> Option<&'static str> {
    let refusal = match fault {
        JwsFault::Encrypted => return Some("use portcullis jose decrypt"),
        JwsFault::Detached => return Some("give it with --detached FILE"),
        JwsFault::NotDetached => return Some("leave --detached out"),
        JwsFault::Refused(refusals) => match refusals.as_slice() {
            [one] => one,
            _ => return None,
        },
        JwsFault::Header(HeaderFault::Critical { .. }) => {
            return Some("whoever made it demands an extension that is not supported here");
        }
        _ => return None,
    };
    match refusal {
        Refusal::Header(HeaderFault::None) => {
            Some("anyone can write such a token; it proves nothing and is never accepted")
        }
        Refusal::NoKey { .. } => Some("fetch the issuer's current key set"),
        Refusal::NoFit { alg, .. } if alg.is_symmetric() => Some(
            "an HMAC token needs the shared secret; a public key would let everyone sign (an old attack)",
        ),
        Refusal::NotAccepted { .. } => Some("--alg says what you accept"),
        Refusal::Signature(SignatureFault::Length { alg, .. }) if alg.curve().is_some() => {
            Some("JOSE signatures are the two numbers side by side, not DER (RFC 7518 §3.4)")
        }
        Refusal::Signature(SignatureFault::Invalid) => {
            Some("check that the key belongs to the issuer and that the token was copied whole")
        }
        _ => None,
    }
}
