//! `portcullis policy rollback`, `history` and `status`

use super::apply::in_force;
use crate::{
    cli::{
        Exit, Globals, House, Outcome, house,
        person::{acting, refused},
        table, talk,
    },
    clock::Chance,
};
use portcullis_directory::{AppliedPolicy, PolicyPlace};
use portcullis_policy::Bundle;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Bring back the policies that were in force before these.
///
/// Once more goes one further back. Exits with 1 if there were none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy rollback
  portcullis policy rollback --to sha256:4b227777d4dd")]
pub(in crate::cli) struct Rollback {
    /// Which; the beginning of its name will do.
    #[arg(long, value_name = "REVISION")]
    to: Option<String>,
}

/// List which policies were in force, the latest first.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct History {
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u32,
}

/// Say which policies are in force, since when, by whom, and whether their source can be used.
///
/// Exits with 1 if none are in force, or those that are cannot be used.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Status {}

impl Rollback {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let (actor, mut chance) = (house::actor(), Chance);
            let by = acting(&mut chance, &actor);
            let applied = house.policies().roll_back(by, self.to).await.map_err(refused)?;
            talk(format_args!("policies {} are in force again", short(&applied)));
            globals.format.print(&told(&applied), String::new)
        })
    }
}

impl History {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let all = house.policies().history(self.lines).await.map_err(refused)?;
            let json: Vec<_> = all.iter().map(told).collect();
            globals.format.print(&json, || {
                let rows: Vec<_> = all.iter().map(row).collect();
                table(["WHEN", "WHAT", "REVISION", "BY", "FROM"], &rows)
            })
        })
    }
}

impl Status {
    pub(super) fn run(globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let policies = house.policies();
            let force = policies.at(PolicyPlace::Force).await.map_err(refused)?;
            let shadow = policies.at(PolicyPlace::Shadow).await.map_err(refused)?;
            let shadow = shadow.filter(|applied| applied.revision.is_some());
            let sources = policies.sources().await.map_err(refused)?;
            let bundle = in_force(&house).await?;
            let asked = house.config.policy.as_ref();
            let asked: Vec<_> = asked.iter().flat_map(|policy| &policy.points).collect();
            let answer = json!({
                "force": force.as_ref().map(told),
                "usable": bundle.is_some(),
                "decides_at": bundle.as_ref().map(Bundle::points),
                "asked_at": asked,
                "shadow": shadow.as_ref().map(told),
                "sources": sources.iter().map(|source| json!({
                    "from": source.origin,
                    "problem": source.fault,
                    "since": source.since.to_string(),
                })).collect::<Vec<_>>(),
            });
            let text = || {
                let mut text = String::new();
                let mut line = |name: &str, value: &str| {
                    let _ = writeln!(text, "{name:<10} {value}");
                };
                match &force {
                    None => line("in force", "none: all that policies are asked is denied"),
                    Some(applied) => {
                        line("in force", applied.revision.as_deref().unwrap_or("none"));
                        line("since", &applied.at.to_string());
                        line("by", &applied.by);
                        line("from", &from(applied));
                    }
                }
                let names: Vec<_> = asked.iter().map(|point| point.name()).collect();
                line(
                    "asked at",
                    &if names.is_empty() { "no point".into() } else { names.join(", ") },
                );
                if let Some(shadow) = &shadow {
                    line("shadow", shadow.revision.as_deref().unwrap_or_default());
                }
                for source in &sources {
                    let said = match &source.fault {
                        None => format!("{}: good since {}", source.origin, source.since),
                        Some(fault) => {
                            format!("{}: bad since {}: {fault}", source.origin, source.since)
                        }
                    };
                    line("source", &said);
                }
                text
            };
            globals.format.print(&answer, text)?;
            Ok(if bundle.is_some() { Exit::Done } else { Exit::Refused })
        })
    }
}

fn told(applied: &AppliedPolicy) -> Value {
    json!({
        "seq": applied.seq,
        "place": applied.place,
        "act": applied.act,
        "revision": applied.revision,
        "label": applied.label,
        "at": applied.at.to_string(),
        "by": applied.by,
        "from": applied.origin,
    })
}

fn row(applied: &AppliedPolicy) -> [String; 5] {
    let what = match applied.place {
        PolicyPlace::Force => applied.act.clone(),
        PolicyPlace::Shadow => format!("shadow {}", applied.act),
    };
    [applied.at.to_string(), what, short(applied), applied.by.clone(), from(applied)]
}

fn from(applied: &AppliedPolicy) -> String {
    match &applied.label {
        Some(label) => format!("{} ({label})", applied.origin),
        None => applied.origin.clone(),
    }
}

/// `sha256:` and 12 hex digits.
fn short(applied: &AppliedPolicy) -> String {
    let revision = applied.revision.as_deref().unwrap_or("none");
    revision.chars().take("sha256:".len() + 12).collect()
}
