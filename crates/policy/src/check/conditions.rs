//! Conditions that can never hold, and those that always do.
//!
//! Only what is plain: constants, one value that must be two things, words that are none of a
//! field's. What it does not see, it does not call good.

use super::Rules;
use crate::{
    Finding,
    ast::{Named, Target, place},
    input::{Known, Shape},
};
use regorus::{
    Value,
    unstable::{AssignOp, BoolOp, Expr, Literal, Query, Rule, RuleHead},
};
use std::collections::BTreeMap;

pub(super) fn findings(rules: &Rules<'_, '_>, findings: &mut Vec<Finding>) {
    for rule in &rules.program.rules {
        without_condition(rule, findings);
        rule.each_query(&mut |query| {
            for line in &query.stmts {
                constant_line(&line.literal, place(&line.span), findings);
                if let Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } = &line.literal {
                    words(rules, rule, expr, findings);
                }
            }
            contradictions(rule, query, findings);
        });
    }
}

/// The value of a literal.
pub(super) fn constant(expr: &Expr) -> Option<&Value> {
    match expr {
        Expr::String { value, .. }
        | Expr::RawString { value, .. }
        | Expr::Number { value, .. }
        | Expr::Bool { value, .. }
        | Expr::Null { value, .. } => Some(value),
        _ => None,
    }
}

fn never(place: (&str, u32), why: &str) -> Finding {
    Finding::error(
        place,
        format!("this never holds: {why}"),
        "mend the condition, or take the rule out",
    )
}

fn always(place: (&str, u32), why: &str) -> Finding {
    Finding::warning(
        place,
        format!("this always holds: {why}"),
        "take the line out, or say what is meant",
    )
}

/// `allow := true` and `allow if true`: a rule that is no rule.
fn without_condition(rule: &Named<'_>, findings: &mut Vec<Finding>) {
    let Rule::Spec { head: RuleHead::Compr { assign: Some(assign), .. }, bodies, .. } = rule.rule
    else {
        return;
    };
    let yes = constant(&assign.value) == Some(&Value::Bool(true));
    if yes && bodies.iter().all(|body| body.query.stmts.is_empty()) {
        findings.push(always(rule.place(), &format!("'{}' has no condition", rule.path)));
    }
}

fn constant_line(line: &Literal, place: (&str, u32), findings: &mut Vec<Finding>) {
    let (expr, wanted) = match line {
        Literal::Expr { expr, .. } => (expr, true),
        Literal::NotExpr { expr, .. } => (expr, false),
        _ => return,
    };
    let Some(truth) = truth(expr) else { return };
    findings.push(if truth == wanted {
        always(place, "nothing in it depends on the request")
    } else {
        never(place, "nothing in it depends on the request")
    });
}

/// Whether `expr` is true whatever the input; `None` if that depends.
fn truth(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::BoolExpr { op, lhs, rhs, .. } => {
            if let (Some(lhs), Some(rhs)) = (constant(lhs), constant(rhs)) {
                return Some(compare(op, lhs, rhs));
            }
            let (left, right) = (crate::ast::chain(lhs)?, crate::ast::chain(rhs)?);
            let same = left == right && left.1.iter().all(Option::is_some);
            same.then_some(matches!(op, BoolOp::Eq | BoolOp::Le | BoolOp::Ge))
        }
        other => constant(other).map(|value| value != &Value::Bool(false)),
    }
}

fn compare(op: &BoolOp, lhs: &Value, rhs: &Value) -> bool {
    match op {
        BoolOp::Lt => lhs < rhs,
        BoolOp::Le => lhs <= rhs,
        BoolOp::Eq => lhs == rhs,
        BoolOp::Ge => lhs >= rhs,
        BoolOp::Gt => lhs > rhs,
        BoolOp::Ne => lhs != rhs,
    }
}

