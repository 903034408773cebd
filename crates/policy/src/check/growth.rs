//! How much larger a value can get than what the policy was told.
//!
//! No call is interrupted, so the limit of instructions does not keep texts from being doubled
//! forty times. This counts, along what is built from what, how often a value is made of several:
//! in powers of two, from above.

use super::Rules;
use crate::{
    Finding,
    ast::{Named, Target, called, chain},
};
use regorus::unstable::{ArithOp, AssignOp, Expr, Literal, Query, Ref, Rule, RuleHead};
use std::collections::BTreeMap;

/// Doublings from the input to the largest value, at most.
const MAX_DOUBLINGS: u32 = 24;
/// What a comprehension counts for: it gathers as many values as it goes round.
const ROUNDS: u32 = 8;

pub(super) fn findings(rules: &Rules<'_, '_>, findings: &mut Vec<Finding>) {
    let mut growth = Growth { rules, known: BTreeMap::new() };
    for rule in &rules.program.rules {
        if growth.path(&rule.path) > MAX_DOUBLINGS {
            let what = format!(
                "'{}' may build a value too large: it makes one out of several, \
                 over and over",
                rule.path
            );
            let remedy = "build fewer values out of values that were built";
            findings.push(Finding::error(rule.place(), what, remedy));
            // What stands on it is too large for the same reason.
            return;
        }
    }
}

struct Growth<'g, 'p, 'a> {
    rules: &'g Rules<'p, 'a>,
    /// Doublings of a rule's value; of one that is being counted: none yet.
    known: BTreeMap<String, u32>,
}

/// What the names within a rule stand for.
#[derive(Default)]
struct Locals<'r> {
    of: BTreeMap<&'r str, Vec<&'r Expr>>,
    doublings: BTreeMap<&'r str, u32>,
}

impl<'a> Growth<'_, '_, 'a> {
    fn path(&mut self, path: &str) -> u32 {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        self.known.insert(path.to_owned(), 0);
        let program = self.rules.program;
        let definitions: Vec<_> = program.at(path).collect();
        let most = definitions.iter().map(|rule| self.rule(rule)).max().unwrap_or_default();
        let doublings = most.saturating_add(log2(definitions.len()));
        self.known.insert(path.to_owned(), doublings);
        doublings
    }

