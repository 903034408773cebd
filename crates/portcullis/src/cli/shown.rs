//! What came with a token to show whose it is, as options of the commands that judge tokens by hand.

use super::Stop;
use portcullis_jose::b64;
use portcullis_verify::{
    Holder, Scheme,
    dpop::{Header, Htu, PROOF_LIMIT},
};
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// The options where no route says which URL is asked for.
#[derive(Debug, clap::Args)]
pub(super) struct Shown {
    /// The DPoP proof that came with the token (RFC 9449).
    #[arg(long, value_name = "FILE", requires_all = ["method", "url"])]
    dpop_proof: Option<PathBuf>,
    /// The method of the request that the proof was made for.
    #[arg(long, value_name = "METHOD", requires = "dpop_proof")]
    method: Option<String>,
    /// The URL of the request that the proof was made for.
    #[arg(long, value_name = "URL", requires = "dpop_proof")]
    url: Option<String>,
    /// The SHA-256 of the TLS client certificate (RFC 8705), in base64url as in x5t#S256.
    #[arg(long, value_name = "X5T#S256", value_parser = certificate)]
    client_certificate: Option<[u8; 32]>,
}

impl Shown {
    /// The proof, read.
    pub(super) fn proof(&self) -> Result<Option<String>, Stop> {
        self.dpop_proof.as_deref().map(proof).transpose()
    }

    /// How the token was shown, and what came along.
    pub(super) fn holder<'a>(&'a self, proof: Option<&'a str>) -> (Scheme, Holder<'a>) {
        let holder = Holder {
            dpop: Header::of(proof.map(str::as_bytes)),
            htm: self.method.as_deref().unwrap_or_default(),
            htu: Htu::url(self.url.as_deref().unwrap_or_default()),
            client_certificate: self.client_certificate.as_ref(),
        };
        (scheme(proof), holder)
    }
}

/// A token that came with a proof came as `DPoP`.
pub(super) const fn scheme(proof: Option<&str>) -> Scheme {
    if proof.is_some() { Scheme::Dpop } else { Scheme::Bearer }
}

/// A proof in a file, without the line break at its end. Of a longer one than any that is accepted enough is
/// read for the checks to say so.
pub(super) fn proof(file: &Path) -> Result<String, Stop> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(2 * PROOF_LIMIT as u64).read_to_string(&mut text))
        .map_err(|fault| Stop::cannot_run(format!("{}: {fault}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// The hash in an `x5t#S256`.
pub(super) fn certificate(text: &str) -> Result<[u8; 32], String> {
    let bytes = b64::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| "this is no SHA-256 in base64url: 43 characters".into())
}
