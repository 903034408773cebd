//! What a policy may call: what is pure, known to both engines, and never long.

use super::Rules;
use crate::{
    Finding,
    ast::{Named, Target, called, place, string},
    compiled::Kind,
};
use regorus::unstable::{Expr, Rule, RuleHead};

/// Everything else is refused: one call is never interrupted, so none may be long.
const ALLOWED: &[&str] = &[
    "abs",
    "all",
    "any",
    "array.concat",
    "array.reverse",
    "array.slice",
    "base64.decode",
    "base64.encode",
    "base64.is_valid",
    "base64url.decode",
    "base64url.encode",
    "base64url.encode_no_pad",
    "ceil",
    "concat",
    "contains",
    "count",
    "endswith",
    "floor",
    "format_int",
    "glob.match",
    "hex.decode",
    "hex.encode",
    "indexof",
    "intersection",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_set",
    "is_string",
    "lower",
    "max",
    "min",
    "net.cidr_contains",
    "net.cidr_is_valid",
    "object.filter",
    "object.get",
    "object.keys",
    "object.remove",
    "object.subset",
    "object.union",
    "object.union_n",
    "regex.match",
    "replace",
    "round",
    "sort",
    "split",
    "sprintf",
    "startswith",
    "strings.any_prefix_match",
    "strings.any_suffix_match",
    "strings.count",
    "strings.reverse",
    "substring",
    "sum",
    "time.add_date",
    "time.clock",
    "time.date",
    "time.diff",
    "time.parse_rfc3339_ns",
    "time.weekday",
    "to_number",
    "trim",
    "trim_left",
    "trim_prefix",
    "trim_right",
    "trim_space",
    "trim_suffix",
    "type_name",
    "union",
    "upper",
];

/// What only the interpreter has, and tests may call beside.
const IN_TESTS: &[&str] = &["print", "walk"];

/// What people reach for, and what to do instead.
const INSTEAD: &[(&str, &str)] = &[
    (
        "time.now_ns",
        "read input.context.time, hour, minute and weekday: a decision must be repeatable",
    ),
    ("rand.intn", "leave chance out: a decision must be repeatable"),
    ("uuid.rfc4122", "leave chance out: a decision must be repeatable"),
    ("http.send", "put what is needed into the input or into data.json; policies reach no network"),
    (
        "net.lookup_ip_addr",
        "name the networks in the configuration and read input.context.networks",
    ),
    ("opa.runtime", "put what is needed into data.json"),
    ("print", "take it out; `policy eval` shows what every rule says"),
    ("trace", "take it out; `policy eval` shows what every rule says"),
    ("walk", "name the fields that are meant; the fast engine has no walk"),
    ("numbers.range", "write the numbers out, or compare with < and >"),
    ("bits.lsh", "use multiplication"),
];

/// What takes as long as one argument is long, times the other.
const PAIRWISE: &[&str] =
    &["object.subset", "strings.any_prefix_match", "strings.any_suffix_match"];
/// Items in a list that is written out for one of those, at most.
const MAX_ITEMS: usize = 100;
/// Bytes in a pattern, and in a text that is put in for another, at most.
const MAX_PATTERN: usize = 256;
/// Times that a pattern may repeat something by count, at most.
const MAX_REPEAT: u32 = 100;

pub(super) fn findings(rules: &Rules<'_, '_>, kind: Kind, findings: &mut Vec<Finding>) {
    for rule in &rules.program.rules {
        arguments(rule, findings);
        rule.each_query(&mut |query| {
            let lines = query.stmts.iter().filter(|_| kind == Kind::Rules);
            for with in lines.flat_map(|line| &line.with_mods) {
                let what = "`with` replaces what a decision is about".to_owned();
                let remedy = "keep it to the tests; write a function with a parameter instead";
                findings.push(Finding::error(place(&with.span), what, remedy));
            }
        });
        rule.each(&mut |expr| {
            if let Expr::Call { fcn, params, span, .. } = expr
                && (kind == Kind::Rules || !IN_TESTS.contains(&called(fcn).as_str()))
            {
                call(rules, rule, (fcn, params, place(span)), findings);
            }
        });
    }
}

type Call<'c> = (&'c Expr, &'c [regorus::unstable::Ref<Expr>], (&'c str, u32));