/// A comparison of something with a constant, the constant to the right.
fn comparison(expr: &Expr) -> Option<(BoolOp, &Expr, &Value)> {
    let (op, lhs, rhs) = match expr {
        Expr::BoolExpr { op, lhs, rhs, .. } => (op.clone(), lhs, rhs),
        Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => (BoolOp::Eq, lhs, rhs),
        _ => return None,
    };
    if let Some(value) = constant(rhs) {
        return Some((op, lhs, value));
    }
    let turned = match op {
        BoolOp::Lt => BoolOp::Gt,
        BoolOp::Le => BoolOp::Ge,
        BoolOp::Ge => BoolOp::Le,
        BoolOp::Gt => BoolOp::Lt,
        same => same,
    };
    constant(lhs).map(|value| (turned, &**rhs, value))
}

/// Two lines of one query that cannot both hold of the same value.
fn contradictions(rule: &Named<'_>, query: &Query, findings: &mut Vec<Finding>) {
    let mut said: BTreeMap<(Target, String), Vec<(BoolOp, &Value)>> = BTreeMap::new();
    for line in &query.stmts {
        let Literal::Expr { expr, .. } = &line.literal else { continue };
        let Some((op, side, value)) = comparison(expr) else { continue };
        let Some(target) = rule.target(side) else { continue };
        let Some((root, path)) = crate::ast::chain(side) else { continue };
        if path.iter().any(Option::is_none) {
            continue;
        }
        let earlier = said.entry((target, format!("{root} {path:?}"))).or_default();
        if earlier.iter().any(|(other, known)| apart(other, known, &op, value)) {
            let why = "it contradicts a line above on the same value";
            findings.push(never(place(&line.span), why));
        }
        earlier.push((op, value));
    }
}

/// Whether no value is both `a x` and `b y`.
fn apart(a: &BoolOp, x: &Value, b: &BoolOp, y: &Value) -> bool {
    match (a, b) {
        (BoolOp::Eq, _) => !compare(b, x, y),
        (_, BoolOp::Eq) => !compare(a, y, x),
        (BoolOp::Lt | BoolOp::Le, BoolOp::Gt | BoolOp::Ge) => empty(x, y, a, b),
        (BoolOp::Gt | BoolOp::Ge, BoolOp::Lt | BoolOp::Le) => empty(y, x, b, a),
        _ => false,
    }
}

/// Whether nothing lies between `low` and `high`.
fn empty(high: &Value, low: &Value, below: &BoolOp, above: &BoolOp) -> bool {
    let touching = *below == BoolOp::Le && *above == BoolOp::Ge;
    high < low || high == low && !touching
}

/// A field with few words, compared with one that is none of them.
fn words(rules: &Rules<'_, '_>, rule: &Named<'_>, expr: &Expr, findings: &mut Vec<Finding>) {
    let (side, values, negated) = match expr {
        Expr::Membership { value, collection, .. } => match &**collection {
            Expr::Set { items, .. } | Expr::Array { items, .. } => {
                let values: Option<Vec<_>> = items.iter().map(|item| constant(item)).collect();
                (&**value, values.unwrap_or_default(), false)
            }
            _ => return,
        },
        _ => match comparison(expr) {
            Some((BoolOp::Eq, side, value)) => (side, vec![value], false),
            Some((BoolOp::Ne, side, value)) => (side, vec![value], true),
            _ => return,
        },
    };
    let Some(Target::Input(path)) = rule.target(side) else { return };
    let known: Vec<_> = rules
        .inputs(&rule.path)
        .into_iter()
        .filter_map(|(_, shape)| match shape.follow(path.iter().map(|step| step.as_deref())) {
            Known::Shape(Shape::Words(words)) => Some(words),
            _ => None,
        })
        .collect();
    let Some(words) = known.first() else { return };
    let stranger = |value: &&&Value| !known.iter().any(|words| is_word(value, words));
    let strangers: Vec<_> = values.iter().filter(stranger).collect();
    let Some(stranger) = strangers.first() else { return };
    let why = format!("the field is one of {}; never {stranger}", words.join(", "));
    findings.push(match (negated, strangers.len() == values.len()) {
        (false, true) => never(place(expr.span()), &why),
        (true, _) => always(place(expr.span()), &why),
        (false, false) => Finding::warning(place(expr.span()), why, "take the word out"),
    });
}

fn is_word(value: &Value, words: &[String]) -> bool {
    matches!(value, Value::String(text) if words.iter().any(|word| **word == **text))
}