    fn rule(&mut self, rule: &Named<'a>) -> u32 {
        let mut locals = Locals::default();
        rule.each_query(&mut |query| locals.query(query));
        // Names stand for each other in any order: again, until nothing grows.
        for _ in 0..=locals.of.len() {
            let counted: BTreeMap<_, _> = locals
                .of
                .iter()
                .map(|(name, values)| (*name, self.most(rule, &locals, values)))
                .collect();
            let settled = counted == locals.doublings;
            locals.doublings = counted;
            if settled {
                break;
            }
        }
        // Values on the way count as well as the one that comes out.
        let mut built = Vec::new();
        rule.each(&mut |expr| {
            if !matches!(expr, Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. }) {
                built.push(expr);
            }
        });
        self.most(rule, &locals, &built).max(self.most(rule, &locals, &values(rule.rule)))
    }

    fn most(&mut self, rule: &Named<'a>, locals: &Locals<'_>, values: &[&Expr]) -> u32 {
        values.iter().map(|value| self.expr(rule, locals, value)).max().unwrap_or_default()
    }

    fn expr(&mut self, rule: &Named<'a>, locals: &Locals<'_>, expr: &Expr) -> u32 {
        match expr {
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                let items: Vec<_> = items.iter().map(|item| &**item).collect();
                self.several(rule, locals, &items)
            }
            Expr::Object { fields, .. } => {
                let items: Vec<_> =
                    fields.iter().flat_map(|(_, key, value)| [&**key, &**value]).collect();
                self.several(rule, locals, &items)
            }
            Expr::ArrayCompr { term, .. } | Expr::SetCompr { term, .. } => {
                self.expr(rule, locals, term) + ROUNDS
            }
            Expr::ObjectCompr { key, value, .. } => {
                self.several(rule, locals, &[key, value]) + ROUNDS
            }
            Expr::Call { fcn, params, .. } => self.call(rule, locals, (fcn, params)),
            Expr::ArithExpr { op: ArithOp::Mul, lhs, rhs, .. }
            | Expr::ArithExpr { op: ArithOp::Add, lhs, rhs, .. } => {
                self.several(rule, locals, &[lhs, rhs])
            }
            Expr::BinExpr { lhs, rhs, .. } => self.several(rule, locals, &[lhs, rhs]),
            Expr::UnaryExpr { expr, .. } => self.expr(rule, locals, expr),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                match rule.target(expr) {
                    Some(Target::Data(path)) => {
                        let program = self.rules.program;
                        program
                            .named(&path)
                            .into_iter()
                            .map(|path| self.path(path))
                            .max()
                            .unwrap_or_default()
                    }
                    Some(Target::Local) => match chain(expr) {
                        Some((name, _)) => locals.doublings.get(name).copied().unwrap_or_default(),
                        None => 0,
                    },
                    Some(Target::Input(_)) => 0,
                    None => self.root(rule, locals, expr),
                }
            }
            _ => 0,
        }
    }

    /// A step on something that is no name: `[a, b][i]`, `f(x).y`.
    fn root(&mut self, rule: &Named<'a>, locals: &Locals<'_>, expr: &Expr) -> u32 {
        match expr {
            Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => {
                self.expr(rule, locals, refr)
            }
            _ => 0,
        }
    }

    fn several(&mut self, rule: &Named<'a>, locals: &Locals<'_>, parts: &[&Expr]) -> u32 {
        let vary = parts.iter().filter(|part| super::conditions::constant(part).is_none()).count();
        self.most(rule, locals, parts).saturating_add(log2(vary))
    }

    fn call(
        &mut self,
        rule: &Named<'a>,
        locals: &Locals<'_>,
        (fcn, params): (&Expr, &[Ref<Expr>]),
    ) -> u32 {
        let params: Vec<_> = params.iter().map(|param| &**param).collect();
        if let Some(Target::Data(path)) = rule.target(fcn) {
            let program = self.rules.program;
            let own = program
                .named(&path)
                .into_iter()
                .map(|path| self.path(path))
                .max()
                .unwrap_or_default();
            return self.several(rule, locals, &params).saturating_add(own);
        }
        match called(fcn).as_str() {
            // These say something about a value, and are small.
            "count" | "contains" | "startswith" | "endswith" | "indexof" | "regex.match"
            | "glob.match" | "net.cidr_contains" => 0,
            _ => self.several(rule, locals, &params),
        }
    }
}

impl<'r> Locals<'r> {
    /// Notes what the lines of a query give names to.
    fn query(&mut self, query: &'r Query) {
        for line in &query.stmts {
            match &line.literal {
                Literal::Expr { expr, .. } => {
                    if let Expr::AssignExpr { op, lhs, rhs, .. } = &**expr {
                        self.pattern(lhs, rhs);
                        // `=` goes both ways, but a name that is taken apart does not grow.
                        let apart = matches!(&**lhs, Expr::Array { .. } | Expr::Object { .. })
                            && matches!(&**rhs, Expr::Var { .. });
                        if *op == AssignOp::Eq && !apart {
                            self.pattern(rhs, lhs);
                        }
                    }
                }
                Literal::SomeIn { key, value, collection, .. } => {
                    if let Some(key) = key {
                        self.pattern(key, collection);
                    }
                    self.pattern(value, collection);
                }
                Literal::SomeVars { .. } | Literal::NotExpr { .. } | Literal::Every { .. } => {}
            }
        }
    }

    fn pattern(&mut self, pattern: &'r Expr, value: &'r Expr) {
        match pattern {
            Expr::Var { span, .. } => self.of.entry(span.text()).or_default().push(value),
            Expr::Array { items, .. } => {
                for item in items {
                    self.pattern(item, value);
                }
            }
            Expr::Object { fields, .. } => {
                for (_, _, item) in fields {
                    self.pattern(item, value);
                }
            }
            _ => {}
        }
    }
}

/// What may become the value of a rule.
fn values(rule: &Rule) -> Vec<&Expr> {
    let (head, bodies) = match rule {
        Rule::Default { value, .. } => return vec![value],
        Rule::Spec { head, bodies, .. } => (head, bodies),
    };
    let of_head = match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => {
            assign.as_ref().map(|assign| &*assign.value)
        }
        RuleHead::Set { key, .. } => key.as_ref().map(|key| &**key),
    };
    let of_bodies = bodies.iter().filter_map(|body| body.assign.as_ref());
    of_head.into_iter().chain(of_bodies.map(|assign| &*assign.value)).collect()
}

fn log2(count: usize) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}
