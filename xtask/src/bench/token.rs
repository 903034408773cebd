//! The token endpoint alone: client credentials, ES256, every grant on disk before its answer.

use super::{
    Bench, free_port,
    keys::{self, AUDIENCE},
    load,
    report::Section,
    server::{self, Server},
};
use crate::trouble::{Outcome, Trouble};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ffi::OsStr};
use xshell::cmd;

const GOAL_PER_SECOND: f64 = 12_000.0;
const GOAL_P99_MS: f64 = 10.0;

/// Both ways to send a secret.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<Section> {
    let (sh, portcullis) = (&bench.house.sh, &bench.portcullis);
    let (port, admin) = (free_port()?, free_port()?);
    let values = BTreeMap::from([
        ("port", port.to_string()),
        ("admin", admin.to_string()),
        ("audience", AUDIENCE.to_owned()),
    ]);
    let config = bench.configure("issuer.toml", "issuer", &values)?;
    let added = cmd!(
        sh,
        "{portcullis} client add bench --api bench --scope generate:basic --json --config {config}"
    );
    let added: Value = serde_json::from_str(&added.quiet().ignore_stderr().read()?)?;
    let member =
        |name: &str| added.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (id, secret) = (member("client_id"), member("client_secret"));
    let [serve, file] = ["serve", "--config"].map(OsStr::new);
    let command = [portcullis.as_os_str(), serve, file, config.as_os_str()];
    let server = Server::start(bench, "issuer", &command, port)?;

    let mut section = Section::new(
        "token_endpoint",
        "Token endpoint: client_credentials, ES256, SQLite synchronous=FULL, 64 connections, one core",
        &[
            "client authentication",
            "tokens/s",
            "goal",
            "CPU µs/token",
            "core used",
            "p50 ms",
            "p99 ms",
            "goal",
            "MiB",
        ],
    );
    let in_body = post("", &format!("&client_id={id}&client_secret={secret}"));
    let basic: String = keys::base64(format!("{id}:{secret}").as_bytes()).lines().collect();
    let in_header = post(&format!("Authorization: Basic {basic}\r\n"), "");
    for (name, request) in [("client_secret_post", in_body), ("client_secret_basic", in_header)] {
        let status = server::status(port, &request);
        if status != 200 {
            return Err(Trouble::new(format!("{name} is answered with {status}")));
        }
        let requests = keys::file(bench, name, &[request])?;
        row(bench, &mut section, (name, &server), (port, &requests))?;
    }
    section.note(format!(
        "Medians of {} rounds of {} s. Where the core is used up, signing, hashing and HTTP bound it; \
         where it is not, the disk does.",
        bench.rounds, bench.seconds
    ));
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

fn row(
    bench: &Bench<'_>,
    section: &mut Section,
    (name, server): (&str, &Server),
    to: (u16, &std::path::Path),
) -> Outcome {
    load::run(bench, server, to, 1)?;
    let loads = (0..bench.rounds)
        .map(|_| load::run(bench, server, to, bench.seconds))
        .collect::<Outcome<Vec<_>>>()?;
    let median = |of: fn(&load::Load) -> f64| load::median(loads.iter().map(of));
    let (per_second, cpu, busy) =
        (median(|l| l.per_second), median(|l| l.cpu_micros), median(|l| l.busy));
    let (p50, p99) = (median(|l| l.p50_ms), median(|l| l.p99_ms));
    let said = |reached| if reached { "reached" } else { "MISSED" };
    let cells = vec![
        name.to_owned(),
        format!("{per_second:.0}"),
        format!("≥ {GOAL_PER_SECOND:.0} {}", said(per_second >= GOAL_PER_SECOND)),
        format!("{cpu:.1}"),
        format!("{:.0} %", busy * 100.0),
        format!("{p50:.2}"),
        format!("{p99:.2}"),
        format!("≤ {GOAL_P99_MS:.0} {}", said(p99 <= GOAL_P99_MS)),
        format!("{:.0}", server.memory_mib()),
    ];
    let json = json!({
        "authentication": name, "tokens_per_second": per_second, "cpu_micros_per_token": cpu, "busy": busy,
        "p50_ms": p50, "p99_ms": p99, "memory_mib": server.memory_mib(),
        "goals": { "tokens_per_second": GOAL_PER_SECOND, "p99_ms": GOAL_P99_MS },
    });
    section.row(cells, json);
    Ok(())
}
