//! `[[api]]` and `[issuer]`.

use super::{
    admission,
    cross::Names,
    demand::demand,
    files::Machine,
    findings::Findings,
    gateway, listen,
    read::{Section, Value},
    scopes,
    settings::{Api, Dialect, Issuing, KeyPolicy, Mtls, Tls},
    tls,
};
use portcullis_directory::GrantSettings;
use portcullis_issuer::DpopNonce;
use portcullis_jose::Alg;
use portcullis_types::{Issuer, Registry, Ttl};

const SHORTEST: Ttl = Ttl::seconds(10);
/// The `max-age` of our key set.
const KEPT: Ttl = Ttl::seconds(600);
/// By how much the clock of whoever checks a token may be behind.
const LEEWAY: Ttl = Ttl::seconds(30);
/// Until a process has noticed that another one rotated the keys.
const NOTICE: Ttl = Ttl::seconds(60);

/// How an API may say no.
pub(super) const DIALECTS: [(&str, Dialect); 3] =
    [("openai", Dialect::OpenAi), ("anthropic", Dialect::Anthropic), ("problem", Dialect::Problem)];

const SIGNING: [(&str, Alg); 3] =
    [("ES256", Alg::ES256), ("RS256", Alg::RS256), ("Ed25519", Alg::Ed25519)];

/// Every API that is right.
pub(super) fn apis(
    root: &mut Section<'_>,
    registry: &Registry,
    names: &mut Names,
    out: &mut Findings,
) -> Vec<Api> {
    let tables = root.tables("api", out);
    let mut apis: Vec<Api> = Vec::new();
    for mut table in tables {
        let api = api(&mut table, registry, names, out);
        table.finish(out);
        let Some((api, resource)) = api else { continue };
        if let Some(other) = apis.iter().find(|other| other.resource == api.resource) {
            out.error(
                &resource.place(),
                format!("'{}' is the resource of the API '{}' already", api.resource, other.name),
            )
            .hint("a token is made for exactly one API: give each its own resource");
            continue;
        }
        apis.push(api);
    }
    apis
}

fn api<'t>(
    table: &mut Section<'t>,
    registry: &Registry,
    names: &mut Names,
    out: &mut Findings,
) -> Option<(Api, Value<'t>)> {
    let name = table.need("name", "\"text\"", out);
    if let Some(name) = &name {
        names.add_api(name, out);
    }
    let name_text = name.as_ref().and_then(Value::as_text);
    let name = name.and_then(|name| name.parse(out));
    let resource = table.need("resource", "\"https://gw.example.com/v1\"", out);
    let audience = resource.as_ref().and_then(|resource| resource.parse(out));
    let title = table.get("title").and_then(|title| title.text(out));
    let scopes = table
        .need("scopes", "[\"generate:basic\"]", out)
        .map(|list| scopes::known(&list, registry, out))
        .unwrap_or_default();
    let signing_alg = table.get("signing_alg").map(|alg| alg.choice(&SIGNING, out));
    let ttl = table
        .get("access_token_ttl")
        .and_then(|ttl| ttl.ttl(SHORTEST..=Ttl::LONGEST_ACCESS_TOKEN, out));
    let tenant = table.get("tenant").and_then(|tenant| tenant.parse(out));
    let demand = demand(table, name.as_ref(), names, out);
    let dialect = table.get("dialect").and_then(|dialect| dialect.choice(&DIALECTS, out));
    let scopes = scopes.into_iter().map(|(scope, _)| scope).collect();
    if let Some(name) = name_text {
        names.offer(name, &scopes);
    }
    let name: portcullis_types::ApiName = name?;
    let api = Api {
        title: title.map_or_else(|| name.to_string(), str::to_owned),
        name,
        resource: audience?,
        scopes,
        signing_alg: signing_alg.flatten().unwrap_or(Alg::ES256),
        access_token_ttl: ttl,
        tenant,
        demand,
        dialect: dialect.unwrap_or(Dialect::Problem),
    };
    Some((api, resource?))
}

