//! `.manifest`: what a bundle says of itself.

use crate::{Finding, Refused};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What OPA writes into `.manifest`. Members that mean nothing here are let be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What whoever built it calls it: a commit, a version. Not what we call it by.
    #[serde(default)]
    pub revision: String,
    /// What it may speak about, as paths; `None` or an empty path is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<Vec<String>>,
    /// 0 or 1; `None` is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rego_version: Option<u8>,
    /// Anything.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl Manifest {
    pub(super) fn read(json: &[u8]) -> Result<Self, Refused> {
        let unread = |what: String, remedy: &str| -> Refused {
            Finding::error((".manifest", 0), what, remedy).into()
        };
        let manifest: Self = serde_json::from_slice(json).map_err(|fault| {
            unread(format!("it cannot be read: {fault}"), "write JSON as OPA documents it")
        })?;
        match manifest.rego_version {
            None | Some(1) => Ok(manifest),
            Some(other) => Err(unread(
                format!("the policies are in version {other} of Rego"),
                "write them in version 1; 'opa fmt --rego-v1' helps",
            )),
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether the path of a rule or of data, with `/` between, is within the roots.
    pub(super) fn covers(&self, path: &str) -> bool {
        let within = |root: &str, path: &str| {
            let rest = path.strip_prefix(root);
            root.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.roots
            .as_ref()
            .is_none_or(|roots| roots.iter().any(|root| within(root.trim_matches('/'), path)))
    }
}
