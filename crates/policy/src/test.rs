//! Runs a bundle's own tests: `test_*` in `*_test.rego`, by the interpreter, with coverage.

use crate::{
    Bundle, Refused,
    ast::Program,
    compiled::{Kind, timer},
    nesting, reference,
};
use regorus::{Engine as Interpreter, Value};
use serde::Serialize;
use std::{collections::BTreeSet, time::Duration};

/// Wall-clock time of one test, at most.
const MAX_TIME: Duration = Duration::from_secs(5);

/// What the tests of a bundle said.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many passed.
    pub passed: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
    /// What the tests ran through, file by file.
    pub coverage: Vec<Coverage>,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its whole name.
    pub test: String,
    /// The file that it is in.
    pub file: String,
    /// The line that it starts at.
    pub line: u32,
    /// Why.
    pub why: String,
}

/// How much of a file the tests ran through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The file.
    pub file: String,
    /// Lines that were evaluated.
    pub covered: u32,
    /// Lines that were not.
    pub missed: Vec<u32>,
}

impl Report {
    /// Whether there was a test and all passed.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
    }

    /// Of all lines that can be evaluated, how many were, in percent.
    pub fn percent(&self) -> f64 {
        let covered: u32 = self.coverage.iter().map(|file| file.covered).sum();
        let missed: usize = self.coverage.iter().map(|file| file.missed.len()).sum();
        percent(covered, missed)
    }
}

impl Coverage {
    /// How many of the file's lines were evaluated, in percent.
    pub fn percent(&self) -> f64 {
        percent(self.covered, self.missed.len())
    }
}

fn percent(covered: u32, missed: usize) -> f64 {
    let all = f64::from(covered) + f64::from(u32::try_from(missed).unwrap_or(u32::MAX));
    if all == 0.0 { 100.0 } else { f64::from(covered) * 100.0 / all }
}

/// Runs every `test_*` rule of the bundle's `*_test.rego`. A test passes if it is `true`.
pub fn run(bundle: &Bundle) -> Result<Report, Refused> {
    let mut interpreter = reference::ready(bundle, Kind::Tests)?;
    interpreter.set_execution_timer_config(timer(MAX_TIME));
    interpreter.set_enable_coverage(true);
    let mut report = Report { passed: 0, failures: Vec::new(), coverage: Vec::new() };
    for (test, file, line) in tests(&mut interpreter) {
        match outcome(&mut interpreter, &test) {
            None => report.passed += 1,
            Some(why) => report.failures.push(Failure { test, file, line, why }),
        }
    }
    report.coverage = coverage(&interpreter, bundle);
    Ok(report)
}

/// Every test once, in the order of the files.
fn tests(interpreter: &mut Interpreter) -> Vec<(String, String, u32)> {
    let program = Program::of(interpreter.get_modules());
    let mut seen = BTreeSet::new();
    let tests = program.rules.iter().filter_map(|rule| {
        let (file, line) = rule.place();
        let name = rule.path.rsplit('.').next()?;
        let test = file.ends_with("_test.rego") && name.starts_with("test_");
        let first = test && seen.insert(rule.path.clone());
        first.then(|| (rule.path.clone(), file.to_owned(), line))
    });
    tests.collect()
}

/// Why the test failed; `None` if it passed.
fn outcome(interpreter: &mut Interpreter, test: &str) -> Option<String> {
    match interpreter.eval_rule(format!("data.{test}")) {
        Ok(Value::Bool(true)) => None,
        Ok(Value::Undefined) => Some("some line of it does not hold".to_owned()),
        Ok(value) => Some(format!("it is {value}, not true")),
        Err(fault) => Some(nesting::last_line(&fault.to_string())),
    }
}

fn coverage(interpreter: &Interpreter, bundle: &Bundle) -> Vec<Coverage> {
    let Ok(report) = interpreter.get_coverage_report() else { return Vec::new() };
    let rules: BTreeSet<_> = bundle.files().rules().map(|(name, _)| name).collect();
    let files = report.files.into_iter().filter(|file| rules.contains(file.path.as_str()));
    let counted = files.map(|file| Coverage {
        covered: u32::try_from(file.covered.len()).unwrap_or(u32::MAX),
        missed: file.not_covered.into_iter().collect(),
        file: file.path,
    });
    counted.collect()
}
