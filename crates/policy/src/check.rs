//! Everything that a bundle is refused or warned for before an engine runs it.
//!
//! The checks see the rules without the tests. Each says file, line, what, and what to do.

mod builtins;
mod conditions;
mod entries;
mod graph;
mod growth;
mod large;
mod paths;
mod scopes;

use crate::{Finding, Level, Point, ast::Program, compiled::Kind, input::Shape};
use graph::Graph;
use portcullis_types::Registry;
use regorus::Value;
use std::collections::BTreeMap;

/// Rules in a bundle, at most.
const MAX_RULES: usize = 2000;

/// What the checks know of the rules.
struct Rules<'p, 'a> {
    program: &'p Program<'a>,
    graph: Graph,
    shapes: BTreeMap<Point, Shape>,
}

impl<'p, 'a> Rules<'p, 'a> {
    fn of(program: &'p Program<'a>, points: &[Point]) -> Self {
        let shapes = Point::ALL.iter().map(|point| (*point, Shape::of(*point))).collect();
        Self { program, graph: Graph::of(program, points), shapes }
    }

    /// The shapes of the inputs that the rule at `path` may see.
    fn inputs(&self, path: &str) -> Vec<(Point, &Shape)> {
        let points = self.graph.points(path);
        let shapes = self.shapes.iter().filter(|(point, _)| points.contains(point));
        shapes.map(|(point, shape)| (*point, shape)).collect()
    }
}

/// Runs every check over the rules; gives back the points that have a policy.
pub(crate) fn all(
    program: &Program<'_>,
    registry: &Registry,
    findings: &mut Vec<Finding>,
) -> Vec<Point> {
    if let Some(first) = program.rules.get(MAX_RULES) {
        let what = format!("the bundle has more than {MAX_RULES} rules");
        findings.push(Finding::error(first.place(), what, "put what differs into data.json"));
        return Vec::new();
    }
    let points = entries::points(program, findings);
    let rules = Rules::of(program, &points);
    paths::findings(&rules, findings);
    rules.graph.findings(program, findings);
    if findings.iter().any(|finding| finding.level == Level::Error) {
        // What goes round or stands too high is no ground for the checks below.
        return points;
    }
    entries::positive(&rules, &points, findings);
    builtins::findings(&rules, Kind::Rules, findings);
    conditions::findings(&rules, findings);
    scopes::findings(&rules, registry, findings);
    growth::findings(&rules, findings);
    points
}

/// Checks rules and tests together for what could stall whoever runs the tests.
pub(crate) fn tests(program: &Program<'_>, findings: &mut Vec<Finding>) {
    let rules = Rules::of(program, &[]);
    rules.graph.findings(program, findings);
    if findings.iter().all(|finding| finding.level != Level::Error) {
        builtins::findings(&rules, Kind::Tests, findings);
        growth::findings(&rules, findings);
    }
}

/// Checks the scopes that the data names, and what the rules take of it.
pub(crate) fn data(
    program: &Program<'_>,
    (text, data): (&str, &Value),
    registry: &Registry,
    findings: &mut Vec<Finding>,
) {
    scopes::data(text, registry, findings);
    large::findings(&Rules::of(program, &[]), data, findings);
}
