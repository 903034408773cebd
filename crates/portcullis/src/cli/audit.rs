//! `portcullis audit`

mod cut;

use super::{Exit, Format, Globals, House, Outcome, Stop, data, talk};
use clap::Subcommand;
use portcullis_audit::{self as audit, Anchor, Event, Record, Report};
use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    thread,
    time::Duration,
};

/// Between two looks at a log that is followed.
const PAUSE: Duration = Duration::from_millis(300);
/// Records that are read at once.
const PAGE: usize = 500;

/// Read, verify, export and shorten the audit log.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  portcullis audit tail
  portcullis audit tail --follow --json | jq -r 'select(.denial) | .id'
  portcullis audit verify
  portcullis audit export --out audit.jsonl
  portcullis audit cut --through 100000 --export audit-1.jsonl")]
pub(super) enum AuditCommand {
    Tail(Tail),
    Verify(Verify),
    Export(Export),
    Cut(cut::Cut),
}

/// Print the latest records; --json prints one a line.
#[derive(Debug, clap::Args)]
pub(super) struct Tail {
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
    /// Wait for more, until interrupted.
    #[arg(short, long)]
    follow: bool,
}

/// Find every record that was altered, is missing or was put in.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// SEQ:HASH as an earlier 'audit verify' printed it, kept elsewhere: finds a database that was put back.
    #[arg(long, value_parser = anchor)]
    anchor: Option<Anchor>,
}

/// Write records as JSON lines that can be checked without the database.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The first record.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// The last record.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// The file to write; standard output without it.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl AuditCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        match self {
            Self::Tail(tail) => tail.run(&house, globals.format),
            Self::Verify(verify) => verify.run(&house, globals.format),
            Self::Export(export) => export.run(&house),
            Self::Cut(cut) => cut.run(&house, globals.format),
        }
    }
}

impl Tail {
    fn run(self, house: &House, format: Format) -> Outcome {
        let head = house.store.read_blocking(audit::head).map_err(Stop::cannot_run)?;
        let last = head.map_or(0, |head| head.seq);
        let mut after = last.saturating_sub(u64::try_from(self.lines).unwrap_or(u64::MAX));
        loop {
            let page = house.store.read_blocking(move |tx| audit::tail(tx, after, PAGE));
            let page = page.map_err(Stop::cannot_run)?;
            for (seq, record) in &page {
                data(line(*seq, record, format)?)?;
                after = *seq;
            }
            if page.len() == PAGE {
                continue;
            }
            if !self.follow {
                return Ok(Exit::Done);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// A record on one line.
fn line(seq: u64, record: &Record<'_>, format: Format) -> Result<String, Stop> {
    if format == Format::Json {
        let mut value = serde_json::to_value(record).map_err(Stop::cannot_run)?;
        if let Some(members) = value.as_object_mut() {
            members.insert("seq".to_owned(), seq.into());
        }
        return Ok(format!("{value}\n"));
    }
    let who = |who: &str| if who.is_empty() { "-".to_owned() } else { who.to_owned() };
    let what = match &record.event {
        Event::Access(access) => {
            let client = access.token.as_ref().map_or("", |token| &token.client_id);
            format!("{} {} {}", who(client), access.method, access.path)
        }
        Event::Grant(grant) => {
            let granted = grant.granted.as_ref().or(grant.requested_scope.as_ref());
            let scope = granted.map(ToString::to_string).unwrap_or_default();
            format!("{} token {scope}", who(grant.client_id.as_deref().unwrap_or("")))
        }
        Event::Admin(admin) => format!("{} {} {}", admin.actor, admin.action, admin.target),
    };
    let (style, verdict) = match &record.denial {
        None => (anstyle::AnsiColor::Green.on_default(), "ok".to_owned()),
        Some(denial) => (anstyle::AnsiColor::Red.on_default(), denial.code().name.to_owned()),
    };
    let what = what.trim_end();
    Ok(format!("{seq:>6}  {}  {}  {style}{verdict:<18}{style:#}  {what}\n", record.at, record.id))
}

impl Verify {
    fn run(self, house: &House, format: Format) -> Outcome {
        let anchor = self.anchor;
        let report = house.store.read_blocking(move |tx| audit::verify(tx, anchor.as_ref()));
        let report = report.map_err(Stop::cannot_run)?;
        let head = report.head.map(|head| format!("{}:{}", head.seq, hex(&head.hash)));
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        let value = serde_json::json!({
            "intact": report.is_intact(), "records": report.records, "from": report.from, "to": report.to,
            "anchor": head, "cut_through": report.cut.map(|cut| cut.seq), "seals_checked": report.seals_checked, "findings": findings, "more": report.more,
        });
        format.print(&value, || verdict(&report, head.as_deref(), &findings))?;
        Ok(if report.is_intact() { Exit::Done } else { Exit::Refused })
    }
}

fn verdict(report: &Report, head: Option<&str>, findings: &[String]) -> String {
    let (good, bad) =
        (anstyle::AnsiColor::Green.on_default(), anstyle::AnsiColor::Red.on_default().bold());
    let mut text = if report.is_intact() {
        format!("{good}intact{good:#}: {} records", report.records)
    } else {
        format!("{bad}NOT intact{bad:#}: {} records were read", report.records)
    };
    if let (Some(from), Some(to)) = (report.from, report.to) {
        let _ = write!(text, ", {from} to {to}");
    }
    text.push('\n');
    if let Some(cut) = report.cut {
        let _ = writeln!(text, "records 1 to {} were exported and cut", cut.seq);
    }
    for finding in findings {
        let _ = writeln!(text, "  {finding}");
    }
    if report.more > 0 {
        let _ = writeln!(text, "  and {} more", report.more);
    }
    if let Some(head) = head {
        let _ = writeln!(text, "anchor: {head}");
    }
    text
}

impl Export {
    fn run(self, house: &House) -> Outcome {
        let range = self.from..=self.to;
        let mut sink: Box<dyn Write + Send> = match &self.out {
            Some(path) => {
                let file = File::create_new(path);
                let file = file.map_err(|fault| {
                    Stop::cannot_run(format!("cannot write {}: {fault}", path.display()))
                })?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        let count = house.store.read_blocking(move |tx| audit::export(tx, range, &mut *sink));
        let count = count.map_err(Stop::cannot_run)?;
        talk(format_args!("{count} records exported"));
        Ok(Exit::Done)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `SEQ:HASH`
fn anchor(text: &str) -> Result<Anchor, String> {
    let parsed = text.split_once(':').and_then(|(seq, hash)| {
        let digits = hash.as_bytes().chunks(2).map(|pair| {
            std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let hash = digits.collect::<Option<Vec<u8>>>()?.try_into().ok()?;
        Some(Anchor { seq: seq.parse().ok()?, hash })
    });
    parsed.ok_or_else(|| "an anchor is SEQ:HASH, as 'portcullis audit verify' prints it".to_owned())
}
