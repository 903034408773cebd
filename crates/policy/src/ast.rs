//! The rules of a bundle as the checks see them: names resolved, references flat.

use regorus::unstable::{Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleHead, Span};
use std::collections::{BTreeMap, BTreeSet};

/// All rules of some modules.
pub(crate) struct Program<'a> {
    pub(crate) rules: Vec<Named<'a>>,
    /// Where the definitions of a path are among the rules.
    places: BTreeMap<String, Vec<usize>>,
}

/// One definition of a rule; several may share a path.
pub(crate) struct Named<'a> {
    /// `portcullis.tiers.allow`
    pub(crate) path: String,
    pub(crate) package: String,
    pub(crate) rule: &'a Rule,
    pub(crate) scope: std::rc::Rc<Scope>,
}

/// What names mean in one module.
pub(crate) struct Scope {
    package: Vec<String>,
    /// Alias to the path that it stands for, root first.
    imports: BTreeMap<String, Vec<String>>,
    locals: BTreeSet<String>,
}

/// What a reference is about. `None` in a path is any key or index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Input(Vec<Option<String>>),
    Data(Vec<Option<String>>),
    /// A variable, or something on a value.
    Local,
}

impl<'a> Program<'a> {
    pub(crate) fn of(modules: &'a [Ref<Module>]) -> Self {
        let mut program = Self { rules: Vec::new(), places: BTreeMap::new() };
        // Two files of one package see each other's rules.
        let mut names: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for module in modules {
            let package = fields(&module.package.refr);
            let heads = module.policy.iter().filter_map(|rule| head(rule).into_iter().next());
            names.entry(package).or_default().extend(heads);
        }
        for module in modules {
            let package = fields(&module.package.refr);
            let imports = module.imports.iter().filter_map(|import| {
                let path = fields(&import.refr);
                let alias = import.r#as.as_ref().map(|alias| alias.text().to_owned());
                let alias = alias.or_else(|| path.last().cloned())?;
                matches!(path.first().map(String::as_str), Some("data" | "input"))
                    .then_some((alias, path))
            });
            let scope = std::rc::Rc::new(Scope {
                imports: imports.collect(),
                locals: names.get(&package).cloned().unwrap_or_default(),
                package,
            });
            let package = scope.package.join(".");
            for rule in &module.policy {
                let path = format!("{package}.{}", head(rule).join("."));
                program.places.entry(path.clone()).or_default().push(program.rules.len());
                let (package, scope) = (package.clone(), scope.clone());
                program.rules.push(Named { path, package, rule, scope });
            }
        }
        program
    }

    /// Every path that a rule is at.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// The definitions of the rule at `path`.
    pub(crate) fn at(&self, path: &str) -> impl Iterator<Item = &Named<'a>> {
        let places = self.places.get(path).into_iter().flatten();
        places.filter_map(|place| self.rules.get(*place))
    }

    /// The rules that a reference may read: the path itself, what it lies in, what lies in it.
    pub(crate) fn named(&self, path: &[Option<String>]) -> Vec<&str> {
        let known: Option<Vec<&str>> = path.iter().map(Option::as_deref).collect();
        let Some(known) = known else {
            let alike = |rule: &&str| {
                let mut steps = rule.split('.').zip(path);
                steps.all(|(step, wanted)| wanted.as_deref().is_none_or(|wanted| wanted == step))
            };
            return self.paths().filter(alike).collect();
        };
        let around = (1..=known.len()).filter_map(|length| {
            let path = known.get(..length)?.join(".");
            self.places.get_key_value(&path).map(|(path, _)| path.as_str())
        });
        let within = format!("{}.", known.join("."));
        let below = self.places.range(within.clone()..).map(|(path, _)| path.as_str());
        around.chain(below.take_while(|path| path.starts_with(&within))).collect()
    }
}

impl<'a> Named<'a> {
    pub(crate) fn place(&self) -> (&str, u32) {
        place(self.rule.span())
    }

    /// Whether a reference begins at something imported from the data.
    pub(crate) fn imports(&self, expr: &Expr) -> bool {
        let imported = chain(expr).and_then(|(root, _)| self.scope.imports.get(root));
        imported.and_then(|path| path.first()).is_some_and(|root| root == "data")
    }

    /// What `expr` refers to, if it is a reference.
    pub(crate) fn target(&self, expr: &Expr) -> Option<Target> {
        let (root, path) = chain(expr)?;
        let resolved = |start: &[String]| {
            start.iter().cloned().map(Some).chain(path.iter().cloned()).collect::<Vec<_>>()
        };
        let scope = &self.scope;
        Some(match root {
            "input" => Target::Input(path),
            "data" => Target::Data(path),
            _ => match scope.imports.get(root) {
                Some(full) => match full.split_first() {
                    Some((first, rest)) if first == "input" => Target::Input(resolved(rest)),
                    Some((_, rest)) => Target::Data(resolved(rest)),
                    None => Target::Local,
                },
                None if scope.locals.contains(root) => {
                    let mut start = scope.package.clone();
                    start.push(root.to_owned());
                    Target::Data(resolved(&start))
                }
                None => Target::Local,
            },
        })
    }

