//! `portcullis init`

use super::{Exit, Globals, Outcome, Stop, talk};
use crate::clock::Chance;
use portcullis_keyring::KeyEncryptionKey;
use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const TEMPLATE: &str = include_str!("init/portcullis.toml");

/// Write a configuration to start from.
///
/// Writes portcullis.toml, with a comment to every setting, and beside it portcullis.key, the key that
/// encrypts all other keys. Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis init
  portcullis init --config /etc/portcullis/portcullis.toml")]
pub(super) struct Init {}

impl Init {
    pub(super) fn run(globals: &Globals) -> Outcome {
        let file = &globals.config;
        if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|fault| {
                Stop::cannot_run(format!("cannot create {}: {fault}", parent.display()))
            })?;
        }
        let key = file.with_file_name("portcullis.key");
        create(file, TEMPLATE, Who::Everybody)?;
        talk(format_args!("wrote {}", file.display()));
        if key.exists() {
            talk(format_args!("kept  {}", key.display()));
        } else {
            create(&key, &KeyEncryptionKey::generate(&mut Chance), Who::Owner)?;
            talk(format_args!(
                "wrote {}   keep it secret, and keep a copy: without it no key can be read",
                key.display()
            ));
        }
        talk("next: edit the first file, then run 'portcullis check' and 'portcullis serve'");
        Ok(Exit::Done)
    }
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    Owner,
    Everybody,
}

/// Writes a new file; one that exists is left alone.
pub(crate) fn create(path: &Path, content: &str, who: Who) -> Result<(), Stop> {
    let mode = match who {
        Who::Owner => 0o600,
        Who::Everybody => 0o644,
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(content.as_bytes())).map_err(|fault| {
        match fault.kind() {
            ErrorKind::AlreadyExists => Stop::refused(format!("{} exists already", path.display()))
                .hint("it is left as it is; delete it first, or name another with --config FILE"),
            _ => Stop::cannot_run(format!("cannot write {}: {fault}", path.display())),
        }
    })
}