fn call(
    rules: &Rules<'_, '_>,
    rule: &Named<'_>,
    (fcn, params, place): Call<'_>,
    findings: &mut Vec<Finding>,
) {
    if let Some(Target::Data(path)) = rule.target(fcn) {
        let named = rules.program.named(&path);
        if !named.iter().any(|found| found.split('.').count() == path.len()) {
            let what = format!("there is no function '{}'", called(fcn));
            findings.push(Finding::error(place, what, "define it, or check its name"));
        }
        return;
    }
    let name = called(fcn);
    if !ALLOWED.contains(&name.as_str()) {
        let instead = INSTEAD
            .iter()
            .find(|(known, _)| *known == name || name.starts_with(&format!("{known}_")));
        let remedy = instead.map_or(
            "only calls that are pure, short and the same in both engines \
             are there; do it before the policy and put the answer into the input",
            |(_, it)| it,
        );
        findings.push(Finding::error(place, format!("'{name}' is not there for policies"), remedy));
        return;
    }
    if let Some((what, remedy)) = fault(rule, &name, params) {
        findings.push(Finding::error(place, what, remedy));
    }
}

/// What is wrong with the arguments of a call that could be long.
fn fault(
    rule: &Named<'_>,
    name: &str,
    params: &[regorus::unstable::Ref<Expr>],
) -> Option<(String, &'static str)> {
    let literal = |place: usize| params.get(place).and_then(|param| string(param));
    match name {
        "regex.match" | "glob.match" => match literal(0) {
            None => Some((
                format!("the pattern of '{name}' is not written out"),
                "write the pattern as a text: one that comes from elsewhere may be long to read",
            )),
            Some(pattern) if bomb(pattern) => Some((
                format!("the pattern of '{name}' may grow too large"),
                "at most 256 bytes, and repeat by count at most 100 times in all",
            )),
            Some(_) => None,
        },
        "sprintf" => match literal(0) {
            None => Some((
                "the format of 'sprintf' is not written out".to_owned(),
                "write the format as a text; what varies goes into the array behind it",
            )),
            Some(format) if wide(format) => Some((
                "a width in the format of 'sprintf' may grow too large".to_owned(),
                "write widths of at most two digits, and no '*'",
            )),
            Some(_) => None,
        },
        "concat" if literal(0).is_none() => Some((
            "the delimiter of 'concat' is not written out".to_owned(),
            "write the delimiter as a text",
        )),
        "replace" if literal(2).is_none_or(|text| text.len() > MAX_PATTERN) => Some((
            "the replacement of 'replace' is not written out, or long".to_owned(),
            "write the replacement as a text of at most 256 bytes",
        )),
        "trim" | "trim_left" | "trim_right"
            if literal(1).is_none_or(|text| text.len() > MAX_PATTERN) =>
        {
            Some((
                format!("what '{name}' takes away is not written out, or long"),
                "write the letters as a text of at most 256 bytes",
            ))
        }
        _ if PAIRWISE.contains(&name) && !params.iter().any(|param| is_short(rule, param)) => {
            Some((
                format!("'{name}' compares each of a list with each of another"),
                "let one of them be of the input, or write it out with at most 100 items",
            ))
        }
        _ => None,
    }
}

/// Whether a list is of the input, or written out and short.
fn is_short(rule: &Named<'_>, param: &Expr) -> bool {
    match param {
        Expr::String { .. } | Expr::RawString { .. } => true,
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.len() <= MAX_ITEMS,
        Expr::Object { fields, .. } => fields.len() <= MAX_ITEMS,
        other => matches!(rule.target(other), Some(Target::Input(_))),
    }
}

/// Whether a pattern repeats by count so often that it grows large when it is compiled.
fn bomb(pattern: &str) -> bool {
    let counts = pattern.split('{').skip(1).filter_map(|rest| {
        let counts = rest.split('}').next()?.split(',');
        counts.filter_map(|count| count.trim().parse::<u32>().ok()).max()
    });
    let product = counts.fold(1_u32, |product, count| product.saturating_mul(count.max(1)));
    pattern.len() > MAX_PATTERN || product > MAX_REPEAT
}

fn wide(format: &str) -> bool {
    format.split('%').skip(1).any(|verb| {
        let width: String =
            verb.chars().take_while(|c| c.is_ascii_digit() || "+-# .*".contains(*c)).collect();
        width.contains('*') || width.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > 2)
    })
}

/// A function's arguments must be names: patterns in them make two engines differ.
fn arguments(rule: &Named<'_>, findings: &mut Vec<Finding>) {
    let Rule::Spec { head: RuleHead::Func { args, .. }, .. } = rule.rule else { return };
    if args
        .iter()
        .any(|arg| matches!(&**arg, Expr::Array { .. } | Expr::Object { .. } | Expr::Set { .. }))
    {
        let what = format!("'{}' takes its argument apart in its head", rule.path);
        findings.push(Finding::error(
            rule.place(),
            what,
            "name the argument, and read its parts in the body",
        ));
    }
}
