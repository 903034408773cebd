//! One run of wrk.

use super::{AROUND, Bench, server::Server};
use crate::trouble::{Outcome, Trouble};
use serde_json::Value;
use std::path::Path;
use xshell::cmd;

/// What one run showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Processor time of the server for each request, in microseconds.
    pub(super) cpu_micros: f64,
    /// How much of its core the server used, from 0 to 1.
    pub(super) busy: f64,
}

/// 64 connections for so many seconds, with the requests of a file. An answer that is not a success ends it.
pub(super) fn run(
    bench: &Bench<'_>,
    server: &Server,
    (port, requests): (u16, &Path),
    seconds: u32,
) -> Outcome<Load> {
    let script = bench.house.root.join("bench/load.lua");
    let (duration, url) = (format!("-d{seconds}s"), format!("http://127.0.0.1:{port}/"));
    let before = server.cpu_nanos();
    let wrk = cmd!(
        bench.house.sh,
        "taskset --cpu-list {AROUND} wrk -t1 -c64 --latency {duration} -s {script} {url} -- {requests}"
    );
    let output = wrk.quiet().read()?;
    let cpu = float(server.cpu_nanos() - before);
    let line = output.lines().find(|line| line.starts_with("{\"requests\"")).unwrap_or_default();
    let done: Value = serde_json::from_str(line)?;
    let number = |name: &str| done.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    if number("refused") + number("broken") > 0.0 || number("requests") == 0.0 {
        return Err(Trouble::new(format!(
            "not every request to port {port} was answered well: {line}"
        )));
    }
    Ok(Load {
        per_second: number("requests") / number("micros") * 1e6,
        p50_ms: number("p50") / 1e3,
        p99_ms: number("p99") / 1e3,
        cpu_micros: cpu / number("requests") / 1e3,
        busy: cpu / number("micros") / 1e3,
    })
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one run are far below 2^52")]
fn float(nanos: u64) -> f64 {
    nanos as f64
}

/// The middle one.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
