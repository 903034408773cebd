//! Which rule reads which: what is reached from where, what goes round, what is never asked.

use crate::{
    Finding, Point,
    ast::{Named, Program, Target},
};
use regorus::unstable::Expr;
use std::collections::{BTreeMap, BTreeSet};

/// Rules that read each other one after the other, at most: each takes a piece of the stack.
const MAX_CHAIN: usize = 40;

pub(super) struct Graph {
    /// A rule's path to those it reads.
    reads: BTreeMap<String, BTreeSet<String>>,
    reached: BTreeMap<Point, BTreeSet<String>>,
}

impl Graph {
    pub(super) fn of(program: &Program<'_>, points: &[Point]) -> Self {
        let mut reads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for rule in &program.rules {
            let read = reads.entry(rule.path.clone()).or_default();
            rule.each(&mut |expr| {
                if let Some(Target::Data(path)) = refers(rule, expr) {
                    read.extend(program.named(&path).into_iter().map(str::to_owned));
                }
            });
        }
        let mut graph = Self { reads, reached: BTreeMap::new() };
        for point in points {
            let reached = graph.from(point.entry());
            graph.reached.insert(*point, reached);
        }
        graph
    }

    /// The points whose decision may read the rule.
    pub(super) fn points(&self, path: &str) -> Vec<Point> {
        let reached = self.reached.iter().filter(|(_, reached)| reached.contains(path));
        reached.map(|(point, _)| *point).collect()
    }

    pub(super) fn findings(&self, program: &Program<'_>, findings: &mut Vec<Finding>) {
        let mut depths = BTreeMap::new();
        let mut told = BTreeSet::new();
        for rule in &program.rules {
            if !told.insert(&rule.path) {
                continue;
            }
            match self.depth(&rule.path, &mut depths) {
                None => findings.push(Finding::error(
                    rule.place(),
                    format!("'{}' reads itself, directly or through others", rule.path),
                    "a rule must not need its own answer; break the circle",
                )),
                Some(depth) if depth > MAX_CHAIN => findings.push(Finding::error(
                    rule.place(),
                    format!("'{}' stands on a chain of {depth} rules", rule.path),
                    format!("make the chain at most {MAX_CHAIN} long"),
                )),
                Some(_) if !self.reached.is_empty() && self.points(&rule.path).is_empty() => {
                    findings.push(Finding::warning(
                        rule.place(),
                        format!("'{}' is dead: no decision reads it", rule.path),
                        "use it, or take it out",
                    ));
                }
                Some(_) => {}
            }
        }
    }

    fn from(&self, entry: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![entry.to_owned()];
        while let Some(path) = open.pop() {
            if let Some(reads) = self.reads.get(&path) {
                open.extend(reads.iter().filter(|path| !reached.contains(*path)).cloned());
            }
            reached.insert(path);
        }
        reached
    }

    /// How many rules stand under one another from `path`; `None` if they go round. Keeps its
    /// own stack: the chain may be as long as the bundle.
    fn depth(&self, path: &str, known: &mut BTreeMap<String, Option<usize>>) -> Option<usize> {
        let none = BTreeSet::new();
        let mut open: Vec<(String, bool)> = vec![(path.to_owned(), false)];
        let mut above = BTreeSet::new();
        while let Some((path, seen)) = open.pop() {
            if known.contains_key(&path) {
                continue;
            }
            let reads = self.reads.get(&path).unwrap_or(&none);
            if seen {
                above.remove(&path);
                let mut below = reads.iter().map(|read| known.get(read).copied().flatten());
                let depth = below.try_fold(1_usize, |depth, below| Some(depth.max(below? + 1)));
                known.insert(path, depth);
            } else {
                above.insert(path.clone());
                open.push((path, true));
                // One that is above still is not known when its reader is: a circle.
                open.extend(
                    reads.iter().filter(|it| !above.contains(*it)).cloned().map(|it| (it, false)),
                );
            }
        }
        known.get(path).copied().flatten()
    }
}

/// What an expression reads: a reference itself, or the function that is called.
pub(super) fn refers(rule: &Named<'_>, expr: &Expr) -> Option<Target> {
    match expr {
        Expr::Call { fcn, .. } => rule.target(fcn),
        _ => rule.target(expr),
    }
}
