//! Policies as they are named on the command line: a directory, or a bundle in one file.

use super::{Stop, shown};
use crate::cli::jose::input;
use portcullis_policy::{
    Bundle, Files, Level, Refused,
    source::{Archive, Delivery, MAX_PACKED, Trusted},
};
use portcullis_types::Registry;
use std::path::Path;

/// The files at `path`, unchecked, if they can be read at all.
pub(super) fn read(path: &Path) -> Result<Result<Files, Refused>, Stop> {
    if path.is_file() {
        return Ok(Archive::read(&packed(path)?).and_then(|archive| archive.files()));
    }
    super::there(path)?;
    Ok(Files::read(path))
}

/// The files at `path`, unchecked.
pub(super) fn files(path: &Path) -> Result<Files, Stop> {
    read(path)?.map_err(|refused| stop(path, refused))
}

/// The policies at `path`; it is refused if they have a mistake. Nobody needs to have signed them.
pub(super) fn load(path: &Path, registry: &Registry) -> Result<Bundle, Stop> {
    Bundle::of(files(path)?, registry).map_err(|refused| stop(path, refused))
}

/// The policies at `path`, to be put somewhere. If anybody is `trusted`, they must have signed them.
pub(super) fn deliver(
    path: &Path,
    trusted: Option<&Trusted>,
    registry: &Registry,
) -> Result<Delivery, Stop> {
    if path.is_file() {
        let opened = Delivery::open(packed(path)?, trusted, registry);
        return opened.map_err(|refused| stop(path, refused));
    }
    if trusted.is_some() {
        super::there(path)?;
        let path = path.display();
        let what = format!(
            "{path} is a directory, which nobody can sign, and verification_keys are configured"
        );
        return Err(Stop::refused(what).hint(format!(
            "portcullis policy build {path} --signing-key KEY -o bundle.tar.gz, and apply that"
        )));
    }
    Delivery::of(load(path, registry)?).map_err(|refused| stop(path, refused))
}

fn packed(path: &Path) -> Result<Vec<u8>, Stop> {
    input::bytes(path, MAX_PACKED)
}

pub(super) fn stop(path: &Path, refused: Refused) -> Stop {
    let errors = refused.findings.into_iter().filter(|finding| finding.level == Level::Error);
    let errors: Vec<_> = errors.map(|finding| shown(path, &finding)).collect();
    let path = path.display();
    Stop::refused(format_args!("the policies in {path} are refused\n{}", errors.join("\n")))
}
