//! Tables for people, JSON for programs.

use super::Bench;
use crate::{house::House, trouble::Outcome};
use serde_json::{Value, json};
use std::fmt;
use xshell::cmd;

/// A table and its notes.
pub(super) struct Section {
    name: &'static str,
    title: &'static str,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    json: Vec<Value>,
    notes: Vec<String>,
}

impl Section {
    pub(super) fn new(name: &'static str, title: &'static str, head: &[&str]) -> Self {
        let head = head.iter().map(ToString::to_string).collect();
        Self { name, title, head, rows: Vec::new(), json: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>, json: Value) {
        self.rows.push(cells);
        self.json.push(json);
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// As Markdown, in columns.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            all().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            row.iter().zip(&widths).try_for_each(|(cell, width)| write!(f, "| {cell:width$} "))?;
            writeln!(f, "|")
        };
        writeln!(f, "## {}\n", self.title)?;
        line(f, &self.head)?;
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        line(f, &rule)?;
        self.rows.iter().try_for_each(|row| line(f, row))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n{note}\n"))
    }
}

/// Everything of one run.
pub(super) struct Report {
    date: String,
    machine: String,
    versions: Vec<String>,
    sections: Vec<Section>,
}

impl Report {
    /// Where and with what it ran.
    pub(super) fn new(bench: &Bench<'_>) -> Outcome<Self> {
        let sh = &bench.house.sh;
        let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
        let cpu = cmd!(sh, "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo").quiet().read()?;
        let memory =
            cmd!(sh, "awk '/^MemTotal/ { printf \"%.0f GiB\", $2 / 1048576 }' /proc/meminfo")
                .quiet()
                .read()?;
        let (cores, kernel) =
            (cmd!(sh, "nproc").quiet().read()?, cmd!(sh, "uname -sr").quiet().read()?);
        // Whoever else computes takes cache and memory from all, and the disk from us.
        let load = cmd!(sh, "cut -d ' ' -f 1 /proc/loadavg").quiet().read()?;
        let portcullis = &bench.portcullis;
        let commit = cmd!(sh, "git describe --always --dirty").quiet().read().unwrap_or_default();
        let ours = cmd!(sh, "{portcullis} --version").quiet().read()?;
        let mut versions = vec![
            format!("{ours} ({commit})"),
            first(cmd!(sh, "haproxy -v").quiet().read()?),
            first(cmd!(sh, "nginx -v").quiet().read_stderr()?),
            first(cmd!(sh, "rustc --version").quiet().read()?),
        ];
        if let Some(envoy) = &bench.envoy {
            let version = cmd!(sh, "{envoy} --version").quiet().read()?;
            versions.push(format!("Envoy {}", version.rsplit('/').nth(3).unwrap_or_default()));
        }
        Ok(Self {
            date: cmd!(sh, "date -u +%F").quiet().read()?,
            machine: format!(
                "{cores} × {}, {memory}, {kernel}; load before it started: {load}",
                first(cpu)
            ),
            versions,
            sections: Vec::new(),
        })
    }

    pub(super) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Replaces `bench/results/latest.*`.
    pub(super) fn save(&self, house: &House) -> Outcome {
        let sections =
            self.sections.iter().map(|section| (section.name.to_owned(), json!(section.json)));
        let sections: serde_json::Map<String, Value> = sections.collect();
        let mut json =
            json!({ "date": self.date, "machine": self.machine, "versions": self.versions });
        if let Value::Object(json) = &mut json {
            json.extend(sections);
        }
        let results = house.root.join("bench/results");
        house
            .sh
            .write_file(results.join("latest.json"), serde_json::to_string_pretty(&json)? + "\n")?;
        house.sh.write_file(results.join("latest.md"), self.to_string())?;
        println!("written to bench/results/latest.md and latest.json");
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Benchmark of {}\n\n{}\n", self.date, self.machine)?;
        self.versions.iter().try_for_each(|version| writeln!(f, "- {version}"))?;
        self.sections.iter().try_for_each(|section| write!(f, "\n{section}"))
    }
}
