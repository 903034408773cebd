//! A command that runs while the demo is there, in an environment that knows it.

use super::{Demo, Shown};
use crate::cli::{Exit, Stop};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    env,
    ffi::{OsStr, OsString},
    io::{ErrorKind, IsTerminal},
    os::unix::process::ExitStatusExt,
};
use tokio::process::Child;

/// It runs.
pub(crate) struct Command(Child);

impl Command {
    /// Starts it.
    pub(crate) fn start(
        program: &OsStr,
        arguments: &[OsString],
        shown: &Shown,
    ) -> Result<Self, Stop> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env("PATH", path()).env("PORTCULLIS_CONFIG", &shown.config);
        for (name, value) in &shown.environment {
            command.env(name, value);
        }
        let child = command.spawn().map_err(|fault| {
            // As a shell says it.
            let code = if fault.kind() == ErrorKind::NotFound { 127 } else { 126 };
            Stop::with(Exit::As(code), format!("cannot run {}: {fault}", program.display()))
        })?;
        Ok(Self(child))
    }

    /// Waits for its end: its code, or 128 and the number of the signal that ended it.
    pub(crate) async fn ended(&mut self) -> Result<Exit, Stop> {
        let status = self.0.wait().await.map_err(Stop::cannot_run)?;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ok(Exit::As(u8::try_from(code).unwrap_or(u8::MAX)))
    }

    /// Hands a signal on. What is typed on a terminal reaches it anyway.
    pub(crate) fn signal(&self, signal: Signal) {
        let typed = signal == Signal::INT && std::io::stdin().is_terminal();
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let (Some(id), false) = (id, typed) {
            // It may have ended just now: then there is nobody to tell.
            let _ = kill_process(id, signal);
        }
    }
}

impl Demo {
    /// What the command is told.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<(&'static str, &str)> = vec![
            ("PORTCULLIS_ISSUER", &self.issuer),
            ("PORTCULLIS_GATEWAY", &self.gateway),
            ("FREE_CLIENT_ID", self.free.id.as_str()),
            ("FREE_CLIENT_SECRET", self.free.secret.expose()),
            ("PREMIUM_CLIENT_ID", self.premium.id.as_str()),
            ("PREMIUM_CLIENT_SECRET", self.premium.secret.expose()),
            ("DEMO_APP", &self.app),
        ];
        let names = [
            ("DEMO_ADMIN_USER", "DEMO_ADMIN_PASSWORD"),
            ("DEMO_USER", "DEMO_PASSWORD"),
            ("DEMO_VIEWER_USER", "DEMO_VIEWER_PASSWORD"),
        ];
        for ((user, password), person) in names.into_iter().zip(&self.people) {
            all.push((user, person.login));
            all.push((password, person.password()));
        }
        all.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
    }
}

/// `PATH`, with this very program first.
fn path() -> OsString {
    let here = env::current_exe().ok().and_then(|exe| exe.parent().map(ToOwned::to_owned));
    let usual = env::var_os("PATH").unwrap_or_default();
    let all = here.into_iter().chain(env::split_paths(&usual));
    env::join_paths(all).unwrap_or(usual)
}
