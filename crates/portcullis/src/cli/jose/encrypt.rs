//! `portcullis jose encrypt`

use super::input;
use crate::cli::{Outcome, Stop};
use portcullis_jose::{
    Serialization,
    jwe::{Aes, Enc, EncryptFault, Envelope, KeyAlg, Recipient, Sha, Zip},
    jwk::{Jwk, Material},
};
use std::path::PathBuf;

/// Encrypt standard input.
///
/// Encrypts standard input, byte for byte, and writes the JWE.
///
/// The algorithm is --alg, or the key's own, or RSA-OAEP-256 for RSA keys, ECDH-ES+A256KW for EC and
/// X25519 keys, and PBES2-HS512+A256KW for passwords. RSA1_5 is broken and is not offered.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  portcullis jose generate --alg ECDH-ES+A256KW --crv X25519 --public public.json > private.json
  portcullis jose encrypt --key public.json < letter.txt > letter.jwe
  portcullis jose encrypt --key secret.json --alg dir --enc A256GCM < letter.txt
  portcullis jose encrypt --key a.json --key b.json --serialization general < letter.txt
  portcullis jose encrypt --password-file pass.txt < letter.txt
  portcullis jose encrypt --password-file pass.txt --header '{\"p2c\":10000}' < letter.txt
                                        fewer PBES2 rounds, for receivers that refuse 600000")]
pub(crate) struct Encrypt {
    /// The recipient's JWK, JWK Set, or public key in PEM. Several share one general JWE.
    #[arg(long, required_unless_present = "password_file", value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Which key of a set.
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
    /// A password instead of a key.
    #[arg(long, conflicts_with = "key", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How the content key reaches the recipient.
    #[arg(long, value_name = "ALG")]
    alg: Option<KeyAlg>,
    /// How the content is encrypted.
    #[arg(long, value_name = "ENC", default_value = "A256GCM")]
    enc: Enc,
    /// Compress first. Do not, if an attacker can choose part of the text: the length tells the rest.
    #[arg(long)]
    zip: bool,
    /// The header's typ.
    #[arg(long)]
    typ: Option<String>,
    /// More members of the protected header, such as cty, apu, apv.
    #[arg(long, value_name = "JSON")]
    header: Option<String>,
    /// Data to authenticate but not encrypt (JSON forms only).
    #[arg(long, value_name = "FILE")]
    aad: Option<PathBuf>,
    /// How the result is written: compact, flattened or general.
    #[arg(long, value_name = "FORM", default_value = "compact", value_parser = input::serialization)]
    serialization: Serialization,
    /// The plaintext.
    #[arg(default_value = "-", value_name = "PLAINTEXT")]
    input: PathBuf,
}

impl Encrypt {
    pub(super) fn run(self) -> Outcome {
        let mut protected = input::header(self.header.as_deref())?;
        if let Some(typ) = &self.typ {
            protected.insert("typ".to_owned(), typ.as_str().into());
        }
        let keys = match &self.password_file {
            Some(path) => vec![input::password(path)?],
            None => self
                .key
                .iter()
                .map(|path| input::one_key(path, self.kid.as_deref()))
                .collect::<Result<_, _>>()?,
        };
        let aad = self.aad.as_deref().map(input::content).transpose()?;
        let mut recipients = Vec::new();
        for jwk in &keys {
            recipients.push(Recipient { jwk, alg: self.algorithm(jwk)? });
        }
        let plaintext = input::content(&self.input)?;
        let envelope = Envelope {
            enc: self.enc,
            protected,
            zip: if self.zip { Zip::Deflate } else { Zip::None },
            aad: aad.as_deref(),
            serialization: self.serialization,
        };
        let jwe = envelope.seal(&plaintext, &recipients).map_err(|fault| match fault {
            EncryptFault::Inflated { .. } => Stop::refused(fault).hint("leave --zip out"),
            fault => Stop::refused(fault),
        })?;
        input::put(format!("{jwe}\n").as_bytes())
    }

    fn algorithm(&self, jwk: &Jwk) -> Result<KeyAlg, Stop> {
        if let Some(alg) = self.alg {
            return Ok(alg);
        }
        if let Some(own) = &jwk.alg {
            if own.parse::<Enc>().is_ok() {
                return Ok(KeyAlg::Dir);
            }
            return own.parse().map_err(|_| {
                Stop::refused(format_args!("the key is for {own}, not for encryption"))
                    .hint("make one with: portcullis jose generate --alg ECDH-ES+A256KW")
            });
        }
        match &jwk.material {
            Material::Rsa(_) => Ok(KeyAlg::RsaOaep(Sha::Sha256)),
            Material::Ec(_) | Material::Okp(_) => Ok(KeyAlg::EcdhEs(Some(Aes::A256))),
            Material::Oct(_) if self.password_file.is_some() => Ok(KeyAlg::Pbes2(Aes::A256)),
            Material::Oct(_) => Err(Stop::usage("a shared secret that names no alg needs --alg")
                .hint("dir, A128KW, A192KW, A256KW, A128GCMKW, A192GCMKW, A256GCMKW or PBES2-…")),
        }
    }
}
