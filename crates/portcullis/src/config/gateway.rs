//! `[gateway]`, `[admin]` and `[[upstream]]`.

use super::{
    cross::Names,
    files::Machine,
    findings::Findings,
    listen, models,
    read::{Section, Value},
    settings::{Admin, Authorities, Credential, Gateway, Timeouts, Upstream},
    tls,
};
use portcullis_types::Ttl;
use portcullis_web::is_loopback;
use url::Url;

/// Header names that belong to the connection or say who calls: no credential may stand there.
const NOT_FOR_CREDENTIALS: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "upgrade",
    "trailer",
    "keep-alive",
];

/// `[gateway]`, if it is there.
pub(super) fn gateway(
    root: &mut Section<'_>,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<Gateway> {
    let mut table = root.get("gateway")?.section(out)?;
    let url_value = table.need("url", "\"https://gw.example.com\"", out);
    let url = url_value.as_ref().and_then(|url| web_url(url, out));
    let listen_value = table.get("listen");
    let listen = listen_value
        .as_ref()
        .map_or_else(|| listen::default(8081), |value| listen::address(value, out));
    let workers = table.get("workers").and_then(|workers| workers.number(1..=256, out));
    let token_cache = table.get("token_cache").map(|cache| cache.number(0..=10_000_000, out));
    let tls_value = table.get("tls");
    let tls = tls_value.as_ref().and_then(|tls| tls::tls(tls, machine, out));
    let proxies = table.get("trusted_proxies").map(|value| listen::networks(&value, out));
    let trusted_proxies = proxies.unwrap_or_default();
    let clear = (tls_value.is_some(), &trusted_proxies[..]);
    tls::in_the_clear("gateway", (listen_value.as_ref(), listen), clear, out);
    let client_certificate_header = tls::header(&mut table, &trusted_proxies, out);
    let flush = table
        .get("audit_flush")
        .map(|flush| flush.ttl(Ttl::from_millis(0)..=Ttl::seconds(60), out));
    let body_limit = table.get("body_limit").map(|limit| limit.number(1024..=64 << 20, out));
    let timeouts = timeouts(&mut table, out);
    table.finish(out);
    let models = models::models(root, out);
    if let (Some(value), Some(url)) = (&url_value, &url)
        && url.scheme() == "http"
        && !is_loopback(url)
    {
        out.warning(&value.place(), "tokens would travel in the clear")
            .expected("https")
            .hint("give [gateway] a certificate (tls), or put it behind something that has one");
    }
    Some(Gateway {
        url: url?,
        listen: listen?,
        workers,
        token_cache: token_cache.flatten().unwrap_or(50_000),
        tls,
        trusted_proxies,
        client_certificate_header,
        audit_flush: flush.flatten().unwrap_or(Ttl::from_millis(10)),
        body_limit: body_limit.flatten().unwrap_or(4 << 20) as u64,
        models,
        timeouts,
    })
}

/// `[admin]`, if it is there.
pub(super) fn admin(
    root: &mut Section<'_>,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<Admin> {
    let mut table = root.get("admin")?.section(out)?;
    let value = table.get("listen");
    let listen =
        value.as_ref().map_or_else(|| listen::default(8082), |value| listen::address(value, out));
    if let (Some(value), Some(address)) = (&value, listen)
        && !address.ip().is_loopback()
    {
        out.warning(&value.place(), "metrics and health are open to the network")
            .hint("nobody signs in there: make sure that only your monitoring can reach it");
    }
    let tls_value = table.get("tls");
    let tls = tls_value.as_ref().and_then(|tls| tls::tls(tls, machine, out));
    let proxies = table.get("trusted_proxies").map(|value| listen::networks(&value, out));
    let trusted_proxies = proxies.unwrap_or_default();
    let clear = (tls_value.is_some(), &trusted_proxies[..]);
    tls::in_the_clear("admin", (value.as_ref(), listen), clear, out);
    table.finish(out);
    Some(Admin { listen: listen?, tls, trusted_proxies })
}

