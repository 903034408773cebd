//! How soon it is ready, and what it holds while nobody asks.

use super::{
    Bench, free_port,
    load::median,
    report::Section,
    server::{self, Server},
};
use crate::trouble::Outcome;
use serde_json::json;
use std::{fs, path::Path, process::Command, thread::sleep, time::Duration};
use xshell::cmd;

const STARTS: usize = 5;
/// Long enough for everything that happens only at start.
const SETTLED: Duration = Duration::from_millis(1500);
const GOAL_READY_MS: f64 = 200.0;
const GOAL_MIB: f64 = 40.0;

/// Issuer and gateway by `serve`, everything by `demo`, and the size of the program.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<Section> {
    let mut section = Section::new("idle", "Start and idle", &["what", "measured", "goal"]);
    let starts = |one: &dyn Fn() -> Outcome<(f64, f64)>| {
        (0..STARTS).map(|_| one()).collect::<Outcome<Vec<_>>>()
    };
    let config = usual(bench)?;
    let serve = starts(&|| serve(bench, &config))?;
    let demo = starts(&|| demo(bench))?;
    for (name, starts) in [("serve", serve), ("demo", demo)] {
        let ready = median(starts.iter().map(|(ready, _)| *ready));
        let most = starts.iter().map(|(ready, _)| *ready).fold(0.0, f64::max);
        let memory = median(starts.iter().map(|(_, memory)| *memory));
        let measured = format!("{ready:.0} ms (at most {most:.0} in {STARTS})");
        line(
            &mut section,
            &format!("{name}: start to ready"),
            (measured, "ms"),
            (ready, GOAL_READY_MS),
        );
        line(
            &mut section,
            &format!("{name}: memory when idle"),
            (format!("{memory:.1} MiB"), "MiB"),
            (memory, GOAL_MIB),
        );
    }
    let bytes = u32::try_from(fs::metadata(&bench.portcullis)?.len() / 1024).unwrap_or(u32::MAX);
    let size = f64::from(bytes) / 1024.0;
    line(&mut section, "the program", (format!("{size:.1} MiB"), "MiB"), (size, GOAL_MIB));
    section.note("Ready: from exec until /readyz answers 200; for demo, until its command runs, with a model trained.".to_owned());
    Ok(section)
}

fn line(
    section: &mut Section,
    what: &str,
    (measured, unit): (String, &str),
    (value, goal): (f64, f64),
) {
    let reached = if value <= goal { "reached" } else { "MISSED" };
    let cells = vec![what.to_owned(), measured, format!("≤ {goal:.0} {unit} {reached}")];
    section.row(cells, json!({ "what": what, "value": value, "unit": unit, "goal": goal }));
}

/// What `portcullis init` writes, on other ports.
fn usual(bench: &Bench<'_>) -> Outcome<(std::path::PathBuf, u16)> {
    let (sh, portcullis) = (&bench.house.sh, &bench.portcullis);
    let config = bench.dir.join("usual/portcullis.toml");
    cmd!(sh, "{portcullis} init --config {config}").quiet().ignore_stderr().run()?;
    let [issuer, gateway, admin] = [free_port()?, free_port()?, free_port()?];
    let mut text = sh.read_file(&config)?;
    for (usual, port) in
        [("127.0.0.1:8080", issuer), ("127.0.0.1:8081", gateway), ("127.0.0.1:8082", admin)]
    {
        text = text.replace(usual, &format!("127.0.0.1:{port}"));
    }
    sh.write_file(&config, text)?;
    Ok((config, admin))
}

/// Milliseconds until it is ready, and MiB when idle.
fn serve(bench: &Bench<'_>, (config, admin): &(std::path::PathBuf, u16)) -> Outcome<(f64, f64)> {
    let mut command = Command::new(&bench.portcullis);
    command.arg("serve").arg("--config").arg(config);
    let ready = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    measured(bench, ("serve", command), || server::status(*admin, ready) == 200)
}

fn demo(bench: &Bench<'_>) -> Outcome<(f64, f64)> {
    let there = bench.dir.join("demo.there");
    bench.house.sh.remove_path(&there)?;
    let mut command = Command::new(&bench.portcullis);
    command.args(["demo", "--", "sh", "-c", "touch \"$0\"; exec sleep 3"]).arg(&there);
    measured(bench, ("demo", command), || Path::exists(&there))
}

fn measured(
    bench: &Bench<'_>,
    (name, command): (&str, Command),
    ready: impl FnMut() -> bool,
) -> Outcome<(f64, f64)> {
    let mut server = Server::spawn(bench, name, command)?;
    let took = server.wait(name, ready)?;
    sleep(SETTLED);
    Ok((took.as_secs_f64() * 1e3, server.own_memory_mib()))
}
