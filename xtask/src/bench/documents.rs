//! What everybody fetches: discovery and keys, against a constant answer of the same HTTP server.

use super::{
    Bench, keys,
    load::{self, Load, median},
    report::Section,
    server,
    token::Issuer,
};
use crate::trouble::{Outcome, Trouble};
use serde_json::json;

const GOAL: f64 = 0.60;
const CONSTANT: &str = "/healthz";
const DOCUMENTS: [&str; 2] = ["/.well-known/openid-configuration", "/jwks"];

pub(super) fn run(bench: &Bench<'_>) -> Outcome<Section> {
    let issuer = Issuer::start(bench, "documents", &bench.portcullis)?;
    let mut section = Section::new(
        "documents",
        "Discovery and keys: 64 connections, one core",
        &[
            "document",
            "requests/s",
            "of the constant answer",
            "goal",
            "CPU µs/request",
            "of the constant answer",
        ],
    );
    let ports = [issuer.admin, issuer.port, issuer.port];
    let paths = [CONSTANT, DOCUMENTS[0], DOCUMENTS[1]];
    let mut asked = Vec::new();
    for (port, path) in ports.into_iter().zip(paths) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        // Its port is there before it answers.
        let status = server::status(port, &request);
        if status != 200 {
            return Err(Trouble::new(format!("{path} is answered with {status}")));
        }
        let name = format!("document{}", path.replace('/', "-"));
        let file = keys::file(bench, &name, &[request])?;
        load::run(bench, &issuer.server, (port, &file), 1)?;
        asked.push((port, path, file, Vec::new()));
    }
    for _ in 0..bench.rounds {
        for (port, _, file, loads) in &mut asked {
            loads.push(load::run(bench, &issuer.server, (*port, file), bench.seconds)?);
        }
    }
    let constant = asked.first().map(|(.., loads)| loads.clone()).unwrap_or_default();
    for (_, path, _, loads) in &asked {
        row(&mut section, path, loads, &constant);
    }
    section.note(format!(
        "{CONSTANT} is the constant answer: the same server and router, on the listener of operators, with 15 \
         bytes. Medians of {} rounds of {} s, in turns.",
        bench.rounds, bench.seconds
    ));
    Ok(section)
}

fn row(section: &mut Section, path: &str, loads: &[Load], constant: &[Load]) {
    let of = |f: fn(&Load) -> f64| median(loads.iter().map(f));
    let ratio = |f: fn(&Load) -> f64| {
        median(loads.iter().zip(constant).map(|(one, base)| f(one) / f(base)))
    };
    let (rate, cpu) = (ratio(|load| load.per_second), ratio(|load| 1.0 / load.cpu_micros));
    let goal = (path != CONSTANT).then_some(GOAL);
    let said =
        |goal: f64| format!("≥ {goal:.2} {}", if cpu >= goal { "reached" } else { "MISSED" });
    section.row(
        vec![
            path.to_owned(),
            format!("{:.0}", of(|load| load.per_second)),
            format!("{rate:.2}"),
            goal.map_or_else(String::new, said),
            format!("{:.1}", of(|load| load.cpu_micros)),
            format!("{cpu:.2}"),
        ],
        json!({
            "document": path, "requests_per_second": of(|load| load.per_second), "rate_to_constant": rate,
            "cpu_micros": of(|load| load.cpu_micros), "work_to_constant": cpu, "goal": goal,
        }),
    );
}
