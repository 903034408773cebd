//! `portcullis policy replay`

use super::{count, source};
use crate::{
    cli::{Exit, Format, Globals, House, Outcome, Stop, put, table, talk, ttl},
    clock,
};
use portcullis_audit::{RuledRecord, ruled};
use portcullis_policy::{Cause, Input, Point, Replayer, Ruling};
use portcullis_types::{DecisionId, Timestamp, Ttl};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Instant};

/// Take every decision of the past again by new policies, and show those that would come out otherwise.
///
/// Reads what the audit log says that policies were asked. Nothing is changed. Exits with 0 if every decision would be
/// the same, and with 1 if any would not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy replay --since 24h new/
  portcullis policy replay --since 7d --point exchange bundle.tar.gz --json")]
pub(in crate::cli) struct Replay {
    /// The new policies: a directory, or a bundle in one file.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// How far to go back.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = ttl)]
    since: Ttl,
    /// Only decisions that were taken here.
    #[arg(long, value_parser = super::point())]
    point: Option<Point>,
    /// How many of those that would come out otherwise are shown; all are counted.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// What became of the records.
struct Replayed {
    replayer: Replayer,
    limit: usize,
    /// The first of those that would come out otherwise.
    flips: Vec<Shown>,
    /// Records that say nothing that can be decided again.
    unread: u64,
}

/// A decision that would come out otherwise, as it is shown.
struct Shown {
    id: DecisionId,
    at: Timestamp,
    point: Point,
    who: String,
    what: String,
    was: Ruling,
    becomes: Ruling,
}

impl Replay {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        let bundle = source::load(&self.new, &house.config.registry)?;
        let stop = |refused| source::stop(&self.new, refused);
        let replayer = Replayer::new(&bundle).map_err(stop)?;
        let mut outcome = Replayed { replayer, limit: self.limit, flips: Vec::new(), unread: 0 };
        let range = clock::now().minus(self.since)..=clock::now();
        let begun = Instant::now();
        let mut after = None;
        loop {
            let (range, from) = (range.clone(), after);
            let page = house.store.read_blocking(move |tx| ruled(tx, &range, from));
            let page = page.map_err(Stop::cannot_run)?;
            for found in page.each() {
                outcome.take(found.map_err(Stop::cannot_run)?, self.point);
            }
            after = page.next();
            if after.is_none() {
                break;
            }
        }
        outcome.show(begun.elapsed().as_secs_f64(), globals.format)
    }
}

impl Replayed {
    fn take(&mut self, recorded: RuledRecord<'_>, only: Option<Point>) {
        let RuledRecord { id, at, point, ruling: was, input: told } = recorded;
        if only.is_some_and(|only| only != point) {
            return;
        }
        let Ok(input) = Input::from_json(point, told.get()) else {
            self.unread += 1;
            return;
        };
        let Some(becomes) = self.replayer.take(&input, &was) else { return };
        if self.flips.len() < self.limit {
            let input: Value = serde_json::from_str(told.get()).unwrap_or_default();
            let (who, what) = (who(&input), what(&input));
            self.flips.push(Shown { id, at, point, who, what, was, becomes });
        }
    }

