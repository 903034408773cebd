//! People at the issuer: a whole round of authorization code and PKCE with a session, and what follows from it,
//! on SQLite and on PostgreSQL; and the same among ten thousand people with a million grants.

mod crowd;
mod rounds;
mod site;

use super::{Bench, load::median, postgres::Postgres, report::Section};
use crate::trouble::Outcome;
use rounds::{Run, Work};
use serde_json::json;
use site::Site;
use xshell::cmd;

const GOAL_ROUNDS: f64 = 1500.0;
/// How much the crowd may add to any median.
const GOAL_CROWD: f64 = 1.20;

/// Works, and which sites do them.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<Vec<Section>> {
    stay_aside(bench)?;
    let postgres = Postgres::start(bench)?;
    let lone = Site::start(bench, "people", None)?;
    let remote = Site::start(bench, "people-postgres", Some(&postgres))?;
    let mut section = works_section();
    let sites = [("SQLite", &lone, None), ("PostgreSQL", &remote, Some(&postgres))];
    for work in Work::OF_PEOPLE {
        for (name, site, _) in sites {
            rounds::run((site, None), work, 1).map_err(|trouble| trouble.hint(name))?;
        }
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..bench.rounds {
            for ((_, site, postgres), runs) in sites.iter().zip(&mut runs) {
                runs.push(rounds::run((site, *postgres), work, bench.seconds)?);
            }
        }
        for ((name, ..), runs) in sites.iter().zip(&runs) {
            works_row(&mut section, (work, name), runs);
        }
    }
    section.note(format!(
        "64 connections; medians of {} rounds of {} s, the stores in turns. A round is GET /authorize with the \
         session's cookie and a consent of before, then POST /token with the verifier: access token, ID token, \
         refresh token; two commits, on the disk before each answer. Goal by CPU: what one core would do if it \
         did nothing else. Busy: how much of its core the issuer had; PostgreSQL shares the other core with the \
         load.",
        bench.rounds, bench.seconds
    ));
    drop(remote);
    drop(postgres);
    Ok(vec![section, crowded(bench, &lone)?])
}

/// The load is threads of this process: they leave the measured core alone.
fn stay_aside(bench: &Bench<'_>) -> Outcome {
    let (pid, core) = (std::process::id().to_string(), super::AROUND);
    let pinned = cmd!(bench.house.sh, "taskset --all-tasks --pid --cpu-list {core} {pid}");
    Ok(pinned.quiet().ignore_stdout().run()?)
}

fn works_section() -> Section {
    Section::new(
        "people",
        "People: with a session, one core",
        &[
            "work",
            "store",
            "per second",
            "CPU µs of the issuer",
            "per second of a core",
            "goal",
            "busy",
            "CPU µs of PostgreSQL",
            "p50 ms",
            "p99 ms",
        ],
    )
}

