//! Proxy against proxy: rounds in which each takes its turn, so that a slow minute is slow for all.

use super::{
    Bench,
    load::{self, Load, median},
    proxies::{self, BASELINE, Field, OURS, Row},
    report::Section,
};
use crate::trouble::Outcome;
use serde_json::{Value, json};

/// A row with one load of each round.
struct Measured<'f> {
    row: &'f Row,
    loads: Vec<Load>,
    memory_mib: f64,
}

/// Measures every proxy at every work.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<Section> {
    let field = proxies::start(bench)?;
    let measured = measure(bench, &field)?;
    let mut section = Section::new(
        "gateway",
        "Gateway: 64 connections, 1,000 tokens, 1 KiB answers, one worker on one core",
        &[
            "work",
            "proxy",
            "requests/s",
            "CPU µs/request",
            "CPU / HAProxy",
            "goal",
            "requests/s / HAProxy",
            "p50 ms",
            "p99 ms",
            "MiB",
        ],
    );
    for one in &measured {
        section.row(cells(one, &measured), json(one, &measured));
    }
    section.note(format!(
        "{} rounds of {} s each, in turns. CPU: least of the rounds and the spread to the greatest; \
         its ratio: median of the rounds' ratios, and their range. Requests/s and latencies: medians.",
        bench.rounds, bench.seconds
    ));
    section.note(
        "Ours writes an audit record of every request to disk; the others write no log.".to_owned(),
    );
    section.note(direct(bench, &field)?);
    Ok(section)
}

/// What the load and the upstream can do together: no proxy can show more.
fn direct(bench: &Bench<'_>, field: &Field) -> Outcome<String> {
    let (server, port) = &field.upstream;
    let Some(row) = field.rows.first() else { return Ok(String::new()) };
    let load = load::run(bench, server, (*port, &row.requests), bench.seconds)?;
    Ok(format!(
        "Without a proxy, load and upstream on their core reach {:.0} requests/s.",
        load.per_second
    ))
}

fn measure<'f>(bench: &Bench<'_>, field: &'f Field) -> Outcome<Vec<Measured<'f>>> {
    let new = |row| Measured { row, loads: Vec::new(), memory_mib: 0.0 };
    let mut measured: Vec<Measured<'f>> = field.rows.iter().map(new).collect();
    for one in &measured {
        load::run(bench, &one.row.server, (one.row.port, &one.row.requests), 1)?;
    }
    for round in 1..=bench.rounds {
        println!("round {round} of {}", bench.rounds);
        for one in &mut measured {
            let load = load::run(
                bench,
                &one.row.server,
                (one.row.port, &one.row.requests),
                bench.seconds,
            )?;
            one.loads.push(load);
            one.memory_mib = one.row.server.memory_mib();
        }
    }
    Ok(measured)
}

impl Measured<'_> {
    fn median(&self, of: impl Fn(&Load) -> f64) -> f64 {
        median(self.loads.iter().map(of))
    }

    fn cpu(&self) -> (f64, f64) {
        range(self.loads.iter().map(|load| load.cpu_micros))
    }

    /// Of each round, this one's number by the baseline's.
    fn ratios(&self, all: &[Measured<'_>], of: impl Fn(&Load) -> f64) -> Vec<f64> {
        let same = |other: &&Measured<'_>| {
            other.row.proxy == BASELINE && other.row.work == self.row.work.baseline()
        };
        let baseline = all.iter().find(same).map_or(&[][..], |baseline| &baseline.loads);
        self.loads.iter().zip(baseline).map(|(mine, theirs)| of(mine) / of(theirs)).collect()
    }
}

fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values
        .into_iter()
        .fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

fn cells(one: &Measured<'_>, all: &[Measured<'_>]) -> Vec<String> {
    let (least, most) = one.cpu();
    let cpu = one.ratios(all, |load| load.cpu_micros);
    let (low, high) = range(cpu.iter().copied());
    let ratio = median(cpu);
    let goal =
        if one.row.proxy == OURS { verdict(ratio, one.row.work.goal()) } else { String::new() };
    vec![
        one.row.work.name().to_owned(),
        one.row.proxy.to_owned(),
        format!("{:.0}", one.median(|load| load.per_second)),
        format!("{least:.1} (+{:.0} %)", (most / least - 1.0) * 100.0),
        format!("{ratio:.2} ({low:.2}–{high:.2})"),
        goal,
        format!("{:.2}", median(one.ratios(all, |load| load.per_second))),
        format!("{:.2}", one.median(|load| load.p50_ms)),
        format!("{:.2}", one.median(|load| load.p99_ms)),
        format!("{:.0}", one.memory_mib),
    ]
}

/// Whether a number that should be small is small enough.
fn verdict(ratio: f64, goal: f64) -> String {
    format!("≤ {goal:.2} {}", if ratio <= goal { "reached" } else { "MISSED" })
}

fn json(one: &Measured<'_>, all: &[Measured<'_>]) -> Value {
    let cpu = one.ratios(all, |load| load.cpu_micros);
    let goal = (one.row.proxy == OURS).then(|| one.row.work.goal());
    json!({
        "work": one.row.work.name(),
        "proxy": one.row.proxy,
        "requests_per_second": one.median(|load| load.per_second),
        "cpu_micros_per_request": one.loads.iter().map(|load| load.cpu_micros).collect::<Vec<_>>(),
        "cpu_to_haproxy": median(cpu),
        "goal": goal,
        "requests_per_second_to_haproxy": median(one.ratios(all, |load| load.per_second)),
        "busy": one.median(|load| load.busy),
        "p50_ms": one.median(|load| load.p50_ms),
        "p99_ms": one.median(|load| load.p99_ms),
        "memory_mib": one.memory_mib,
    })
}
