//! What only shows when the sections are seen together.

use super::{
    findings::{Findings, Place},
    listen,
    read::{Section, Value},
    settings::{Access, Api, ClientCertificates, Config, Gateway, Tls, Trust},
    words,
};
use portcullis_types::{Acr, ApiName, Scope, Scopes};
use std::{collections::BTreeMap, net::SocketAddr};

/// The names of APIs and upstreams, so that a reference can be checked even if what it names has
/// mistakes of its own.
#[derive(Default)]
pub(super) struct Names {
    apis: BTreeMap<String, (Place, Scopes)>,
    upstreams: BTreeMap<String, (Place, usize)>,
    /// Where a client certificate is required.
    certificates: Vec<Place>,
    /// What tokens for an API must say that we never say.
    acrs: Vec<(ApiName, WantedAcr)>,
}

/// A value of `acr` that is none of our own.
pub(super) struct WantedAcr {
    pub(super) value: String,
    pub(super) place: Place,
    /// Whether no value of our own would do in its stead.
    pub(super) alone: bool,
}

impl Names {
    /// Notes the name of an API.
    pub(super) fn add_api(&mut self, name: &Value<'_>, out: &mut Findings) {
        let Some(text) = name.as_text() else { return };
        if self.apis.contains_key(text) {
            out.error(&name.place(), format!("two APIs are called '{text}'"))
                .hint("give each its own name");
            return;
        }
        self.apis.insert(text.to_owned(), (name.place(), Scopes::default()));
    }

    /// Notes what tokens for an API can have.
    pub(super) fn offer(&mut self, api: &str, scopes: &Scopes) {
        if let Some((_, offered)) = self.apis.get_mut(api) {
            offered.clone_from(scopes);
        }
    }

    /// Notes the name of an upstream.
    pub(super) fn add_upstream(&mut self, name: &Value<'_>, out: &mut Findings) {
        let Some(text) = name.as_text() else { return };
        if self.upstreams.contains_key(text) {
            out.error(&name.place(), format!("two upstreams are called '{text}'"))
                .hint("give each its own name");
            return;
        }
        self.upstreams.insert(text.to_owned(), (name.place(), 0));
    }

    /// Whether the API that is named at `place` exists.
    pub(super) fn want_api(&self, name: &ApiName, place: &Place, out: &mut Findings) -> bool {
        let exists = self.apis.contains_key(name.as_str());
        if !exists {
            missing(("API", "api"), name, self.apis.keys(), place, out);
        }
        exists
    }

    /// Notes that a token bound to a client certificate is required here.
    pub(super) fn want_certificate(&mut self, place: Place) {
        self.certificates.push(place);
    }

    /// Notes what other issuers may call a sign-in that is wanted of tokens for an API.
    pub(super) fn want_acr(&mut self, api: &ApiName, values: impl Iterator<Item = WantedAcr>) {
        self.acrs.extend(values.map(|value| (api.clone(), value)));
    }

    /// Refuses an `acr` that no token can have: of an API that trusts nobody but our own issuer.
    pub(super) fn impossible_acrs(&self, trusts: &[Trust], out: &mut Findings) {
        for (api, wanted) in &self.acrs {
            if trusts.iter().any(|trust| trust.apis.hold(api)) {
                continue;
            }
            let ours = Acr::ALL.map(Acr::name);
            let value = &wanted.value;
            let (place, never) = (&wanted.place, format!("no token can have the acr '{value}'"));
            if wanted.alone {
                out.error(place, format!("{never}, so all are refused here"));
            } else {
                out.warning(place, never);
            }
            out.expected(format!("{}, weakest first", words::or(&ours)));
            out.hint(words::did_you_mean(value, ours).unwrap_or_else(|| {
                format!("what another issuer calls its own needs a [[trust]] for the API '{api}'")
            }));
        }
    }

