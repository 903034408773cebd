//! `portcullis audit`

mod cut;

use super::{Exit, Format, Globals, House, Outcome, Reader, Stop, dated, house, put, talk};
use clap::Subcommand;
use portcullis_audit::{self as audit, Anchor, Event, Record, Report};
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Between two looks at a log that is followed.
const PAUSE: Duration = Duration::from_millis(300);
/// What a denial calls its times.
const TIMES: [&str; 7] = ["exp", "from", "now", "since", "before", "fetched_at", "heard_at"];
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
                if put(line(*seq, record, format)?)? == Reader::Gone {
                    return Ok(Exit::Done);
                }
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
            members.insert("at".to_owned(), record.at.to_string().into());
            if let Some(denial) = members.get_mut("denial") {
                dated(denial, &TIMES);
            }
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
            let kind = grant.kind();
            let kind = kind.trim_end_matches(" request");
            format!("{} {kind} {scope}", who(grant.client_id.as_deref().unwrap_or("")))
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
        let mut findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        findings.extend(erased(house, &report)?);
        let intact = findings.is_empty();
        let value = serde_json::json!({
            "intact": intact, "records": report.records,
            "from": report.from.map(|at| at.to_string()), "to": report.to.map(|at| at.to_string()),
            "anchor": head, "cut_through": report.cut.map(|cut| cut.seq), "seals_checked": report.seals_checked, "findings": findings, "more": report.more,
        });
        format.print(&value, || verdict(&report, head.as_deref(), &findings))?;
        Ok(if intact { Exit::Done } else { Exit::Refused })
    }
}

/// A log that is empty where something must have been written into it. The chain cannot show that it is
/// gone as a whole, its note of the end included.
fn erased(house: &House, report: &Report) -> Result<Option<String>, Stop> {
    if report.records > 0 || report.head.is_some() || report.cut.is_some() {
        return Ok(None);
    }
    let (clients, keys) = house::block_on(async {
        let mut keys = 0;
        for plan in [house.issuer_keys(), house.gateway_keys()] {
            keys += house.look_at_keys(plan).await?.list().len();
        }
        Ok((house.directory().await?.list().len(), keys))
    })?;
    let made = "and whatever makes a client or a key is recorded: the log was erased";
    Ok((clients + keys > 0)
        .then(|| format!("there is no record, but {clients} clients and {keys} keys, {made}")))
}

fn verdict(report: &Report, head: Option<&str>, findings: &[String]) -> String {
    let (good, bad) =
        (anstyle::AnsiColor::Green.on_default(), anstyle::AnsiColor::Red.on_default().bold());
    let mut text = if findings.is_empty() {
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
        let gone = Arc::new(AtomicBool::new(false));
        let mut sink: Box<dyn Write + Send> = match &self.out {
            Some(path) => {
                let file = File::create_new(path);
                let file = file.map_err(|fault| {
                    Stop::cannot_run(format!("cannot write {}: {fault}", path.display()))
                })?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(BufWriter::new(Piped(Arc::clone(&gone)))),
        };
        let count = house.store.read_blocking(move |tx| audit::export(tx, range, &mut *sink));
        if gone.load(Ordering::Relaxed) {
            return Ok(Exit::Done);
        }
        let count = count.map_err(Stop::cannot_run)?;
        talk(format_args!("{count} records exported"));
        Ok(Exit::Done)
    }
}

/// Standard output; notes that its reader has left, which is no failure of an export.
struct Piped(Arc<AtomicBool>);

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.noted(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.noted(io::stdout().flush())
    }
}

impl Piped {
    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.as_ref().is_err_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe) {
            self.0.store(true, Ordering::Relaxed);
        }
        result
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
