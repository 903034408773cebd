//! Every `input.a.b` against the shape of the input, every `data.a.b` against the rules.

use super::Rules;
use crate::{
    Finding,
    ast::{Target, place},
    input::Known,
};

pub(super) fn findings(rules: &Rules<'_, '_>, findings: &mut Vec<Finding>) {
    for rule in &rules.program.rules {
        let inputs = rules.inputs(&rule.path);
        rule.each(&mut |expr| match rule.target(expr) {
            Some(Target::Input(path)) if !inputs.is_empty() => {
                let steps = || path.iter().map(|step| step.as_deref());
                let missing: Vec<_> = inputs
                    .iter()
                    .filter_map(|(point, shape)| match shape.follow(steps()) {
                        Known::Missing { field, fields } => Some((*point, field, fields)),
                        Known::Shape(_) => None,
                    })
                    .collect();
                let Some((point, field, fields)) = missing.first() else { return };
                let what = format!("the input of '{point}' has no '{field}' in {}", shown(&path));
                let remedy = if fields.is_empty() {
                    "nothing lies below that field".to_owned()
                } else {
                    format!("there are: {}", fields.join(", "))
                };
                // Shared rules may look at what only some points have.
                let make = if missing.len() == inputs.len() {
                    Finding::error::<String>
                } else {
                    Finding::warning::<String>
                };
                findings.push(make(place(expr.span()), what, remedy));
            }
            Some(Target::Data(path)) => {
                if rule.imports(expr) && by_rule(rules, &path) {
                    let what =
                        "a package that is imported is worked out whole, rule by rule".to_owned();
                    let remedy =
                        format!("write data.{} and leave the import out", shown_path(&path));
                    findings.push(Finding::warning(place(expr.span()), what, remedy));
                }
                if whole(rules, &path) {
                    let what = format!(
                        "'{}' reads a whole package, or one of several rules by a \
                         name that is not written out",
                        shown_path(&path)
                    );
                    let remedy =
                        "name the one rule that is meant, so that it is known what is read";
                    findings.push(Finding::error(place(expr.span()), what, remedy));
                }
            }
            _ => {}
        });
    }
}

/// Whether a path leads to more than one rule, or to a package.
fn whole(rules: &Rules<'_, '_>, path: &[Option<String>]) -> bool {
    let found = rules.program.named(path);
    let exact = |rule: &&str| {
        let steps: Vec<_> = rule.split('.').collect();
        steps.len() <= path.len()
            && steps.iter().zip(path).all(|(step, wanted)| wanted.as_deref() == Some(*step))
    };
    !found.is_empty() && !found.iter().all(exact) || path.is_empty()
}

/// Whether a rule, not data, answers.
fn by_rule(rules: &Rules<'_, '_>, path: &[Option<String>]) -> bool {
    !rules.program.named(path).is_empty()
}

fn shown(path: &[Option<String>]) -> String {
    format!("input.{}", shown_path(path)).trim_end_matches('.').to_owned()
}

fn shown_path(path: &[Option<String>]) -> String {
    path.iter().map(|step| step.as_deref().unwrap_or("*")).collect::<Vec<_>>().join(".")
}
