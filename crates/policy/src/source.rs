//! Where bundles come from: a directory, one file as OPA makes it, or a server that has such files.

mod archive;
mod manifest;
mod oci;
mod remote;
mod signature;

pub use archive::{Archive, MAX_PACKED};
pub use manifest::Manifest;
pub use oci::{NoReference, OciReference};
pub use remote::{Fetched, Place, Remote};
pub use signature::{Trusted, sign};

use crate::{Bundle, Finding, Refused, diff};
use portcullis_types::Registry;

/// A bundle that came as one file, and may be put into force.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The policies.
    pub bundle: Bundle,
    /// The file that they came in.
    pub packed: Vec<u8>,
    /// What whoever built it calls it.
    pub label: Option<String>,
}

impl Delivery {
    /// Unpacks, checks and compiles a file. If anybody is `trusted`, it must be signed by one of them.
    ///
    /// Does not run the tests.
    pub fn open(
        packed: Vec<u8>,
        trusted: Option<&Trusted>,
        registry: &Registry,
    ) -> Result<Self, Refused> {
        let archive = Archive::read(&packed)?;
        if let Some(trusted) = trusted {
            trusted.verify(&archive)?;
        }
        let manifest = archive.manifest()?;
        let bundle = Bundle::of(archive.files()?, registry)?;
        within_roots(&bundle, &manifest)?;
        let label = Some(manifest.revision).filter(|revision| !revision.is_empty());
        Ok(Self { bundle, packed, label })
    }

    /// A bundle that did not come as a file, packed.
    pub fn of(bundle: Bundle) -> Result<Self, Refused> {
        let packed = Archive::of(bundle.files(), &Manifest::default()).packed()?;
        Ok(Self { bundle, packed, label: None })
    }
}

/// A bundle speaks about nothing but what its manifest says: whoever signs for one part decides no other.
fn within_roots(bundle: &Bundle, manifest: &Manifest) -> Result<(), Refused> {
    if manifest.roots.is_none() {
        return Ok(());
    }
    for name in diff::said(bundle)?.into_keys() {
        let path = name.strip_prefix("data.").unwrap_or(&name).replace('.', "/");
        if !manifest.covers(&path) {
            let what = format!("'{name}' lies outside of the roots that the manifest names");
            return Err(
                Finding::error((".manifest", 0), what, "add its root, or take it out").into()
            );
        }
    }
    Ok(())
}
