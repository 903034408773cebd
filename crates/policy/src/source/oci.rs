//! `oci://registry/repository:tag`: a bundle in a registry (OCI distribution specification 1.1).

use std::{fmt, str::FromStr};
use url::Url;

/// A bundle in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciReference {
    registry: String,
    repository: String,
    /// A tag, or `sha256:` and a digest.
    reference: String,
}

/// A text that names no bundle in a registry.
#[derive(Debug, thiserror::Error)]
#[error("this names no bundle in a registry; write oci://registry/repository:tag")]
pub struct NoReference;

impl OciReference {
    /// Where the registry answers: by https, or by http on this machine.
    pub fn base(&self) -> Option<Url> {
        let https = Url::parse(&format!("https://{}/", self.registry)).ok()?;
        if !portcullis_web::is_loopback(&https) {
            return Some(https);
        }
        Url::parse(&format!("http://{}/", self.registry)).ok()
    }

    pub(super) fn manifest(&self) -> Option<Url> {
        let path = format!("v2/{}/manifests/{}", self.repository, self.reference);
        self.base()?.join(&path).ok()
    }

    pub(super) fn blob(&self, digest: &str) -> Option<Url> {
        self.base()?.join(&format!("v2/{}/blobs/{digest}", self.repository)).ok()
    }

    /// The digest that the manifest must have, if one is named.
    pub(super) fn digest(&self) -> Option<&str> {
        self.reference.starts_with("sha256:").then_some(&*self.reference)
    }
}

impl FromStr for OciReference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, NoReference> {
        let rest = text.strip_prefix("oci://").ok_or(NoReference)?;
        let (registry, path) = rest.split_once('/').ok_or(NoReference)?;
        let (repository, reference) = match path.split_once('@') {
            Some((name, digest)) => (name.split(':').next().unwrap_or(name), digest),
            None => path.split_once(':').unwrap_or((path, "latest")),
        };
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let part = |part: &str| !part.is_empty() && part.chars().all(named) && !part.contains("..");
        let tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let reference_is_right = match reference.strip_prefix("sha256:") {
            Some(digits) => is_hex(digits),
            None => (1..=128).contains(&reference.len()) && reference.chars().all(tag),
        };
        let host = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
        let right = !registry.is_empty()
            && registry.chars().all(host)
            && repository.len() <= 255
            && repository.split('/').all(part)
            && reference_is_right;
        let found = Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        };
        (right && found.base().is_some()).then_some(found).ok_or(NoReference)
    }
}

/// Whether this is a SHA-256 in lower-case hex.
pub(super) fn is_hex(digits: &str) -> bool {
    digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.digest().is_some() { '@' } else { ':' };
        write!(f, "oci://{}/{}{mark}{}", self.registry, self.repository, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_written_the_same() {
        let digest = format!("oci://ghcr.io/acme/policies@sha256:{}", "a".repeat(64));
        for text in ["oci://ghcr.io/acme/policies:v1.2", "oci://127.0.0.1:5000/p:latest", &digest] {
            assert_eq!(text.parse::<OciReference>().unwrap().to_string(), text);
        }
        let latest: OciReference = "oci://registry.example/p".parse().unwrap();
        assert_eq!(latest.to_string(), "oci://registry.example/p:latest");
        assert_eq!(
            latest.manifest().unwrap().as_str(),
            "https://registry.example/v2/p/manifests/latest"
        );
    }

    #[test]
    fn what_leads_elsewhere_is_no_reference() {
        for text in [
            "https://registry.example/p",
            "oci://registry.example",
            "oci:///p",
            "oci://user:secret@registry.example/p",
            "oci://registry.example/../p",
            "oci://registry.example/p:a/b",
            "oci://registry.example/p?x",
            "oci://registry.example/P",
            "oci://registry.example/p@sha256:short",
        ] {
            assert!(text.parse::<OciReference>().is_err(), "{text}");
        }
    }
}
