//! The token endpoint alone: client credentials, ES256, every grant on disk before its answer.

use super::{
    Bench, free_port,
    keys::{self, AUDIENCE},
    load::{self, Load},
    report::Section,
    server::{self, Server},
};
use crate::trouble::{Outcome, Trouble};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};
use xshell::cmd;

const GOAL_PER_SECOND: f64 = 12_000.0;
const GOAL_P99_MS: f64 = 10.0;
const METHODS: [&str; 2] = ["client_secret_post", "client_secret_basic"];

/// An issuer with one client.
pub(super) struct Issuer {
    pub(super) server: Server,
    pub(super) port: u16,
    pub(super) admin: u16,
    id: String,
    secret: String,
}

impl Issuer {
    pub(super) fn start(bench: &Bench<'_>, name: &str, portcullis: &Path) -> Outcome<Self> {
        let sh = &bench.house.sh;
        let (port, admin) = (free_port()?, free_port()?);
        let values = BTreeMap::from([
            ("port", port.to_string()),
            ("admin", admin.to_string()),
            ("audience", AUDIENCE.to_owned()),
        ]);
        let config = bench.configure("issuer.toml", name, &values)?;
        let added = cmd!(
            sh,
            "{portcullis} client add bench --api bench --scope generate:basic --json --config {config}"
        );
        let added: Value = serde_json::from_str(&added.quiet().ignore_stderr().read()?)?;
        let member =
            |name: &str| added.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let [serve, file] = ["serve", "--config"].map(OsStr::new);
        let command = [portcullis.as_os_str(), serve, file, config.as_os_str()];
        let server = Server::start(bench, name, &command, port)?;
        Ok(Self { server, port, admin, id: member("client_id"), secret: member("client_secret") })
    }

    /// A file with the request, by each way to send a secret, after one that was answered well.
    fn requests(&self, bench: &Bench<'_>) -> Outcome<[PathBuf; 2]> {
        let Self { id, secret, port, .. } = self;
        let basic: String = keys::base64(format!("{id}:{secret}").as_bytes()).lines().collect();
        let in_body = post("", &format!("&client_id={id}&client_secret={secret}"));
        let in_header = post(&format!("Authorization: Basic {basic}\r\n"), "");
        let file = |name: &str, request: String| {
            let status = server::status(*port, &request);
            if status != 200 {
                return Err(Trouble::new(format!("{name} is answered with {status}")));
            }
            keys::file(bench, &format!("{name}-{port}"), &[request])
        };
        Ok([file(METHODS[0], in_body)?, file(METHODS[1], in_header)?])
    }
}

/// Both ways to send a secret; beside it, in turns, an earlier build if `PORTCULLIS_BEFORE` names one.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<Section> {
    let issuer = Issuer::start(bench, "issuer", &bench.portcullis)?;
    let before = bench.house.sh.var_os("PORTCULLIS_BEFORE").map(PathBuf::from);
    let before = before.map(|before| Issuer::start(bench, "issuer-before", &before)).transpose()?;
    let mut section = Section::new(
        "token_endpoint",
        "Token endpoint: client_credentials, ES256, SQLite synchronous=FULL, 64 connections, one core",
        &[
            "client authentication",
            "tokens/s",
            "goal",
            "CPU µs/token",
            "CPU / earlier build",
            "core used",
            "p50 ms",
            "p99 ms",
            "goal",
            "MiB",
        ],
    );
    let requests = issuer.requests(bench)?;
    let older = before.as_ref().map(|before| before.requests(bench)).transpose()?;
    for (at, name) in METHODS.into_iter().enumerate() {
        let ours = requests.get(at).map(|file| (&issuer, file));
        let older = older.as_ref().and_then(|files| Some((before.as_ref()?, files.get(at)?)));
        let (mut loads, mut ratios) = (Vec::new(), Vec::new());
        for round in 0..=bench.rounds {
            let [ours, older] = [ours, older].map(|one| {
                one.map(|(issuer, file)| {
                    let seconds = if round == 0 { 1 } else { bench.seconds };
                    load::run(bench, &issuer.server, (issuer.port, file), seconds)
                })
                .transpose()
            });
            if round > 0
                && let Some(ours) = ours?
            {
                ratios.extend(older?.map(|older| ours.cpu_micros / older.cpu_micros));
                loads.push(ours);
            }
        }
        row(&mut section, (name, &issuer.server), &loads, &ratios);
    }
    section.note(format!(
        "Medians of {} rounds of {} s. Where the core is used up, signing, hashing and HTTP bound it; \
         where it is not, the disk does.",
        bench.rounds, bench.seconds
    ));
    if let Some(path) = bench.house.sh.var_os("PORTCULLIS_BEFORE") {
        let version = cmd!(bench.house.sh, "{path} --version").quiet().read()?;
        section.note(format!("The earlier build, in turns with this one: {version}."));
    }
    Ok(section)
}

fn post(headers: &str, body: &str) -> String {
    let body = format!("grant_type=client_credentials&scope=generate%3Abasic{body}");
    let length = body.len();
    format!(
        "POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn row(section: &mut Section, (name, server): (&str, &Server), loads: &[Load], ratios: &[f64]) {
    let median = |of: fn(&Load) -> f64| load::median(loads.iter().map(of));
    let (per_second, cpu, busy) =
        (median(|l| l.per_second), median(|l| l.cpu_micros), median(|l| l.busy));
    let (p50, p99) = (median(|l| l.p50_ms), median(|l| l.p99_ms));
    let said = |reached| if reached { "reached" } else { "MISSED" };
    let ratio = (!ratios.is_empty()).then(|| load::median(ratios.iter().copied()));
    let (low, high) = ratios
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (low.min(*ratio), high.max(*ratio)));
    let cells = vec![
        name.to_owned(),
        format!("{per_second:.0}"),
        format!("≥ {GOAL_PER_SECOND:.0} {}", said(per_second >= GOAL_PER_SECOND)),
        format!("{cpu:.1}"),
        ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} ({low:.2}–{high:.2})")),
        format!("{:.0} %", busy * 100.0),
        format!("{p50:.2}"),
        format!("{p99:.2}"),
        format!("≤ {GOAL_P99_MS:.0} {}", said(p99 <= GOAL_P99_MS)),
        format!("{:.0}", server.memory_mib()),
    ];
    let json = json!({
        "authentication": name, "tokens_per_second": per_second, "cpu_micros_per_token": cpu, "busy": busy,
        "cpu_to_earlier_build": ratios, "p50_ms": p50, "p99_ms": p99, "memory_mib": server.memory_mib(),
        "goals": { "tokens_per_second": GOAL_PER_SECOND, "p99_ms": GOAL_P99_MS },
    });
    section.row(cells, json);
}
