//! `portcullis policy build`

use super::source;
use crate::cli::{Globals, Outcome, Stop, jose::input};
use portcullis_policy::{
    Bundle,
    source::{Archive, Manifest, sign},
};
use serde_json::json;
use std::path::PathBuf;

/// Pack policies into one file, as OPA packs them, and sign it if a key is given.
///
/// The same policies always give the same file, unless they are signed with ECDSA. OPA takes it too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy build -o bundle.tar.gz
  portcullis policy build policies --revision v7 --signing-key key.pem -o bundle.tar.gz")]
pub(in crate::cli) struct Build {
    #[command(flatten)]
    policies: super::Policies,
    /// The file to write.
    #[arg(short, long, value_name = "FILE", default_value = "bundle.tar.gz")]
    output: PathBuf,
    /// What you call it: a commit, a version.
    #[arg(long, default_value = "", hide_default_value = true)]
    revision: String,
    /// A private JWK, or a PKCS#8 key in PEM: RSA, EC or Ed25519.
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// What the signature calls the key, if not as the key does itself.
    #[arg(long, value_name = "KID", requires = "signing_key")]
    key_id: Option<String>,
    /// What the signature is for; verification_scope asks for it.
    #[arg(long, requires = "signing_key")]
    scope: Option<String>,
}

impl Build {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let dir = &self.policies.dir;
        let stop = |refused| source::stop(dir, refused);
        let bundle: Bundle = source::load(dir, &super::registry(globals)?)?;
        let roots = Some(vec![String::new()]);
        let (revision, rego_version) = (self.revision, Some(1));
        let manifest = Manifest { revision, roots, rego_version, ..Manifest::default() };
        let mut archive = Archive::of(bundle.files(), &manifest);
        if let Some(file) = &self.signing_key {
            let key = input::one_key(file, None)?;
            sign(&mut archive, &key, (self.key_id, self.scope)).map_err(stop)?;
        }
        let packed = archive.packed().map_err(stop)?;
        std::fs::write(&self.output, &packed).map_err(|fault| {
            let file = self.output.display();
            Stop::cannot_run(format!("cannot write {file}: {}", crate::config::reason(&fault)))
        })?;
        let answer = json!({
            "file": self.output.display().to_string(),
            "revision": bundle.revision(),
            "bytes": packed.len(),
            "signed": self.signing_key.is_some(),
        });
        globals.format.print(&answer, || {
            let signed = if self.signing_key.is_some() { ", signed" } else { "" };
            let (file, short) = (self.output.display(), bundle.revision().short());
            format!("{file}: {short}, {} bytes{signed}\n", packed.len())
        })
    }
}
