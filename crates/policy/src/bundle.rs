//! A set of policies that was read, checked and compiled, twice.

use crate::{
    Files, Finding, Level, Point, Refused, Revision,
    ast::Program,
    check,
    compiled::{self, Compiled, Kind},
    nesting,
};
use portcullis_types::Registry;
use regorus::Engine as Interpreter;
use std::{path::Path, sync::Arc};

/// Policies that may decide: every check passed, and both engines took them.
///
/// Cheap to clone; immutable.
#[derive(Clone, Debug)]
pub struct Bundle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    revision: Revision,
    warnings: Vec<Finding>,
    points: Vec<Point>,
}

impl Bundle {
    /// Reads, checks and compiles the policies in `dir`. `registry` knows the scopes.
    pub fn load(dir: &Path, registry: &Registry) -> Result<Self, Refused> {
        Self::of(Files::read(dir)?, registry)
    }

    /// Checks and compiles policies that were read elsewhere.
    ///
    /// Does not run the tests: [`crate::test`] does.
    pub fn of(files: Files, registry: &Registry) -> Result<Self, Refused> {
        let mut findings = Vec::new();
        for (name, text) in files.rules().chain(files.tests()) {
            findings.extend(nesting::bounded(name, text).err());
        }
        stop(&mut findings)?;
        let mut interpreter = parse(&files, Kind::Rules, &mut findings)?;
        let program = Program::of(interpreter.get_modules());
        let points = check::all(&program, registry, &mut findings);
        if let Some(text) = files.data() {
            let data = compiled::data(&files)?;
            check::data(&program, (text, &data), registry, &mut findings);
        }
        stop(&mut findings)?;
        // What the fast engine refuses, and that the tests are Rego at all, is seen here.
        Compiled::new(&files, &points)?;
        let mut tests = parse(&files, Kind::Tests, &mut findings)?;
        check::tests(&Program::of(tests.get_modules()), &mut findings);
        stop(&mut findings)?;
        let (revision, warnings) = (files.revision(), findings);
        Ok(Self(Arc::new(Inner { files, revision, warnings, points })))
    }

    /// No policies: whatever is asked of it is denied.
    pub fn none() -> Self {
        let files = Files::default();
        let (revision, warnings, points) = (files.revision(), Vec::new(), Vec::new());
        Self(Arc::new(Inner { files, revision, warnings, points }))
    }

    /// What it is called by.
    pub fn revision(&self) -> Revision {
        self.0.revision
    }

    /// What was doubtful; nothing here kept it from being taken.
    pub fn warnings(&self) -> &[Finding] {
        &self.0.warnings
    }

    /// The points that it has a policy for; all others deny.
    pub fn points(&self) -> &[Point] {
        &self.0.points
    }

    /// Its files.
    pub fn files(&self) -> &Files {
        &self.0.files
    }
}

/// An interpreter with the rules, and with the tests if asked, not yet run.
pub(crate) fn parse(
    files: &Files,
    kind: Kind,
    findings: &mut Vec<Finding>,
) -> Result<Interpreter, Refused> {
    let mut interpreter = Interpreter::new();
    let tests = files.tests().filter(|_| kind == Kind::Tests);
    for (name, text) in files.rules().chain(tests) {
        if let Err(fault) = interpreter.add_policy(name.to_owned(), text.to_owned()) {
            let fault = fault.to_string();
            let place = (name, nesting::named_line(&fault));
            let remedy = "write it as Rego v1 has it: `if` before a body, `contains` for sets";
            findings.push(Finding::error(place, nesting::last_line(&fault), remedy));
        }
    }
    stop(findings)?;
    Ok(interpreter)
}

/// Refuses if anything found so far is an error.
fn stop(findings: &mut Vec<Finding>) -> Result<(), Refused> {
    findings.sort();
    findings.dedup();
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Refused { findings: std::mem::take(findings) });
    }
    Ok(())
}
