//! The entry rules: there, denying by default, and allowing only for a reason.

use super::Rules;
use crate::{
    Finding, Point,
    ast::{Named, Program, Target, called, string},
};
use regorus::unstable::{BoolOp, Expr, Literal, LiteralStmt, Query, Rule, RuleHead};
use std::collections::BTreeSet;

const DENIES: &str = "write `default decision := {\"allow\": false}` in the package";

/// The points that have a policy. Each must deny by default.
pub(super) fn points(program: &Program<'_>, findings: &mut Vec<Finding>) -> Vec<Point> {
    let mut points = Vec::new();
    for point in Point::ALL {
        let mut rules = program.rules.iter().filter(|rule| rule.package == point.package());
        let Some(first) = rules.next() else {
            let what = format!("there is no policy for the point '{point}': all of it is denied");
            let remedy = format!("write package {}, or leave it denied", point.package());
            findings.push(Finding::warning(("the policies", 0), what, remedy));
            continue;
        };
        points.push(point);
        let default = program.at(point.entry()).find_map(|rule| match rule.rule {
            Rule::Default { value, .. } => Some((rule.place(), value)),
            Rule::Spec { .. } => None,
        });
        match default {
            None => {
                let what = format!("'{}' has no default", point.entry());
                findings.push(Finding::error(first.place(), what, DENIES));
            }
            Some((place, value)) if !denies(value) => {
                let what = format!("the default of '{}' does not deny", point.entry());
                findings.push(Finding::error(place, what, DENIES));
            }
            Some(_) => {}
        }
    }
    if points.is_empty() {
        let what = "there is no policy at all".to_owned();
        let remedy = "write package portcullis.request with a rule `decision`";
        findings.push(Finding::error(("the policies", 0), what, remedy));
    }
    points
}

/// Every definition that may allow must stand on something that holds, not only on the absence of
/// something: a rule that fails in silence must not open the door.
pub(super) fn positive(rules: &Rules<'_, '_>, points: &[Point], findings: &mut Vec<Finding>) {
    let hold = holding(rules);
    for point in points {
        for rule in rules.program.at(point.entry()) {
            if definitions(rule.rule).any(|it| it.may_allow() && !it.stands(rule, rules, &hold)) {
                let what = format!("'{}' allows for want of a denial alone", point.entry());
                let remedy = "let it also ask for something that must hold, such as a scope or a \
                              role: a denial that fails is silent";
                findings.push(Finding::error(rule.place(), what, remedy));
            }
        }
    }
}

/// The rules that are only true if something holds: found round by round, beginning with none.
fn holding(rules: &Rules<'_, '_>) -> BTreeSet<String> {
    let mut open: BTreeSet<_> = rules.program.paths().collect();
    let mut hold = BTreeSet::new();
    loop {
        let stands = |path: &&&str| {
            rules.program.at(path).all(|rule| match rule.rule {
                Rule::Default { value, .. } => is_false(value) || denies(value),
                Rule::Spec { .. } => {
                    let mut ways = definitions(rule.rule);
                    ways.all(|it| !it.may_allow() || it.stands(rule, rules, &hold))
                }
            })
        };
        let found: Vec<_> = open.iter().filter(stands).copied().collect();
        if found.is_empty() {
            return hold;
        }
        for path in found {
            open.remove(path);
            hold.insert(path.to_owned());
        }
    }
}

/// One way for a rule to get a value: its value (`None` is `true`) and the query before it.
struct Definition<'a> {
    value: Option<&'a Expr>,
    query: Option<&'a Query>,
}

fn definitions(rule: &Rule) -> impl Iterator<Item = Definition<'_>> {
    let mut found = Vec::new();
    if let Rule::Spec { head, bodies, .. } = rule {
        let assign = match head {
            RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => assign.as_ref(),
            RuleHead::Set { .. } => None,
        };
        for body in bodies {
            let value = body.assign.as_ref().or(assign).map(|assign| &*assign.value);
            found.push(Definition { value, query: Some(&body.query) });
        }
        if bodies.is_empty() {
            found.push(Definition { value: assign.map(|assign| &*assign.value), query: None });
        }
    }
    found.into_iter()
}

impl Definition<'_> {
    /// Whether the value may be `true`, or an object whose `allow` may be.
    fn may_allow(&self) -> bool {
        self.value.is_none_or(|value| !is_false(value) && !denies(value))
    }

    /// Whether the value, or a line before it, needs something to hold.
    fn stands(&self, rule: &Named<'_>, rules: &Rules<'_, '_>, hold: &BTreeSet<String>) -> bool {
        let ground = Ground { rule, rules, hold, query: self.query };
        let value = self.value.map(|value| allow(value).unwrap_or(value));
        let mut lines = self.query.into_iter().flat_map(|query| &query.stmts);
        value.is_some_and(|value| ground.holds(value)) || lines.any(|line| ground.line(line))
    }
}