fn works_row(section: &mut Section, (work, store): (Work, &str), runs: &[Run]) {
    let of = |f: fn(&Run) -> f64| median(runs.iter().map(f));
    let (per_second, cpu, busy) = (of(|run| run.per_second), of(|run| run.cpu), of(|run| run.busy));
    let (least, most) = runs.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), run| {
        (least.min(run.cpu), most.max(run.cpu))
    });
    let beside = of(|run| run.beside);
    let steps = work.steps();
    let each = |of: fn(&Run, &str) -> f64| -> Vec<f64> {
        steps.iter().map(|step| median(runs.iter().map(|run| of(run, step)))).collect()
    };
    let (p50, p99) =
        (each(|run, step| run.percentile(step, 0.5)), each(|run, step| run.percentile(step, 0.99)));
    let joined = |values: &[f64]| {
        let named = steps.iter().zip(values).map(|(step, value)| {
            if steps.len() == 1 { format!("{value:.2}") } else { format!("{step} {value:.2}") }
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let per_core = 1e6 / cpu;
    let goal = work.has_goal() && store == "SQLite";
    let said = if per_core >= GOAL_ROUNDS { "reached" } else { "MISSED" };
    let cells = vec![
        work.name().to_owned(),
        store.to_owned(),
        format!("{per_second:.0}"),
        format!("{cpu:.0} ({least:.0}–{most:.0})"),
        format!("{per_core:.0}"),
        if goal { format!("≥ {GOAL_ROUNDS:.0} {said}") } else { String::new() },
        format!("{:.0} %", busy * 100.0),
        if beside > 0.0 { format!("{beside:.0}") } else { String::new() },
        joined(&p50),
        joined(&p99),
    ];
    let json = json!({
        "work": work.name(), "store": store, "per_second": per_second,
        "cpu_micros": runs.iter().map(|run| run.cpu).collect::<Vec<_>>(), "per_core_second": per_core,
        "goal": goal.then_some(GOAL_ROUNDS), "busy": busy, "postgres_cpu_micros": beside,
        "steps": steps, "p50_ms": p50, "p99_ms": p99,
    });
    section.row(cells, json);
}

/// Few against many, in turns.
fn crowded(bench: &Bench<'_>, few: &Site) -> Outcome<Section> {
    let mut section = Section::new(
        "crowd",
        "A crowd: 10,000 people, 100,000 sessions, 1,000,000 grants in force, SQLite",
        &[
            "request",
            "p50 ms, few",
            "p50 ms, crowd",
            "crowd / few",
            "goal",
            "CPU µs/turn, few",
            "CPU, crowd / few",
        ],
    );
    let many = crowd::gather(bench, Site::start(bench, "crowd", None)?)?;
    let sites = [few, &many];
    for work in Work::IN_A_CROWD {
        sites.iter().try_for_each(|site| rounds::run((site, None), work, 1).map(drop))?;
        let mut pairs = Vec::new();
        for _ in 0..bench.rounds {
            let [few, many] = sites.map(|site| rounds::run((site, None), work, bench.seconds));
            pairs.push((few?, many?));
        }
        for step in work.steps() {
            crowd_row(&mut section, (work, step), &pairs);
        }
    }
    section.note(format!(
        "{} pairs of runs of {} s, 64 connections. Ratio: median of the pairs' ratios, and their range.",
        bench.rounds, bench.seconds
    ));
    section.note(many.size(bench)?);
    Ok(section)
}

fn crowd_row(section: &mut Section, (work, step): (Work, &str), pairs: &[(Run, Run)]) {
    let p50 = |run: &Run| run.percentile(step, 0.5);
    let ratios: Vec<f64> = pairs.iter().map(|(few, many)| p50(many) / p50(few)).collect();
    let ratio = median(ratios.iter().copied());
    let (low, high) = ratios
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (low.min(*ratio), high.max(*ratio)));
    let (few, many) = (
        median(pairs.iter().map(|(few, _)| p50(few))),
        median(pairs.iter().map(|(_, many)| p50(many))),
    );
    let cpu = median(pairs.iter().map(|(few, _)| few.cpu));
    let cpu_ratio = median(pairs.iter().map(|(few, many)| many.cpu / few.cpu));
    let said = if ratio <= GOAL_CROWD { "reached" } else { "MISSED" };
    let name = if work.steps().len() == 1 { work.name() } else { step };
    section.row(
        vec![
            name.to_owned(),
            format!("{few:.2}"),
            format!("{many:.2}"),
            format!("{ratio:.2} ({low:.2}–{high:.2})"),
            format!("≤ {GOAL_CROWD:.2} {said}"),
            format!("{cpu:.0}"),
            format!("{cpu_ratio:.2}"),
        ],
        json!({
            "request": name, "p50_ms_few": few, "p50_ms_crowd": many, "ratios": ratios, "goal": GOAL_CROWD,
            "cpu_micros_few": cpu, "cpu_ratio": cpu_ratio,
        }),
    );
}