    /// Warns of routes that nobody can use: no connection brings a certificate along.
    pub(super) fn uncertified(&self, gateway: &Gateway, out: &mut Findings) {
        let asks = |tls: &Tls| tls.client_certificates != ClientCertificates::None;
        if gateway.tls.as_ref().is_some_and(asks) || gateway.client_certificate_header.is_some() {
            return;
        }
        for place in &self.certificates {
            out.warning(place, "the gateway asks nobody for a certificate, so all are refused here")
                .hint(
                    "set tls.client_certificates = \"ask\" in [gateway], or client_certificate_header if a \
                     proxy ends TLS",
                );
        }
    }

    /// Whether the upstream that is named at `place` exists.
    pub(super) fn want_upstream(
        &mut self,
        name: &ApiName,
        place: &Place,
        out: &mut Findings,
    ) -> bool {
        if let Some((_, uses)) = self.upstreams.get_mut(name.as_str()) {
            *uses += 1;
            return true;
        }
        missing(("upstream", "upstream"), name, self.upstreams.keys(), place, out);
        false
    }

    /// What tokens for an API can have.
    pub(super) fn offered(&self, api: &str) -> Option<&Scopes> {
        self.apis.get(api).map(|(_, offered)| offered)
    }

    /// Notes every upstream that no route leads to.
    pub(super) fn unused(&self, out: &mut Findings) {
        for (name, (place, uses)) in &self.upstreams {
            if *uses == 0 {
                out.warning(place, format!("no route leads to the upstream '{name}'"));
            }
        }
    }
}

/// Says what cannot be right of the management API: an API whose resource is the issuer's own `/admin/v1`.
fn management(config: &Config, names: &Names, out: &mut Findings) {
    let Some(issuing) = &config.issuer else { return };
    let own = format!("{}/admin/v1", issuing.url.as_str().trim_end_matches('/'));
    let manages = |scope: &Scope| matches!(scope.family(), "tenant" | "client" | "audit");
    for api in &config.apis {
        let Some((place, _)) = names.apis.get(api.name.as_str()) else { continue };
        if api.resource.as_str() != own {
            let near = api.resource.as_str().trim_end_matches('/') == own;
            if near || api.scopes.iter().any(manages) {
                let problem = "its scopes are those of the management API, and it is not that one";
                let problem =
                    if near { "the management API has another resource" } else { problem };
                out.warning(place, problem)
                    .expected(format!("resource = \"{own}\""))
                    .hint("the issuer serves it there; tokens for another API open nothing of it");
            }
            continue;
        }
        if api.tenant.is_some() {
            out.error(
                place,
                "the management API is of no tenant, so the issuer would not serve it",
            )
            .hint("take 'tenant' out: a tenant's admin reaches that tenant alone anyway");
        }
        if !api.scopes.iter().any(manages) {
            out.warning(place, "nobody can do anything with the management API").expected(
                "some of tenant:read, tenant:write, tenant:admin, client:read, client:write, audit:read",
            );
        }
        if config.routes.iter().any(|route| route.api == api.name) {
            out.warning(
                place,
                "the issuer serves the management API; the gateway has routes of it",
            );
        }
    }
}

/// Says what cannot be right of the API by which others ask the policies: one whose resource is the issuer's own
/// `/access/v1`.
fn evaluation(config: &Config, names: &Names, out: &mut Findings) {
    let Some(issuing) = &config.issuer else { return };
    let own = format!("{}/access/v1", issuing.url.as_str().trim_end_matches('/'));
    let evaluates = |scope: &Scope| scope.as_str() == "policy:evaluate";
    for api in &config.apis {
        let Some((place, _)) = names.apis.get(api.name.as_str()) else { continue };
        let is_it = api.resource.as_str() == own;
        if is_it && api.tenant.is_some() {
            out.error(
                place,
                "the policies are asked by no tenant's own API, so the issuer would not serve it",
            )
            .hint("take 'tenant' out: a tenant's callers ask about that tenant alone anyway");
        } else if is_it && config.policy.is_none() {
            out.warning(place, "nobody answers there: no policy is asked").hint("add [policy]");
        } else if is_it && !api.scopes.iter().any(evaluates) {
            out.warning(place, "nobody can ask the policies").expected("the scope policy:evaluate");
        } else if !is_it && api.scopes.iter().any(evaluates) {
            out.warning(place, "policy:evaluate opens nothing at this API")
                .expected(format!("resource = \"{own}\""));
        }
    }
}