fn timeouts(gateway: &mut Section<'_>, out: &mut Findings) -> Timeouts {
    let mut timeouts =
        Timeouts { connect: Ttl::seconds(2), headers: Ttl::seconds(60), idle: Ttl::seconds(120) };
    let Some(mut table) = gateway.get("timeouts").and_then(|timeouts| timeouts.section(out)) else {
        return timeouts;
    };
    let range = Ttl::from_millis(10)..=Ttl::seconds(86_400);
    for (key, place) in [
        ("connect", &mut timeouts.connect),
        ("headers", &mut timeouts.headers),
        ("idle", &mut timeouts.idle),
    ] {
        if let Some(ttl) = table.get(key).and_then(|value| value.ttl(range.clone(), out)) {
            *place = ttl;
        }
    }
    table.finish(out);
    timeouts
}

/// Every upstream that is right.
pub(super) fn upstreams(
    root: &mut Section<'_>,
    machine: &Machine<'_>,
    names: &mut Names,
    out: &mut Findings,
) -> Vec<Upstream> {
    let mut upstreams = Vec::new();
    for mut table in root.tables("upstream", out) {
        let name = table.need("name", "\"model\"", out);
        if let Some(name) = &name {
            names.add_upstream(name, out);
        }
        let name = name.and_then(|name| name.parse(out));
        let url =
            table.need("url", "\"http://127.0.0.1:9000\"", out).and_then(|url| web_url(&url, out));
        let credential = table.get("credential");
        let faults_before = out.errors();
        let credential =
            credential.and_then(|credential| self::credential(&credential, machine, out));
        let authorities = table.get("ca").map(|ca| (machine.file(&ca, out), ca.place()));
        table.finish(out);
        let plain = url.as_ref().is_some_and(|url| url.scheme() == "http");
        if let (true, Some((_, place))) = (plain, &authorities) {
            out.error(place, "an upstream that is reached by http shows no certificate")
                .expected("an https url")
                .hint("delete ca, or correct the url");
        }
        if let (Some(name), Some(url), true) = (name, url, out.errors() == faults_before) {
            let file = authorities.and_then(|(file, _)| file);
            let authorities = file.map_or(Authorities::System, Authorities::Only);
            upstreams.push(Upstream { name, url, credential, authorities });
        }
    }
    upstreams
}

fn credential(value: &Value<'_>, machine: &Machine<'_>, out: &mut Findings) -> Option<Credential> {
    let mut table = value.section(out)?;
    if let Some(identity) = table.get("identity") {
        let audience = identity.parse(out).map(Credential::Identity);
        table.finish(out);
        return audience;
    }
    let header = table.get("header");
    let name = header
        .as_ref()
        .map_or(Some("authorization"), |header| header.text(out))
        .map(str::to_lowercase);
    let prefix = table.get("prefix").map(|prefix| prefix.text(out));
    let secret = machine.source(&mut table, ("value_file", "value_env"), out);
    table.finish(out);
    let name = name?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if let Some(header) = header
        && (name.is_empty() || !name.chars().all(token) || NOT_FOR_CREDENTIALS.contains(&&*name))
    {
        out.error(&header.place(), format!("'{name}' cannot carry a credential"))
            .expected("a header such as \"authorization\" or \"x-api-key\"");
        return None;
    }
    let prefix = prefix.flatten().map(str::to_owned);
    let prefix = prefix.unwrap_or_else(|| {
        if name == "authorization" { "Bearer ".to_owned() } else { String::new() }
    });
    Some(Credential::Header { name, prefix, secret: secret? })
}

/// An `http` or `https` URL with nothing after its path, and nobody's password in it.
pub(super) fn web_url(value: &Value<'_>, out: &mut Findings) -> Option<Url> {
    let text = value.text(out)?;
    let example = "such as \"https://gw.example.com\"";
    let (problem, expected) = match Url::parse(text) {
        Err(fault) => {
            (format!("'{text}' is not a URL: {fault}"), format!("an absolute URL {example}"))
        }
        Ok(url) if url.password().is_some() || !url.username().is_empty() => {
            out.mask(value.place().span);
            (
                "a user name or password is written in the URL".to_owned(),
                "a URL without them".to_owned(),
            )
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            (format!("'{}' is not spoken here", url.scheme()), format!("http or https, {example}"))
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            ("the URL goes on after its path".to_owned(), "no '?' and no '#'".to_owned())
        }
        Ok(url) => return Some(url),
    };
    out.error(&value.place(), problem).expected(expected);
    None
}
