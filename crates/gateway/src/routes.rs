//! The table of what may pass: method and path to API, scopes, upstream. What is not in it is denied.

use crate::settings::{Access, Api, Dialect, Route, Settings};
use http::Method;
use portcullis_types::{Denial, Scopes, Tenant};
use portcullis_verify::{Demand, Guarded, dpop};
use std::borrow::Cow;

/// All routes, ready for look-up.
pub struct Routes {
    paths: matchit::Router<Vec<usize>>,
    lines: Vec<Line>,
}

/// One route with what a request on it needs at hand.
pub struct Line {
    /// As configured.
    pub route: Route,
    /// The API as its guard sees it.
    pub guarded: Guarded,
    /// Where its metadata is, for challenges.
    pub resource_metadata: String,
    /// `route.access`' scopes; empty for a public route.
    pub needed: Scopes,
    /// What is demanded besides.
    pub demand: Demand,
    /// The bases under which callers know it, for the URLs in DPoP proofs.
    pub bases: Vec<String>,
}

/// A route that a request has matched.
pub struct Matched<'a> {
    /// Its position, for counters.
    pub index: usize,
    /// The route.
    pub line: &'a Line,
    /// The `{tenant}` of its path.
    pub tenant: Option<Tenant>,
    /// The `{model}` of its path.
    pub model: Option<Box<str>>,
    /// The `{dataset}` of its path.
    pub dataset: Option<Box<str>>,
    /// The path to ask the upstream for, if not the same.
    pub upstream_path: Option<Cow<'a, str>>,
}

/// Proof that a route asks for no token.
#[derive(Clone, Copy)]
pub(crate) struct Public(());

/// Why the table cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route {path}: {problem}")]
pub struct RouteFault {
    /// The path of the route.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Routes {
    /// Checks every route and makes the table.
    pub fn new(settings: &Settings) -> Result<Self, Vec<RouteFault>> {
        let mut by_path: Vec<(&str, Vec<usize>)> = Vec::new();
        for (index, route) in settings.routes.iter().enumerate() {
            match by_path.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, indexes)) => indexes.push(index),
                None => by_path.push((&route.path, vec![index])),
            }
        }
        let mut paths = matchit::Router::new();
        let mut faults = Vec::new();
        for (path, indexes) in by_path {
            if let Err(error) = paths.insert(path, indexes) {
                faults.push(RouteFault { path: path.into(), problem: error.to_string() });
            }
        }
        let lines: Result<Vec<_>, _> =
            settings.routes.iter().map(|route| Line::new(route, settings)).collect();
        match lines {
            Ok(lines) if faults.is_empty() => Ok(Self { paths, lines }),
            Ok(_) => Err(faults),
            Err(fault) => Err(faults.into_iter().chain([fault]).collect()),
        }
    }

    /// The route of a request. Default deny.
    pub fn find(&self, method: &Method, path: &str) -> Result<Matched<'_>, Denial> {
        let unmapped = |allowed| Denial::Unmapped {
            method: method.as_str().into(),
            path: path.chars().take(256).collect(),
            allowed,
        };
        let found = self.paths.at(path).map_err(|_| unmapped(Vec::new()))?;
        let lines =
            || found.value.iter().filter_map(|index| Some((*index, self.lines.get(*index)?)));
        let (index, line) = lines().find(|(_, line)| line.serves(method)).ok_or_else(|| {
            unmapped(
                lines()
                    .flat_map(|(_, line)| line.route.methods.iter().map(Method::to_string))
                    .collect(),
            )
        })?;
        // A tenant that cannot exist has nothing here.
        let tenant = found.params.get("tenant").map(str::parse).transpose();
        let tenant = tenant.map_err(|_| unmapped(Vec::new()))?;
        let captured = |name| found.params.get(name).map(Box::from);
        let upstream_path =
            line.route.upstream_path.as_deref().map(|path| fill(path, &found.params));
        let (model, dataset) = (captured("model"), captured("dataset"));
        Ok(Matched { index, line, tenant, model, dataset, upstream_path })
    }

    /// All routes, in the order of the configuration.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// Puts what a path captured into the path to ask an upstream for.
fn fill<'a>(template: &'a str, params: &matchit::Params<'_, '_>) -> Cow<'a, str> {
    if !template.contains('{') {
        return Cow::Borrowed(template);
    }
    params
        .iter()
        .fold(template.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{*{name}}}"), value).replace(&format!("{{{name}}}"), value)
        })
        .into()
}

/// The names in braces, without the asterisk.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim_start_matches('*'))
}

impl Line {
    fn new(route: &Route, settings: &Settings) -> Result<Self, RouteFault> {
        let fault =
            |problem: &str| RouteFault { path: route.path.clone(), problem: problem.into() };
        let api = settings.apis.get(route.api).ok_or_else(|| fault("its API is not configured"))?;
        if settings.upstreams.get(route.upstream).is_none() {
            return Err(fault("its upstream is not configured"));
        }
        let captured: Vec<_> = placeholders(&route.path).collect();
        let upstream_path = route.upstream_path.as_deref().unwrap_or_default();
        if let Some(name) = placeholders(upstream_path).find(|name| !captured.contains(name)) {
            return Err(fault(&format!(
                "upstream_path names {{{name}}}, which the path does not capture"
            )));
        }
        let needed = match &route.access {
            Access::Public => Scopes::default(),
            Access::Scoped(scopes) if scopes.is_empty() => {
                return Err(fault("it needs at least one scope, or to be public in so many words"));
            }
            Access::Scoped(scopes) => scopes.clone(),
        };
        Ok(Self {
            route: route.clone(),
            guarded: api.guarded(),
            resource_metadata: crate::metadata::address(&settings.url, &api.resource),
            needed,
            demand: route.demand.and(&api.demand),
            bases: dpop::bases(&api.resource, Some(&settings.url)),
        })
    }

    /// Whether anyone may pass.
    pub(crate) const fn public(&self) -> Option<Public> {
        match self.route.access {
            Access::Public => Some(Public(())),
            Access::Scoped(_) => None,
        }
    }

    /// HEAD is GET without the body (RFC 9110 §9.3.2).
    fn serves(&self, method: &Method) -> bool {
        let methods = &self.route.methods;
        methods.contains(method) || (*method == Method::HEAD && methods.contains(&Method::GET))
    }

    /// How refusals are said on it.
    pub const fn dialect(&self) -> Dialect {
        self.route.dialect
    }
}

impl Api {
    /// The API as its guard sees it.
    pub fn guarded(&self) -> Guarded {
        Guarded {
            api: self.name.clone(),
            audience: self.resource.clone(),
            tenant: self.tenant.clone(),
        }
    }
}
