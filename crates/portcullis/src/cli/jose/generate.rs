//! `portcullis jose generate`

use super::input;
use crate::cli::{Outcome, Stop};
use portcullis_jose::{
    Alg, RsaBits, SigningKey,
    jwe::{Enc, KeyAlg},
    jwk::{AgreementCurve, Jwk, KeyFault},
};
use std::path::PathBuf;

/// Make a key and print it as a private JWK.
///
/// Makes a key from the operating system's randomness and writes it as a private JWK on one line.
///
/// Its kid is its thumbprint unless you name it; alg and use are set, so that it serves for nothing
/// else. Publish only what --public writes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  portcullis jose generate --alg ES256 --public public.json > private.json
  portcullis jose generate --alg RS256 --bits 3072 --kid 2026-01
  portcullis jose generate --alg ECDH-ES+A256KW --crv X25519
  portcullis jose generate --alg A256KW
  portcullis jose generate --alg HS256

Algorithms:
  signatures   RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K Ed25519 EdDSA
  HMAC         HS256 HS384 HS512
  encryption   RSA-OAEP RSA-OAEP-256 RSA-OAEP-384 RSA-OAEP-512
               ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW
               A128KW A192KW A256KW A128GCMKW A192GCMKW A256GCMKW
               A128GCM A192GCM A256GCM A128CBC-HS256 A192CBC-HS384 A256CBC-HS512 (for dir)")]
pub(crate) struct Generate {
    /// What the key is for.
    #[arg(long, value_name = "ALG", value_parser = purpose)]
    alg: Purpose,
    /// Its name.
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
    /// The size of an RSA key: 2048, 3072 or 4096.
    #[arg(long, default_value = "2048", value_parser = bits)]
    bits: RsaBits,
    /// The curve for ECDH-ES: P-256, P-384, P-521 or X25519.
    #[arg(long, default_value = "P-256", value_parser = curve)]
    crv: AgreementCurve,
    /// Write the public JWK to this file.
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

/// Any algorithm that a key can be bound to.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Sign(Alg),
    Manage(KeyAlg),
    Encrypt(Enc),
}

fn purpose(name: &str) -> Result<Purpose, String> {
    let sign = name.parse().map(Purpose::Sign).ok();
    let manage = || name.parse().map(Purpose::Manage).ok();
    let encrypt = || name.parse().map(Purpose::Encrypt).ok();
    match sign.or_else(manage).or_else(encrypt) {
        Some(Purpose::Manage(KeyAlg::Dir)) => {
            Err("a key for dir is bound to its content encryption: A256GCM, for example".to_owned())
        }
        Some(Purpose::Manage(KeyAlg::Rsa15)) => {
            Err("RSA1_5 is broken; use RSA-OAEP-256".to_owned())
        }
        Some(Purpose::Manage(KeyAlg::Pbes2(_))) => {
            Err("PBES2 takes a password: see encrypt --password-file".to_owned())
        }
        Some(purpose) => Ok(purpose),
        None => Err("unknown algorithm; --help lists them".to_owned()),
    }
}

fn bits(text: &str) -> Result<RsaBits, String> {
    match text {
        "2048" => Ok(RsaBits::B2048),
        "3072" => Ok(RsaBits::B3072),
        "4096" => Ok(RsaBits::B4096),
        _ => Err("must be 2048, 3072 or 4096".to_owned()),
    }
}

fn curve(name: &str) -> Result<AgreementCurve, String> {
    match name {
        "P-256" => Ok(AgreementCurve::P256),
        "P-384" => Ok(AgreementCurve::P384),
        "P-521" => Ok(AgreementCurve::P521),
        "X25519" => Ok(AgreementCurve::X25519),
        _ => Err("must be P-256, P-384, P-521 or X25519".to_owned()),
    }
}

impl Generate {
    pub(super) fn run(self) -> Outcome {
        let mut jwk = self.key().map_err(Stop::cannot_run)?;
        jwk.kid = Some(self.kid.clone().unwrap_or_else(|| jwk.thumbprint()));
        if let Some(path) = &self.public {
            let public = jwk.public().map_err(|_| {
                Stop::usage("a shared secret has no public half").hint("leave --public out")
            })?;
            let json = serde_json::to_string(&public).map_err(Stop::cannot_run)?;
            std::fs::write(path, json + "\n").map_err(|fault| {
                Stop::cannot_run(format_args!("cannot write {}: {fault}", path.display()))
            })?;
        }
        let json = jwk.to_private_json();
        input::put(json.as_bytes())?;
        input::put(b"\n")
    }

    fn key(&self) -> Result<Jwk, KeyFault> {
        let (mut jwk, name) = match self.alg {
            Purpose::Sign(alg) => {
                let jwk = match alg {
                    Alg::HS256 => Jwk::generate_secret(32)?,
                    Alg::HS384 => Jwk::generate_secret(48)?,
                    Alg::HS512 => Jwk::generate_secret(64)?,
                    _ => SigningKey::generate_sized(alg, self.bits)?.private_jwk()?,
                };
                (jwk, alg.name())
            }
            Purpose::Manage(alg) => {
                let jwk = match alg {
                    KeyAlg::Rsa15 | KeyAlg::RsaOaep(_) => Jwk::generate_rsa(self.bits)?,
                    KeyAlg::EcdhEs(_) => Jwk::generate_agreement(self.crv)?,
                    KeyAlg::Kw(aes) | KeyAlg::GcmKw(aes) | KeyAlg::Pbes2(aes) => {
                        Jwk::generate_secret(aes.length())?
                    }
                    KeyAlg::Dir => Jwk::generate_secret(
                        Enc::Gcm(portcullis_jose::jwe::Aes::A256).key_length(),
                    )?,
                };
                (jwk, alg.name())
            }
            Purpose::Encrypt(enc) => (Jwk::generate_secret(enc.key_length())?, enc.name()),
        };
        jwk.alg = Some(name.to_owned());
        jwk.usage =
            Some(if matches!(self.alg, Purpose::Sign(_)) { "sig" } else { "enc" }.to_owned());
        Ok(jwk)
    }
}
