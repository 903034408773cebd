//! `portcullis completions`

use super::{Outcome, data};
use clap_complete::Shell;

/// Print a completion script for a shell.
///
/// The script goes to standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis completions bash > ~/.local/share/bash-completion/completions/portcullis
  portcullis completions zsh > ~/.zfunc/_portcullis")]
pub(super) struct Completions {
    /// The shell to complete in.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, command: &mut clap::Command) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "portcullis", &mut script);
        data(String::from_utf8_lossy(&script))
    }
}