fn missing<'a>(
    (what, table): (&str, &str),
    name: &ApiName,
    known: impl Iterator<Item = &'a String>,
    place: &Place,
    out: &mut Findings,
) {
    let known: Vec<&str> = known.map(String::as_str).collect();
    out.error(place, format!("there is no {what} called '{name}'"));
    if known.is_empty() {
        out.hint(format!("add a [[{table}]] with name = \"{name}\""));
        return;
    }
    out.expected(format!("known: {}", known.join(", ")));
    if let Some(hint) = words::did_you_mean(name.as_str(), known) {
        out.hint(hint);
    }
}

/// Refuses two listeners on one address; compares as written, whatever else is wrong.
pub(super) fn listeners(root: &mut Section<'_>, out: &mut Findings) {
    let mut seen: Vec<(&str, SocketAddr)> = Vec::new();
    for (table, key, port) in [
        ("issuer", "listen", Some(8080)),
        ("issuer", "mtls_listen", None),
        ("gateway", "listen", Some(8081)),
        ("admin", "listen", Some(8082)),
    ] {
        let mut silent = Findings::default();
        let Some(mut section) = root.get(table).and_then(|value| value.section(&mut silent)) else {
            continue;
        };
        let value = section.get(key);
        let place = value.as_ref().map_or_else(|| section.place().clone(), Value::place);
        let address = match value {
            Some(value) => listen::address(&value, &mut silent),
            None => port.and_then(listen::default),
        };
        let Some(address) = address else { continue };
        if let Some((other, at)) = seen.iter().find(|(_, other)| listen::clash(*other, address)) {
            out.error(&place, format!("[{table}] would listen where [{other}] does, on {at}"))
                .expected("another port")
                .hint("each listener needs an address of its own");
        }
        seen.push((table, address));
    }
}

/// Says what makes no sense as a whole.
pub(super) fn whole(
    root: &Section<'_>,
    (gateway, trusts): (Option<&Gateway>, &[Trust]),
    has_issuer: bool,
    out: &mut Findings,
) {
    let place = root.place();
    let Some(gateway) = gateway else { return };
    if !has_issuer && trusts.is_empty() {
        out.warning(place, "the gateway trusts no issuer, so it refuses every token").hint(
            format!("add a [[trust]], or an [issuer] of your own in front of {}", gateway.url),
        );
    }
}

/// Whether the resources of guarded APIs lie where the gateway serves them: clients find the metadata
/// of a resource by its URL (RFC 9728 §3).
pub(super) fn resources(config: &Config, names: &Names, out: &mut Findings) {
    management(config, names, out);
    evaluation(config, names, out);
    let Some(gateway) = &config.gateway else { return };
    let origin = gateway.url.origin();
    let guarded = |api: &Api| {
        config
            .routes
            .iter()
            .any(|route| route.api == api.name && matches!(route.access, Access::Scoped(_)))
    };
    for api in config.apis.iter().filter(|api| guarded(api)) {
        let elsewhere =
            url::Url::parse(api.resource.as_str()).is_ok_and(|url| url.origin() != origin);
        let Some((place, _)) = names.apis.get(api.name.as_str()).filter(|_| elsewhere) else {
            continue;
        };
        out.warning(place, format!("the resource of the API '{}' is not under {}", api.name, gateway.url))
            .hint("clients look for its metadata there (RFC 9728), and a token for it names another place");
    }
}