/// `[issuer]`, if it is there.
pub(super) fn issuer(
    root: &mut Section<'_>,
    apis: &[Api],
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<Issuing> {
    let mut table = root.get("issuer")?.section(out)?;
    let url = table.need("url", "\"https://id.example.com\"", out);
    if let Some(url) = &url
        && url.as_text().is_some_and(|text| text.ends_with('/'))
    {
        out.warning(&url.place(), "the issuer ends with '/'")
            .hint("it is compared byte by byte, so every client and API must write the '/' too; better leave it out");
    }
    let url = url.and_then(|url| url.parse(out));
    let listen_value = table.get("listen");
    let listen = listen_value
        .as_ref()
        .map_or_else(|| listen::default(8080), |value| listen::address(value, out));
    let ttl_value = table.get("access_token_ttl");
    let ttl = ttl_value
        .as_ref()
        .map_or(Some(Ttl::seconds(900)), |ttl| ttl.ttl(SHORTEST..=Ttl::LONGEST_ACCESS_TOKEN, out));
    if let (Some(value), Some(ttl)) = (&ttl_value, ttl)
        && ttl > Ttl::seconds(3_600)
    {
        out.warning(&value.place(), format!("access tokens live for {ttl}"))
            .expected("usually 5m to 60m")
            .hint("who steals a token can use it for that long");
    }
    let longest =
        apis.iter().filter_map(|api| api.access_token_ttl).chain(ttl).max().unwrap_or(SHORTEST);
    let grants = grants(&mut table, out);
    let dpop_nonce = table.get("dpop_nonce").and_then(|nonce| nonce.choice(&NONCES, out));
    let keys = key_policy(&mut table, longest, out);
    let tls_value = table.get("tls");
    let tls = tls_value.as_ref().and_then(|tls| tls::tls(tls, machine, out));
    let proxies = table.get("trusted_proxies").map(|value| listen::networks(&value, out));
    let trusted_proxies = proxies.unwrap_or_default();
    let clear = (tls_value.is_some(), &trusted_proxies[..]);
    tls::in_the_clear("issuer", (listen_value.as_ref(), listen), clear, out);
    let client_certificate_header = tls::header(&mut table, &trusted_proxies, out);
    let client_ca = tls::authorities(&mut table, "client_ca", machine, out);
    let mtls = mtls(&mut table, (url.as_ref(), tls.as_ref()), out);
    let admission = admission::admission(&mut table, apis, machine, out);
    table.finish(out);
    Some(Issuing {
        url: url?,
        listen: listen?,
        access_token_ttl: ttl?,
        grants: grants?,
        dpop_nonce: dpop_nonce.unwrap_or_default(),
        keys: keys?,
        client_ca: client_ca.or_else(|| tls.as_ref().and_then(|tls| tls.client_ca.clone())),
        tls,
        trusted_proxies,
        client_certificate_header,
        mtls,
        admission,
    })
}

/// Whether DPoP proofs must hold a nonce.
const NONCES: [(&str, DpopNonce); 2] =
    [("offered", DpopNonce::Offered), ("required", DpopNonce::Required)];

/// `refresh_token_idle` and `refresh_token_max`.
fn grants(table: &mut Section<'_>, out: &mut Findings) -> Option<GrantSettings> {
    let usual = GrantSettings::default();
    let longest = Ttl::seconds(5 * 365 * 24 * 3600);
    let idle_value = table.get("refresh_token_idle");
    let idle =
        idle_value.as_ref().map_or(Some(usual.idle), |v| v.ttl(Ttl::seconds(60)..=longest, out));
    let max = table.get("refresh_token_max");
    let max = max.map_or(Some(usual.max), |value| value.ttl(Ttl::seconds(60)..=longest, out));
    if let (Some(value), Some(idle), Some(max)) = (&idle_value, idle, max)
        && idle > max
    {
        out.warning(
            &value.place(),
            format!("a grant ends after {max}, before it is idle for {idle}"),
        )
        .hint("raise refresh_token_max, or shorten refresh_token_idle");
    }
    Some(GrantSettings { idle: idle?, max: max?, ..usual })
}

/// `mtls_url` and `mtls_listen`: the same endpoints, where certificates are asked for (RFC 8705 §5).
fn mtls(
    table: &mut Section<'_>,
    (issuer, tls): (Option<&Issuer>, Option<&Tls>),
    out: &mut Findings,
) -> Option<Mtls> {
    let listen_value = table.get("mtls_listen");
    let listen = listen_value.as_ref().and_then(|value| listen::address(value, out));
    let Some(value) = table.get("mtls_url") else {
        if let Some(listen) = listen_value {
            out.error(&listen.place(), "nobody would know of this listener")
                .hint("add mtls_url = \"https://mtls.id.example.com\"");
        }
        return None;
    };
    let url = gateway::web_url(&value, out)?;
    let path =
        |text: &str| url::Url::parse(text).map(|url| url.path().trim_end_matches('/').to_owned());
    if url.scheme() != "https" {
        out.error(&value.place(), "without TLS nobody shows a certificate").expected("https");
        return None;
    }
    if let Some(issuer) = issuer
        && path(issuer.as_str()) != path(url.as_str())
    {
        out.error(&value.place(), "the endpoints have another path here than at the issuer's url")
            .expected("the same path")
            .hint("only the host, or the port, is another one");
        return None;
    }
    if let (Some(listen), None) = (&listen_value, tls) {
        out.error(&listen.place(), "this listener has no certificate to show")
            .hint("give [issuer] a certificate (tls); both listeners show it");
    }
    let url = url.as_str().trim_end_matches('/').to_owned();
    Some(Mtls { url, listen })
}

/// `keys` of the issuer. A key must be published for as long as others keep a copy of our key set before
/// it signs, and for as long as a token that it signed may be accepted after.
fn key_policy(table: &mut Section<'_>, longest: Ttl, out: &mut Findings) -> Option<KeyPolicy> {
    let mut policy = KeyPolicy::usual(longest);
    let Some(value) = table.get("keys") else { return Some(policy) };
    let mut keys = value.section(out)?;
    let (hour, years) = (Ttl::seconds(3_600), Ttl::seconds(2 * 365 * 86_400));
    let rotate = keys.get("rotate_every");
    let publish = keys.get("publish_before");
    let retire = keys.get("retire_after");
    if let Some(every) = rotate.as_ref() {
        policy.rotate_every = every.ttl(hour..=years, out)?;
    }
    if let Some(before) = publish.as_ref() {
        policy.publish_before = before.ttl(Ttl::seconds(60)..=years, out)?;
        if policy.publish_before < KEPT {
            out.error(
                &before.place(),
                "tokens would be signed with a key that others do not know yet",
            )
            .expected(format!("at least {KEPT}"))
            .hint(format!("our key set says that copies of it may be kept for {KEPT}"));
        }
    }
    if let Some(after) = retire.as_ref() {
        policy.retire_after = after.ttl(Ttl::seconds(60)..=years, out)?;
    }
    keys.finish(out);
    if policy.publish_before >= policy.rotate_every {
        let place = publish.or(rotate).map_or_else(|| value.place(), |value| value.place());
        out.error(&place, "the next key would have to be published before the current one exists")
            .expected(format!("less than rotate_every, which is {}", policy.rotate_every));
    }
    let needed = Ttl::seconds(longest.as_seconds() + LEEWAY.as_seconds() + NOTICE.as_seconds());
    if let Some(after) = retire
        && policy.retire_after < needed
    {
        out.error(
            &after.place(),
            format!(
                "tokens live for up to {longest}, but their key is withdrawn after {}",
                policy.retire_after
            ),
        )
        .expected(format!(
            "at least {needed}: {longest}, {LEEWAY} for clocks that differ, and {NOTICE} until every process has noticed"
        ))
        .hint("raise retire_after, or shorten access_token_ttl");
    }
    Some(policy)
}
