//! A PostgreSQL server for one run, durable as in earnest, on the core of the load. It is the one that tests of
//! the store start, by the same script.

use super::{AROUND, Bench, free_port, server};
use crate::{
    debian,
    house::House,
    trouble::{Outcome, Trouble},
};
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use xshell::cmd;

/// A running server; it ends, and all that it kept, when this is dropped.
pub(super) struct Postgres {
    shell: Child,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    pub(super) fn start(bench: &Bench<'_>) -> Outcome<Self> {
        let house = bench.house;
        let programs = programs(house)?;
        let script = house.sh.read_file(house.root.join("crates/store/src/testing/server.sh"))?;
        let port = free_port()?;
        let mut shell = Command::new("taskset");
        shell.args(["--cpu-list", AROUND]).args(unprivileged(house)?);
        shell.args(["sh", "-c", &script, "sh"]).arg(programs).arg(std::env::temp_dir());
        shell.args(["127.0.0.1", &port.to_string(), "durable"]).current_dir("/");
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut said = shell.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
        let folder = said.next().transpose()?.unwrap_or_default();
        let ready = said.next().transpose()?.unwrap_or_default();
        let postgres = Self { shell, folder: PathBuf::from(folder), port };
        if ready != "ready" {
            return Err(Trouble::new(format!("PostgreSQL is not ready: '{ready}'")));
        }
        postgres.sql(house, "postgres", "CREATE ROLE portcullis LOGIN")?;
        postgres.sql(house, "postgres", "CREATE DATABASE portcullis OWNER portcullis")?;
        Ok(postgres)
    }

    /// What the configuration calls it.
    pub(super) fn url(&self) -> String {
        let (host, port) = (self.folder.display(), self.port);
        format!("postgres://portcullis@/portcullis?host={host}&port={port}")
    }

    /// Processor time of the server and those of its processes that live, in nanoseconds.
    pub(super) fn cpu_nanos(&self) -> u64 {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid"));
        let pid = file.ok().and_then(|text| text.lines().next()?.parse().ok());
        pid.map_or(0, server::cpu_nanos)
    }

    fn sql(&self, house: &House, database: &str, sql: &str) -> Outcome {
        let (folder, port) = (&self.folder, self.port.to_string());
        let psql = cmd!(house.sh, "psql --quiet --host {folder} --port {port} --username postgres");
        Ok(psql.args(["--dbname", database, "--command", sql]).quiet().ignore_stdout().run()?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The newest that Debian has installed, or will.
fn programs(house: &House) -> Outcome<String> {
    let newest = || {
        let all = cmd!(house.sh, "sh -c 'ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1'");
        Ok::<_, Trouble>(all.quiet().ignore_stderr().read()?)
    };
    if newest()?.is_empty() {
        debian::install(house, &["postgresql"])?;
    }
    newest()
}

/// PostgreSQL refuses to be root.
fn unprivileged(house: &House) -> Outcome<Vec<String>> {
    if cmd!(house.sh, "id -u").quiet().read()? != "0" {
        return Ok(Vec::new());
    }
    let group = cmd!(house.sh, "id -g postgres").quiet().read()?;
    let words = ["setpriv", "--reuid", "postgres", "--regid", &group, "--clear-groups"];
    Ok(words.map(str::to_owned).to_vec())
}
