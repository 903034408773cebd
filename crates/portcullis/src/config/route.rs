//! `[[route]]`: what the gateway lets through. What no route names is denied.

use super::{
    api::DIALECTS,
    cross::Names,
    demand,
    findings::{Findings, Place},
    read::{Section, Value},
    scopes,
    settings::{Access, Credential, Route, Upstream},
    words,
};
use portcullis_gateway::settings::Reads;
use portcullis_types::{ApiName, Denial, Registry, Scope};

const READS: [(&str, &str); 4] =
    [("openai", "openai"), ("anthropic", "anthropic"), ("mcp", "mcp"), ("nothing", "nothing")];

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Every route that is right.
pub(super) fn routes(
    root: &mut Section<'_>,
    registry: &Registry,
    names: &mut Names,
    upstreams: &[Upstream],
    out: &mut Findings,
) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut map = Map::default();
    for mut table in root.tables("route", out) {
        let methods = table.need("methods", "[\"POST\"]", out);
        let path = table.need("path", "\"/v1/chat/completions\"", out);
        let methods = methods.map(|methods| self::methods(&methods, out)).unwrap_or_default();
        let place = path.as_ref().map_or_else(|| table.place().clone(), Value::place);
        let path = path.and_then(|path| self::path(&path, out));
        let route = route(&mut table, registry, names, out);
        let filled = table.get("upstream_path");
        table.finish(out);
        let Some(path) = path else { continue };
        reachable(&path, &place, upstreams, out);
        if let Some(filled) = filled {
            captured(&path, &filled, out);
        }
        map.add(&methods, &path, &place, out);
        if let Some(mut route) = route {
            (route.methods, route.path) = (methods, path);
            routes.push(route);
        }
    }
    routes
}

/// Refuses a path that no request can have: the gateway refuses what is ambiguous before it looks for a
/// route, and answers some paths itself.
fn reachable(path: &str, place: &Place, upstreams: &[Upstream], out: &mut Findings) {
    if let Err(Denial::Ambiguous { problem }) = portcullis_gateway::unambiguous_path(path) {
        out.error(place, format!("no request is let through to this path: {problem}"))
            .expected("a path without needless escapes, backslashes and semicolons");
    }
    let signs = |upstream: &Upstream| matches!(upstream.credential, Some(Credential::Identity(_)));
    let below = path.strip_prefix("/.well-known/oauth-protected-resource");
    if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || (path == "/.well-known/jwks.json" && upstreams.iter().any(signs))
    {
        out.error(place, "the gateway answers this path itself")
            .hint("delete this route: clients find the metadata and keys there without it");
    }
}

/// Refuses a placeholder that nothing fills.
fn captured(path: &str, filled: &Value<'_>, out: &mut Findings) {
    let captured: Vec<&str> = placeholders(path).collect();
    let text = filled.as_text().unwrap_or_default();
    for name in placeholders(text).filter(|name| !captured.contains(name)) {
        out.error(&filled.place(), format!("the path of this route captures no {{{name}}}"));
        if !captured.is_empty() {
            out.expected(format!("of {{{}}}", captured.join("}, {")));
        }
    }
}

/// The names in braces, without the asterisk.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    inner.map(|(name, _)| name.trim_start_matches('*'))
}

/// What is mapped so far.
#[derive(Default)]
struct Map {
    paths: matchit::Router<()>,
    taken: Vec<(String, String)>,
}

impl Map {
    /// Refuses a request that two routes would answer.
    fn add(&mut self, methods: &[String], path: &str, place: &Place, out: &mut Findings) {
        let known = self.taken.iter().any(|(_, other)| other == path);
        for method in methods {
            let request = (method.clone(), path.to_owned());
            if self.taken.contains(&request) {
                out.error(place, format!("{method} {path} is mapped already"))
                    .hint("two routes for one request: delete one, or give it other methods");
            } else {
                self.taken.push(request);
            }
        }
        if let (false, Err(fault)) = (known, self.paths.insert(path, ())) {
            out.error(place, format!("this path cannot stand beside the others: {fault}"))
                .hint("placeholders at the same place must have the same name");
        }
    }
}

fn route(
    table: &mut Section<'_>,
    registry: &Registry,
    names: &mut Names,
    out: &mut Findings,
) -> Option<Route> {
    let public = table.get("public").and_then(|public| public.flag(out)).unwrap_or(false);
    let api = table.need("api", "\"text\"", out);
    let api = api.and_then(|value| {
        let name: ApiName = value.parse(out)?;
        names.want_api(&name, &value.place(), out).then_some(name)
    });
    let (access, demand) = if public {
        (public_access(table, out), demand::none(table, out))
    } else {
        (
            token_access(table, api.as_ref(), (registry, names), out),
            demand::demand(table, api.as_ref(), names, out),
        )
    };
    let upstream = table.need("upstream", "\"model\"", out);
    let upstream = upstream.and_then(|value| {
        let name: ApiName = value.parse(out)?;
        names.want_upstream(&name, &value.place(), out).then_some(name)
    });
    let upstream_path = table.get("upstream_path").map(|path| self::path(&path, out));
    let dialect = table.get("dialect").map(|dialect| dialect.choice(&DIALECTS, out));
    let reads = reads(table, api.as_ref(), out);
    Some(Route {
        methods: Vec::new(),
        path: String::new(),
        api: api?,
        access: access?,
        demand,
        upstream: upstream?,
        upstream_path: upstream_path.flatten(),
        dialect: dialect.flatten(),
        reads,
    })
}

