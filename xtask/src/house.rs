//! Where things are.

use crate::trouble::{Outcome, Trouble};
use std::path::PathBuf;
use xshell::{Shell, cmd};

/// The checkout, its target directory, and a shell that stands in the checkout.
pub(crate) struct House {
    pub(crate) sh: Shell,
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl House {
    /// Asks cargo.
    pub(crate) fn find() -> Outcome<Self> {
        let sh = Shell::new()?;
        let path = std::env::var("PATH").unwrap_or_default();
        sh.set_var("PATH", format!("{path}:/usr/sbin:/sbin"));
        if sh.var_os("CI").is_some() && sh.var_os("CARGO_TARGET_DIR").is_none() {
            // Outside the checkout: a fresh clone finds what the last one compiled.
            let home = sh.var("HOME")?;
            sh.set_var("CARGO_TARGET_DIR", format!("{home}/.cache/portcullis/target"));
        }
        let metadata = cmd!(sh, "cargo metadata --format-version 1 --no-deps").quiet().read()?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let path = |member: &str| {
            let text = metadata.get(member).and_then(serde_json::Value::as_str);
            text.map(PathBuf::from)
                .ok_or_else(|| Trouble::new(format!("cargo metadata has no {member}")))
        };
        let (root, target) = (path("workspace_root")?, path("target_directory")?);
        sh.change_dir(&root);
        Ok(Self { sh, root, target })
    }

    /// Whether a program is there.
    pub(crate) fn has(&self, program: &str) -> bool {
        cmd!(self.sh, "sh -c 'command -v \"$0\"' {program}").quiet().ignore_stdout().run().is_ok()
    }
}
