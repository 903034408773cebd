//! Files and environment variables that the configuration names: they must exist.

use super::{
    findings::{Findings, Place},
    read::{Section, Value, secret_in_file},
    settings::SecretSource,
};
use portcullis_keyring::KeyEncryptionKey;
use portcullis_types::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What the check can see of the machine.
#[derive(Clone, Copy)]
pub(crate) struct Machine<'a> {
    /// The directory that relative paths start from: that of the configuration.
    pub(crate) base: &'a Path,
    /// Whether an environment variable is set.
    pub(crate) env: &'a dyn Fn(&str) -> bool,
    /// What the configuration is about to be used for.
    pub(crate) purpose: Purpose,
    /// What time it is.
    pub(crate) now: Timestamp,
}

/// What the configuration is about to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be looked at: the environment of the server may be another.
    Check,
    /// To work with the data, which needs the key-encryption key only.
    Command,
    /// To be served, now.
    Serve,
}

impl Machine<'_> {
    /// A path as written, from the directory of the configuration.
    pub(super) fn path(&self, value: &Value<'_>, out: &mut Findings) -> Option<PathBuf> {
        value.text(out).map(|text| self.base.join(text))
    }

    /// Where the database lies: only its owner should be able to write there.
    pub(super) fn data_dir(
        &self,
        value: Option<&Value<'_>>,
        out: &mut Findings,
    ) -> Option<PathBuf> {
        let path = match value {
            Some(value) => self.path(value, out)?,
            None => self.base.join("portcullis-data"),
        };
        let mode = path.metadata().map_or(0, |found| found.permissions().mode());
        if mode & 0o002 != 0 {
            let place =
                value.map_or(Place { key: "data_dir".to_owned(), span: 0..0 }, Value::place);
            out.warning(
                &place,
                format!("everybody on this machine can write to {}", path.display()),
            )
            .expected("a directory that only its owner can write to")
            .hint(format!("chmod 700 {}", path.display()));
        }
        Some(path)
    }

    /// `{ file = … }` or `{ env = … }`, of which the file holds a key-encryption key. Says nothing of
    /// what it holds instead.
    pub(super) fn key(&self, value: &Value<'_>, out: &mut Findings) -> Option<SecretSource> {
        let source = self.secret(value, out)?;
        let SecretSource::File(path) = &source else { return Some(source) };
        let file = value.section(&mut Findings::default()).and_then(|mut table| table.get("file"));
        let place = file.as_ref().unwrap_or(value).place();
        let mode = path.metadata().map_or(0, |found| found.permissions().mode());
        if mode & 0o077 != 0 {
            let problem =
                format!("others can get at this key: its file has mode {:o}", mode & 0o777);
            out.warning(&place, problem)
                .expected("mode 600")
                .hint(format!("chmod 600 {}", path.display()));
        }
        let mut text = String::new();
        // A key is short; what is longer is none.
        let read = File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text));
        let text = SecretString::from(text);
        let fault = match (read, KeyEncryptionKey::parse(text.expose_secret())) {
            (Ok(_), Ok(_)) => return Some(source),
            (Ok(_), Err(fault)) => fault.to_string(),
            (Err(fault), _) if fault.kind() == ErrorKind::InvalidData => {
                "it is not text".to_owned()
            }
            (Err(fault), _) => reason(&fault),
        };
        out.error(&place, format!("the key in this file cannot be used: {fault}"))
            .expected("32 random bytes as 43 base64url characters or 64 hex digits")
            .hint("'portcullis init' makes one where none is; so does: openssl rand -hex 32");
        None
    }

    /// A file that must be there and readable.
    pub(super) fn file(&self, value: &Value<'_>, out: &mut Findings) -> Option<PathBuf> {
        let path = self.path(value, out)?;
        match File::open(&path).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_file() => Some(path),
            Ok(_) => {
                out.error(&value.place(), "this is no file")
                    .expected(format!("a file at {}", path.display()));
                None
            }
            Err(fault) => {
                out.error(&value.place(), format!("the file cannot be read: {}", reason(&fault)))
                    .expected(format!("a file at {}", path.display()));
                None
            }
        }
    }

    /// The name of an environment variable, which must be set when we serve.
    pub(super) fn variable(&self, value: &Value<'_>, out: &mut Findings) -> Option<String> {
        let name = value.text(out)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || !name.chars().all(fits)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            // Whoever writes the secret in place of its name must not find it in a log.
            out.mask(value.place().span);
            out.error(&value.place(), "this is not the name of an environment variable")
                .expected("letters, digits and '_', such as MODEL_KEY")
                .hint("write the name of the variable that holds the secret, not the secret");
            return None;
        }
        if !(self.env)(name) {
            let problem = format!("the environment variable {name} is not set");
            match self.purpose {
                Purpose::Serve => {
                    out.error(&value.place(), problem).hint(format!("set it: export {name}=…"))
                }
                Purpose::Check => out
                    .warning(&value.place(), problem)
                    .hint("it must be set when the server starts"),
                Purpose::Command => out,
            };
        }
        Some(name.to_owned())
    }

    /// `{ file = … }` or `{ env = … }`.
    pub(super) fn secret(&self, value: &Value<'_>, out: &mut Findings) -> Option<SecretSource> {
        if value.as_text().is_some() {
            out.mask(value.place().span);
            out.error(&value.place(), "a secret is written in this file")
                .expected("where it is")
                .hint("name where it is: { file = \"portcullis.key\" } or { env = \"PORTCULLIS_KEY\" }");
            return None;
        }
        let mut table = value.section(out)?;
        let source = self.source(&mut table, ("file", "env"), out);
        table.finish(out);
        source
    }

    /// Exactly one of two keys: a file or an environment variable.
    pub(super) fn source(
        &self,
        table: &mut Section<'_>,
        (file, env): (&'static str, &'static str),
        out: &mut Findings,
    ) -> Option<SecretSource> {
        match (table.get(file), table.get(env)) {
            (Some(value), None) => self.file(&value, out).map(SecretSource::File),
            (None, Some(value)) => self.variable(&value, out).map(SecretSource::Env),
            (Some(_), Some(value)) => {
                out.error(&value.place(), format!("both {file} and {env} are given"))
                    .hint("keep one of them");
                None
            }
            (None, None) => {
                let literal = file.strip_suffix("_file").and_then(|_| table.get("value"));
                match literal {
                    Some(value) => {
                        out.mask(value.place().span);
                        secret_in_file(&value.place(), "value", out);
                    }
                    None => {
                        out.error(
                            &table.place().clone(),
                            format!("neither {file} nor {env} is given"),
                        )
                        .expected(format!("{file} = \"…\" or {env} = \"…\""));
                    }
                }
                None
            }
        }
    }
}

/// Why a file cannot be read, in few words.
pub(crate) fn reason(fault: &std::io::Error) -> String {
    match fault.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => fault.to_string(),
    }
}
