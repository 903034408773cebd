//! What is kept of sign-ins: one file for the person, which nobody else can read.

use super::super::{Stop, authority::Answer};
use portcullis_types::{Audience, ClientId, Issuer, Timestamp, Ttl};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

/// One sign-in. `Debug` is left out: it holds tokens.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::cli) struct Kept {
    pub(in crate::cli) client_id: ClientId,
    pub(in crate::cli) access_token: String,
    pub(in crate::cli) expires: Timestamp,
    pub(in crate::cli) scope: String,
    pub(in crate::cli) resource: Option<Audience>,
    pub(in crate::cli) refresh_token: String,
}

impl Kept {
    /// Out of the answer of the token endpoint.
    pub(super) fn of(
        answer: &Answer,
        client_id: &ClientId,
        resource: Option<Audience>,
        now: Timestamp,
    ) -> Result<Self, Stop> {
        let refresh_token = answer.text("refresh_token").map(str::to_owned).ok_or_else(|| {
            Stop::refused("the issuer gave no refresh token, so nothing could be kept")
                .hint("allow the client refresh_token and offline_access")
        })?;
        Self::new(answer, client_id.clone(), resource, (refresh_token, now))
    }

    /// Out of the answer to a refresh; the old refresh token stays if there is no new one.
    pub(super) fn renewed(
        old: Self,
        answer: &Answer,
        resource: Option<Audience>,
        now: Timestamp,
    ) -> Result<Self, Stop> {
        let refresh_token = answer.text("refresh_token").map_or(old.refresh_token, str::to_owned);
        Self::new(answer, old.client_id, resource, (refresh_token, now))
    }

    fn new(
        answer: &Answer,
        client_id: ClientId,
        resource: Option<Audience>,
        (refresh_token, now): (String, Timestamp),
    ) -> Result<Self, Stop> {
        let (Some(token), Some(seconds)) =
            (answer.text("access_token"), answer.number("expires_in"))
        else {
            return Err(answer.refusal());
        };
        Ok(Self {
            client_id,
            access_token: token.to_owned(),
            expires: now.plus(Ttl::seconds(seconds)),
            scope: answer.text("scope").unwrap_or_default().to_owned(),
            resource,
            refresh_token,
        })
    }
}

/// The file, open and locked until this is dropped.
pub(in crate::cli) struct Keep {
    file: File,
    path: PathBuf,
    all: BTreeMap<String, Kept>,
}

impl Keep {
    /// Opens the file, or makes it.
    pub(super) fn open() -> Result<Self, Stop> {
        let path = path()?;
        let fault = |fault: std::io::Error| {
            Stop::cannot_run(format!("cannot use {}: {fault}", path.display()))
        };
        if let Some(parent) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(fault)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(fault)?;
        file.lock().map_err(fault)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fault)?;
        let all = if text.trim().is_empty() {
            BTreeMap::new()
        } else {
            serde_json::from_str(&text).map_err(|_| {
                Stop::cannot_run(format!("{} is not what this command wrote", path.display()))
                    .hint("delete it and sign in again")
            })?
        };
        Ok(Self { file, path, all })
    }

    pub(super) fn get(&self, issuer: &Issuer) -> Option<Kept> {
        self.all.get(issuer.as_str()).cloned()
    }

    /// The issuer that somebody is signed in to here, if it is one alone.
    pub(super) fn only(&self) -> Result<Issuer, Stop> {
        let issuers: Vec<&str> = self.all.keys().map(String::as_str).collect();
        match *issuers {
            [one] => Issuer::new(one).map_err(Stop::cannot_run),
            [] => {
                Err(Stop::refused("nobody is signed in here").hint("portcullis login --issuer URL"))
            }
            [first, ..] => {
                let all = issuers.join(", ");
                Err(Stop::usage(format!("there are sign-ins to several issuers here: {all}"))
                    .hint(format!("name one: --issuer {first}")))
            }
        }
    }

    pub(super) fn insert(&mut self, issuer: &Issuer, kept: Kept) -> Result<(), Stop> {
        self.all.insert(issuer.to_string(), kept);
        self.write()
    }

    pub(super) fn remove(&mut self, issuer: &Issuer) -> Result<Option<Kept>, Stop> {
        let kept = self.all.remove(issuer.as_str());
        self.write()?;
        Ok(kept)
    }

    fn write(&mut self) -> Result<(), Stop> {
        let text = serde_json::to_string_pretty(&self.all).map_err(Stop::cannot_run)?;
        let write = |file: &mut File| {
            file.rewind()?;
            file.set_len(0)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write(&mut self.file).map_err(|fault| {
            Stop::cannot_run(format!("cannot write {}: {fault}", self.path.display()))
        })
    }
}

/// `$PORTCULLIS_LOGINS`, or below the person's configuration directory.
fn path() -> Result<PathBuf, Stop> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("PORTCULLIS_LOGINS") {
        return Ok(path.into());
    }
    let base = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    let base = base.ok_or_else(|| {
        Stop::cannot_run("there is no home directory to keep the sign-in in")
            .hint("set PORTCULLIS_LOGINS to a file")
    })?;
    Ok(base.join("portcullis").join("logins.json"))
}