/// Where requests say what they are about; `None`: as the dialect has it.
fn reads(table: &mut Section<'_>, api: Option<&ApiName>, out: &mut Findings) -> Option<Reads> {
    let server = table.get("server");
    let name = server.as_ref().and_then(|server| server.parse::<ApiName>(out));
    let value = table.get("reads");
    let reads = value.and_then(|reads| reads.choice(&READS, out));
    if let (Some(server), false) = (&server, reads == Some("mcp")) {
        out.error(
            &server.place(),
            "only a route that reads = \"mcp\" leads to a server with tools",
        )
        .hint("delete this, or add reads = \"mcp\"");
    }
    Some(match reads? {
        "openai" => Reads::OpenAi,
        "anthropic" => Reads::Anthropic,
        "mcp" => Reads::Mcp { server: name.as_ref().or(api)?.as_str().into() },
        _ => Reads::Nothing,
    })
}

fn public_access(table: &mut Section<'_>, out: &mut Findings) -> Option<Access> {
    let Some(scopes) = table.get("scopes") else { return Some(Access::Public) };
    out.error(&scopes.place(), "a public route asks for no token")
        .hint("delete this, or delete public = true");
    None
}

/// Scopes that tokens for the API of the route can have.
fn token_access(
    table: &mut Section<'_>,
    api: Option<&ApiName>,
    (registry, names): (&Registry, &Names),
    out: &mut Findings,
) -> Option<Access> {
    let scopes = table.need("scopes", "[\"generate:basic\"]", out)?;
    let scopes = scopes::known(&scopes, registry, out);
    for (scope, place) in &scopes {
        if let Some(api) = api {
            offered(api, scope, (registry, names), place, out);
        }
    }
    Some(Access::Scoped(scopes.into_iter().map(|(scope, _)| scope).collect()))
}

fn offered(
    api: &ApiName,
    scope: &Scope,
    (registry, names): (&Registry, &Names),
    place: &Place,
    out: &mut Findings,
) {
    let Some(offered) = names.offered(api.as_str()) else { return };
    if offered.is_empty() || registry.covers(offered, scope) {
        return;
    }
    let offers: Vec<&str> = offered.iter().map(Scope::as_str).collect();
    out.error(place, format!("no token for the API '{api}' can have the scope '{scope}'"))
        .expected(format!("one of its scopes: {}", words::or(&offers)))
        .hint(format!(
            "add \"{scope}\" to the scopes of the API '{api}', or need another one here"
        ));
}

fn methods(value: &Value<'_>, out: &mut Findings) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    let members = value.list(out);
    if members.is_empty() {
        out.error(&value.place(), "the list is empty")
            .expected("at least one method, such as \"POST\"");
    }
    for member in members {
        let Some(text) = member.text(out) else { continue };
        if METHODS.contains(&text) {
            methods.push(text.to_owned());
            continue;
        }
        out.error(&member.place(), format!("'{text}' is not a method that can be routed"));
        out.expected(words::or(&METHODS));
        if let Some(hint) = words::did_you_mean(text, METHODS) {
            out.hint(hint);
        }
    }
    methods
}

/// `/v1/models/{id}`: `{name}` takes one segment, `{*rest}` at the end takes the rest.
fn path(value: &Value<'_>, out: &mut Findings) -> Option<String> {
    let text = value.text(out)?;
    let mut problem = match text {
        _ if !text.starts_with('/') => Some("a path starts with '/'"),
        _ if text.contains(['?', '#']) => Some("a path has no '?' and no '#'"),
        _ if text.contains("//") => Some("a path has no empty segment"),
        _ if text.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii()) => {
            Some("a path is printable ASCII without spaces")
        }
        _ => None,
    };
    let segments: Vec<&str> = text.split('/').collect();
    for (at, segment) in segments.iter().enumerate() {
        problem = problem.or_else(|| segment_problem(segment, at + 1 == segments.len()));
    }
    match problem {
        None => Some(text.to_owned()),
        Some(problem) => {
            out.error(&value.place(), problem)
                .expected("such as \"/v1/models/{id}\" or \"/files/{*rest}\"");
            None
        }
    }
}

fn segment_problem(segment: &str, last: bool) -> Option<&'static str> {
    if matches!(segment, "." | "..") {
        return Some("a path has no segment '.' or '..'");
    }
    if !segment.contains(['{', '}', '*', ':']) {
        return None;
    }
    if segment.starts_with(':') {
        return Some("write {name}, not :name");
    }
    let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let name = inner.map(|inner| inner.strip_prefix('*').unwrap_or(inner));
    let word = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match (inner, name) {
        (Some(inner), Some(name)) if word(name) => {
            (inner.starts_with('*') && !last).then_some("{*rest} may only be the last segment")
        }
        (None, _) if !segment.contains(['{', '}', '*']) => None,
        _ => Some("a placeholder is a whole segment: {name}, or {*rest} at the end"),
    }
}