/// Where it is asked whether something holds.
struct Ground<'g, 'p, 'a> {
    rule: &'g Named<'a>,
    rules: &'g Rules<'p, 'a>,
    /// The rules that are known to hold.
    hold: &'g BTreeSet<String>,
    query: Option<&'g Query>,
}

impl Ground<'_, '_, '_> {
    fn line(&self, line: &LiteralStmt) -> bool {
        match &line.literal {
            Literal::Expr { expr, .. } => self.holds(expr),
            // `some x in c` needs an element.
            Literal::SomeIn { .. } => true,
            // `every` holds of nothing; `not` is the very absence.
            Literal::SomeVars { .. } | Literal::NotExpr { .. } | Literal::Every { .. } => false,
        }
    }

    /// Whether `expr` can only be true if something is there.
    fn holds(&self, expr: &Expr) -> bool {
        match expr {
            Expr::BoolExpr { op, lhs, rhs, .. } => self.compared(op, lhs, rhs),
            Expr::AssignExpr { lhs, rhs, .. } => self.there(lhs) && self.there(rhs),
            Expr::Membership { .. } => true,
            Expr::Call { fcn, .. } if !called(fcn).contains("is_") => self.there(expr),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.there(expr),
            _ => false,
        }
    }

    fn compared(&self, op: &BoolOp, lhs: &Expr, rhs: &Expr) -> bool {
        let counts = |side: &Expr| matches!(side, Expr::Call { fcn, .. } if called(fcn) == "count");
        let empty = |side: &Expr| match side {
            Expr::Set { items, .. } | Expr::Array { items, .. } => items.is_empty(),
            _ => false,
        };
        // More than so many are there; all else may be said of none.
        match (counts(lhs), counts(rhs)) {
            (true, _) => *op == BoolOp::Gt,
            (_, true) => *op == BoolOp::Lt,
            _ if empty(lhs) || empty(rhs) => *op == BoolOp::Ne,
            _ => self.there(lhs) || self.there(rhs),
        }
    }

    /// Whether `expr` has a value only if the input, the data, or a rule that holds has one.
    fn there(&self, expr: &Expr) -> bool {
        match super::graph::refers(self.rule, expr) {
            Some(Target::Input(_)) => true,
            Some(Target::Data(path)) => {
                let named = self.rules.program.named(&path);
                // A reference that no rule answers is one to the data.
                named.iter().all(|path| self.hold.contains(*path))
            }
            Some(Target::Local) | None => match expr {
                Expr::Call { params, .. } => params.iter().any(|param| self.there(param)),
                Expr::ArithExpr { lhs, rhs, .. } => self.there(lhs) || self.there(rhs),
                Expr::UnaryExpr { expr, .. } => self.there(expr),
                Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.bound(expr),
                _ => false,
            },
        }
    }

    /// Whether a name of this query stands for something that is there.
    fn bound(&self, expr: &Expr) -> bool {
        let Some((name, _)) = crate::ast::chain(expr) else { return false };
        let lines = self.query.into_iter().flat_map(|query| &query.stmts);
        let mut given = lines.filter_map(|line| match &line.literal {
            Literal::Expr { expr, .. } => match &**expr {
                Expr::AssignExpr { lhs, rhs, .. } => {
                    matches!(&**lhs, Expr::Var { span, .. } if span.text() == name).then_some(rhs)
                }
                _ => None,
            },
            _ => None,
        });
        match given.next() {
            // Not through another name: a chain of them would have to be followed round.
            Some(value) => !matches!(&**value, Expr::Var { .. }) && self.direct(value),
            // An argument, or an element of something.
            None => true,
        }
    }

    /// As [`Ground::there`], but for names of the query.
    fn direct(&self, expr: &Expr) -> bool {
        match super::graph::refers(self.rule, expr) {
            Some(Target::Local) | None => match expr {
                Expr::Call { params, .. } => params.iter().any(|param| self.direct(param)),
                Expr::ArithExpr { lhs, rhs, .. } => self.direct(lhs) || self.direct(rhs),
                Expr::UnaryExpr { expr, .. } => self.direct(expr),
                _ => false,
            },
            Some(_) => self.there(expr),
        }
    }
}

fn is_false(expr: &Expr) -> bool {
    super::conditions::constant(expr).is_some_and(|value| value == &regorus::Value::Bool(false))
}

/// The `allow` of a decision that is written out.
fn allow(value: &Expr) -> Option<&Expr> {
    let Expr::Object { fields, .. } = value else { return None };
    fields.iter().find(|(_, key, _)| string(key) == Some("allow")).map(|(_, _, value)| &**value)
}

/// Whether a decision that is written out denies.
fn denies(value: &Expr) -> bool {
    allow(value).is_some_and(is_false)
}
