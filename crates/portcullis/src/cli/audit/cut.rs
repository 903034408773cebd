//! `portcullis audit cut`: nothing leaves the database that was not exported, read back and verified.

use super::{House, Outcome};
use crate::{
    cli::{Exit, Format, Stop, house, talk},
    clock::{self, Chance},
};
use portcullis_audit::{self as audit, Admin, AuditKey, Event, Record, Report};
use portcullis_store::StoreFault;
use portcullis_types::{DecisionId, Random, Stage, Trace};
use std::{
    fmt::Display,
    fs::File,
    io::{BufReader, BufWriter, Write},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// Export the oldest records, and take them out of the database.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Cut {
    /// The last record that may go; the cut is made at the end of the batch before or at it.
    #[arg(long, value_name = "SEQ")]
    through: u64,
    /// The file to export to; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
}

impl Cut {
    pub(super) fn run(self, house: &House, format: Format) -> Outcome {
        let through = self.through;
        let range = house.store.read_blocking(move |tx| audit::cuttable(tx, through));
        let Some(range) = range.map_err(Stop::cannot_run)? else {
            return Err(Stop::refused(format_args!(
                "there is nothing to cut: no batch of records ends at or before {through}"
            )));
        };
        self.export(house, range)?;
        let report = self.read_back(house)?;
        if let Some(finding) = report.findings.first() {
            return Err(Stop::refused(format_args!("nothing is cut: {finding}")).hint(
                "'portcullis audit verify' shows all that is wrong; the export stays as it is",
            ));
        }
        let gone = self.cut(house, report)?;
        let (first, last) = (*gone.start(), *gone.end());
        let file = self.export.display().to_string();
        let value = serde_json::json!({ "first": first, "last": last, "export": file });
        format.print(&value, || format!("records {first} to {last} are in {file} alone\n"))?;
        talk("keep the export, and the last line of 'portcullis audit verify', elsewhere");
        Ok(Exit::Done)
    }

    /// On the disk before anything goes.
    fn export(&self, house: &House, range: RangeInclusive<u64>) -> Result<(), Stop> {
        let file = File::create_new(&self.export)
            .map_err(|fault| cannot(&self.export, "write", &fault))?;
        let job = move |tx: &mut portcullis_store::Tx<'_>| {
            let mut sink = BufWriter::new(file);
            audit::export(tx, range, &mut sink)?;
            sink.flush().and_then(|()| sink.get_ref().sync_all()).map_err(StoreFault::rejected)
        };
        house.store.read_blocking(job).map_err(|fault| cannot(&self.export, "write", &fault))
    }

    fn read_back(&self, house: &House) -> Result<Report, Stop> {
        let file =
            File::open(&self.export).map_err(|fault| cannot(&self.export, "read", &fault))?;
        let job = move |tx: &mut portcullis_store::Tx<'_>| {
            let key = tx.attached::<AuditKey>();
            audit::verify_export(&mut BufReader::new(file), key.as_deref())
                .map_err(StoreFault::rejected)
        };
        house.store.read_blocking(job).map_err(|fault| cannot(&self.export, "read", &fault))
    }

    fn cut(&self, house: &House, report: Report) -> Result<RangeInclusive<u64>, Stop> {
        let now = clock::now();
        let last = report.head.map_or(0, |head| head.seq);
        let first = last.saturating_sub(report.records).saturating_add(1);
        let admin = Admin {
            actor: house::actor().into(),
            action: "audit.cut".into(),
            target: format!("{first} to {last}").into(),
            detail: [("export".to_owned(), self.export.display().to_string())].into(),
        };
        let record = Record {
            id: DecisionId::fresh(now, &Random::draw(&mut Chance)),
            at: now,
            trace: Trace::new(Stage::Grant),
            denial: None,
            ruled: None,
            event: Event::Admin(admin),
        };
        let gone = house.store.write_blocking(move |tx| audit::cut(tx, &report, &record));
        gone.map_err(Stop::cannot_run)
    }
}

fn cannot(path: &Path, act: &str, fault: &dyn Display) -> Stop {
    Stop::cannot_run(format_args!("cannot {act} {}: {fault}", path.display()))
}