    fn show(self, seconds: f64, format: Format) -> Outcome {
        let counts = self.replayer.counts();
        let differ = counts.otherwise();
        #[expect(clippy::cast_precision_loss, reason = "a rate is for people")]
        let per_second = counts.decisions as f64 / seconds.max(0.001);
        match format {
            Format::Json => {
                let flips: Vec<_> = self.flips.iter().map(Shown::json).collect();
                let answer = json!({
                    "revision": self.replayer.revision(),
                    "decisions": counts.decisions,
                    "allowed": counts.allowed,
                    "denied": counts.denied,
                    "changed": counts.changed,
                    "unread": self.unread,
                    "per_second": per_second.round(),
                    "flips": flips,
                });
                format.print(&answer, String::new)?;
            }
            Format::Text => {
                if !self.flips.is_empty() {
                    let rows: Vec<_> = self.flips.iter().map(Shown::row).collect();
                    let head = ["DECISION", "WHEN", "POINT", "WHO", "WHAT", "WAS", "BECOMES", "BY"];
                    put(table(head, &rows))?;
                }
                let more = differ.saturating_sub(self.flips.len() as u64);
                if more > 0 && self.limit > 0 {
                    talk(format_args!("{more} more are not shown: --limit"));
                }
                put(format_args!(
                    "{} taken again: {differ} would differ; {} now allowed, {} now denied, {} \
                     allowed with other rights\n",
                    many(counts.decisions, "decision"),
                    counts.allowed,
                    counts.denied,
                    counts.changed
                ))?;
                talk(format_args!("{per_second:.0} decisions a second"));
            }
        }
        if self.unread > 0 {
            let what = many(self.unread, "record");
            talk(format_args!(
                "{what} could not be decided again: their inputs are of another version"
            ));
        }
        Ok(if differ == 0 { Exit::Done } else { Exit::Refused })
    }
}

impl Shown {
    fn row(&self) -> [String; 8] {
        let Self { id, at, point, who, what, was, becomes } = self;
        let by = if becomes.allow && !was.allow { codes(was) } else { codes(becomes) };
        [
            id.to_string(),
            at.to_string(),
            point.name().to_owned(),
            who.clone(),
            what.clone(),
            outcome(was),
            outcome(becomes),
            by,
        ]
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "at": self.at.to_string(),
            "point": self.point,
            "who": self.who,
            "what": self.what,
            "was": self.was,
            "becomes": self.becomes,
        })
    }
}

fn outcome(ruling: &Ruling) -> String {
    let left = ruling.scopes.as_ref().map(ToString::to_string);
    match (ruling.allow, left) {
        (false, _) => "denied".to_owned(),
        (true, None) => "allowed".to_owned(),
        (true, Some(left)) if left.is_empty() => "allowed, no scope".to_owned(),
        (true, Some(left)) => format!("allowed, at most {left}"),
    }
}

/// Why, in the policy's codes, or what kept it from deciding.
fn codes(ruling: &Ruling) -> String {
    let codes: Vec<_> = ruling.reasons.iter().map(|reason| &*reason.code).collect();
    match (&ruling.cause, codes.as_slice()) {
        (Cause::Policy, []) => "-".to_owned(),
        (Cause::Policy, codes) => codes.join(", "),
        (cause, _) => cause.to_string(),
    }
}

/// For whom it was decided, as the policy was told.
fn who(input: &Value) -> String {
    let of = |pointer: &str| input.pointer(pointer).and_then(Value::as_str);
    let known = ["/caller/sub", "/subject/sub", "/client/id", "/caller/client_id"];
    let who = known.into_iter().find_map(of).unwrap_or("-");
    match of("/tenant/id").or_else(|| of("/caller/tenant")) {
        Some(tenant) => format!("{who} of {tenant}"),
        None => who.to_owned(),
    }
}

/// What was asked for, as the policy was told.
fn what(input: &Value) -> String {
    let of = |pointer: &str| input.pointer(pointer).and_then(Value::as_str);
    if let (Some(method), Some(path)) = (of("/resource/method"), of("/resource/path")) {
        return match of("/resource/model/name") {
            Some(model) => format!("{method} {path} {model}"),
            None => format!("{method} {path}"),
        };
    }
    if let Some(action) = of("/action") {
        return action.to_owned();
    }
    let list = ["/requested", "/scopes", "/requested/scopes", "/caller/scopes"];
    let list = list.into_iter().find_map(|pointer| input.pointer(pointer)?.as_array());
    let words: Vec<_> = list.into_iter().flatten().filter_map(Value::as_str).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

fn many(number: u64, what: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), what)
}