    /// Calls `see` with every expression of the rule; of a reference only with the whole.
    pub(crate) fn each(&self, see: &mut dyn FnMut(&'a Expr)) {
        Walk { expr: see, query: &mut |_| {} }.rule(self.rule);
    }

    /// Calls `see` with every query: the bodies and those in comprehensions and `every`.
    pub(crate) fn each_query(&self, see: &mut dyn FnMut(&'a Query)) {
        Walk { expr: &mut |_| {}, query: see }.rule(self.rule);
    }
}

/// The file and line of a span.
pub(crate) fn place(span: &Span) -> (&str, u32) {
    (span.source.file(), span.line)
}

/// The root of a reference and its steps; `None` for what is no reference to a name.
pub(crate) fn chain(expr: &Expr) -> Option<(&str, Vec<Option<String>>)> {
    let mut steps = Vec::new();
    let mut here = expr;
    loop {
        match here {
            Expr::Var { span, .. } => {
                steps.reverse();
                return Some((span.text(), steps));
            }
            Expr::RefDot { refr, field, .. } => {
                steps.push(Some(field.0.text().to_owned()));
                here = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                steps.push(string(index).map(str::to_owned));
                here = refr;
            }
            _ => return None,
        }
    }
}

/// The text of a string literal.
pub(crate) fn string(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::String { value, .. } | Expr::RawString { value, .. } => {
            value.as_string().ok().map(AsRef::as_ref)
        }
        _ => None,
    }
}

/// The name that a call calls: `count`, `time.clock`, `data.a.f`.
pub(crate) fn called(fcn: &Expr) -> String {
    match chain(fcn) {
        Some((root, steps)) => {
            let steps = steps.iter().map(|step| step.as_deref().unwrap_or("*"));
            std::iter::once(root).chain(steps).collect::<Vec<_>>().join(".")
        }
        None => String::from("?"),
    }
}

/// The steps of a package, an import or a head, root first, up to the first that is no word.
fn fields(expr: &Expr) -> Vec<String> {
    let Some((root, steps)) = chain(expr) else { return Vec::new() };
    std::iter::once(root.to_owned()).chain(steps.into_iter().map_while(|step| step)).collect()
}

fn head(rule: &Rule) -> Vec<String> {
    match rule {
        Rule::Default { refr, .. } => fields(refr),
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. }
            | RuleHead::Set { refr, .. }
            | RuleHead::Func { refr, .. } => fields(refr),
        },
    }
}

struct Walk<'f, 'a> {
    expr: &'f mut dyn FnMut(&'a Expr),
    query: &'f mut dyn FnMut(&'a Query),
}

impl<'a> Walk<'_, 'a> {
    fn rule(&mut self, rule: &'a Rule) {
        let (head, bodies) = match rule {
            Rule::Default { value, .. } => return self.expr(value),
            Rule::Spec { head, bodies, .. } => (head, bodies),
        };
        match head {
            RuleHead::Compr { refr, assign, .. } => {
                self.indices(refr);
                if let Some(assign) = assign {
                    self.expr(&assign.value);
                }
            }
            RuleHead::Set { refr, key, .. } => {
                self.indices(refr);
                if let Some(key) = key {
                    self.expr(key);
                }
            }
            RuleHead::Func { args, assign, .. } => {
                for arg in args {
                    self.expr(arg);
                }
                if let Some(assign) = assign {
                    self.expr(&assign.value);
                }
            }
        }
        for body in bodies {
            if let Some(assign) = &body.assign {
                self.expr(&assign.value);
            }
            self.query(&body.query);
        }
    }

    fn query(&mut self, query: &'a Query) {
        (self.query)(query);
        for LiteralStmt { literal, with_mods, .. } in &query.stmts {
            match literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn { key, value, collection, .. } => {
                    if let Some(key) = key {
                        self.expr(key);
                    }
                    self.expr(value);
                    self.expr(collection);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
                Literal::Every { domain, query, .. } => {
                    self.expr(domain);
                    self.query(query);
                }
            }
            for with in with_mods {
                self.expr(&with.r#as);
            }
        }
    }

    /// The indices of a reference, which are expressions of their own.
    fn indices(&mut self, mut expr: &'a Expr) {
        loop {
            match expr {
                Expr::RefDot { refr, .. } => expr = refr,
                Expr::RefBrack { refr, index, .. } => {
                    self.expr(index);
                    expr = refr;
                }
                Expr::Var { .. } => return,
                other => return self.expr(other),
            }
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        (self.expr)(expr);
        match expr {
            Expr::RefDot { .. } | Expr::RefBrack { .. } => self.indices(expr),
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                for item in items {
                    self.expr(item);
                }
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expr(key);
                    self.expr(value);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term);
                self.query(query);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.expr(key);
                self.expr(value);
                self.query(query);
            }
            Expr::Call { params, .. } => {
                for param in params {
                    self.expr(param);
                }
            }
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
            }
            Expr::Membership { key, value, collection, .. } => {
                if let Some(key) = key {
                    self.expr(key);
                }
                self.expr(value);
                self.expr(collection);
            }
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
            | Expr::Var { .. } => {}
        }
    }
}
