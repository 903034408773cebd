//! Where bundles come from: a directory, or one file as OPA makes it.

mod archive;
mod manifest;

pub use archive::{Archive, MAX_PACKED};
pub use manifest::Manifest;
