//! `[issuer.registration]`, `[issuer.client_documents]` and `[issuer.outgoing]`: apps that nobody
//! registered by hand, and where the issuer may call for their documents and keys.

use super::{
    files::Machine,
    findings::Findings,
    read::{Section, Value},
    settings::{Admission, Api},
    words,
};
use ipnet::IpNet;
use portcullis_directory::{AuthMethod, Fapi2, GrantType, Pkce};
use portcullis_issuer::{Ceiling, Documents, Registering, Registrations, Trusted};
use portcullis_types::{ApiName, Audience, IdentityScope, IdentityScopes, Pattern, Ttl};
use std::net::IpAddr;

const HOUR: Ttl = Ttl::seconds(3_600);
const YEARS: Ttl = Ttl::seconds(10 * 365 * 86_400);
/// A registration that nobody asked for ends by itself.
const OPEN_TTL: Ttl = Ttl::seconds(90 * 86_400);

const METHODS: [(&str, AuthMethod); 6] = [
    ("client_secret_basic", AuthMethod::ClientSecretBasic),
    ("client_secret_post", AuthMethod::ClientSecretPost),
    ("private_key_jwt", AuthMethod::PrivateKeyJwt),
    ("none", AuthMethod::None),
    ("tls_client_auth", AuthMethod::TlsClientAuth),
    ("self_signed_tls_client_auth", AuthMethod::SelfSignedTlsClientAuth),
];

/// What `[issuer]` says about such apps.
pub(super) fn admission(
    issuer: &mut Section<'_>,
    apis: &[Api],
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Admission {
    let mut section =
        |key, out: &mut Findings| issuer.get(key).and_then(|value| value.section(out));
    let registrations = section("registration", out);
    let documents = section("client_documents", out);
    let outgoing = section("outgoing", out);
    let mut admission = Admission {
        registrations: registrations.and_then(|table| registration(table, apis, out)),
        documents: documents.and_then(|table| client_documents(table, apis, out)),
        ..Admission::default()
    };
    if let Some(mut table) = outgoing {
        admission.ca_file = table.get("ca_file").and_then(|file| machine.file(&file, out));
        let networks = table.get("private_networks").map(|value| networks(&value, out));
        admission.private_networks = networks.unwrap_or_default();
        table.finish(out);
    }
    admission
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Off,
    Token,
    Open,
}

fn registration(mut table: Section<'_>, apis: &[Api], out: &mut Findings) -> Option<Registrations> {
    let modes = [("off", Mode::Off), ("token", Mode::Token), ("open", Mode::Open)];
    let mode = table.need("mode", "\"token\"", out).and_then(|mode| mode.choice(&modes, out));
    let open = mode == Some(Mode::Open);
    let methods = table.get("auth_methods").map(|list| several(&list, &METHODS, out));
    let usual = if open { &METHODS[3..4] } else { &METHODS[..] };
    let methods = methods.unwrap_or_else(|| usual.iter().map(|(_, method)| *method).collect());
    let pkce = [("required", Pkce::Required), ("or-nonce", Pkce::OrNonce)];
    let pkce = table.get("pkce").and_then(|word| word.choice(&pkce, out)).unwrap_or_default();
    let ttl = table.get("client_ttl").map(|ttl| ttl.ttl(HOUR..=YEARS, out));
    let client_ttl = ttl.unwrap_or_else(|| open.then_some(OPEN_TTL));
    let per_hour = table.get("per_hour").and_then(|number| number.number(1..=100_000, out));
    let most = table.get("most").and_then(|number| number.number(1..=100_000, out));
    let grants: &[GrantType] = if open { &PEOPLE[..2] } else { &GrantType::ALL };
    let ceiling = Ceiling { auth_methods: methods, pkce, ..ceiling(&mut table, apis, grants, out) };
    table.finish(out);
    let mode = match mode? {
        Mode::Off => return None,
        Mode::Token => Registering::Invited,
        Mode::Open => Registering::Anybody {
            per_hour: per_hour.and_then(|number| u32::try_from(number).ok()).unwrap_or(20),
            most: most.unwrap_or(1_000),
        },
    };
    Some(Registrations { mode, ceiling, client_ttl })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Off,
    Listed,
    Open,
}

fn client_documents(mut table: Section<'_>, apis: &[Api], out: &mut Findings) -> Option<Documents> {
    let modes = [("off", Reading::Off), ("listed", Reading::Listed), ("open", Reading::Open)];
    let mode = table.need("mode", "\"listed\"", out).and_then(|mode| mode.choice(&modes, out));
    let hosts = table.get("hosts").map(|list| hosts(&list, out));
    if mode == Some(Reading::Listed) && hosts.is_none() {
        let _ = table.need("hosts", "[\"app.example.com\", \"*.tools.example\"]", out);
    }
    let auth_methods = vec![AuthMethod::None, AuthMethod::PrivateKeyJwt];
    let ceiling = Ceiling { auth_methods, ..ceiling(&mut table, apis, &PEOPLE, out) };
    table.finish(out);
    let trusted = match mode? {
        Reading::Off => return None,
        Reading::Listed => Trusted::Hosts(hosts?),
        Reading::Open => Trusted::Everybody,
    };
    Some(Documents { trusted, ceiling })
}

const PEOPLE: [GrantType; 3] =
    [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];

/// What both kinds of app may have at most.
fn ceiling(
    table: &mut Section<'_>,
    apis: &[Api],
    grants: &[GrantType],
    out: &mut Findings,
) -> Ceiling {
    let identity = table.get("identity").and_then(|words| identity(&words, out));
    let scopes: Vec<Pattern> = match table.get("scopes") {
        Some(list) => list.parse_list(out).into_iter().map(|(pattern, _)| pattern).collect(),
        None => Vec::new(),
    };
    let resources = table.get("apis").map(|list| resources(&list, apis, out)).unwrap_or_default();
    let profiles = [
        ("none", Fapi2::Off),
        ("fapi2-security", Fapi2::Security),
        ("fapi2-message-signing", Fapi2::MessageSigning),
    ];
    let profile = table.get("profile").and_then(|word| word.choice(&profiles, out));
    let names = GrantType::ALL.map(|grant| (grant.name(), grant));
    let grant_types = table.get("grant_types").map(|list| several(&list, &names, out));
    Ceiling {
        identity: identity.unwrap_or_else(usual_identity),
        scopes,
        resources,
        grant_types: grant_types.unwrap_or_else(|| grants.to_vec()),
        profile: profile.unwrap_or_default(),
        ..Ceiling::default()
    }
}

/// All but what a company knows about its own people.
fn usual_identity() -> IdentityScopes {
    let own = [IdentityScope::Roles, IdentityScope::Groups];
    IdentityScopes::all().without(own.into_iter().collect())
}

fn identity(value: &Value<'_>, out: &mut Findings) -> Option<IdentityScopes> {
    match IdentityScopes::part(value.text(out)?) {
        (scopes, rest) if rest.is_empty() => Some(scopes),
        (_, rest) => {
            out.error(&value.place(), format!("'{}' says nothing about people", rest.join(" ")))
                .expected(format!("words of \"{}\"", IdentityScopes::all()));
            None
        }
    }
}

fn resources(list: &Value<'_>, apis: &[Api], out: &mut Findings) -> Vec<Audience> {
    let mut resources = Vec::new();
    for (name, place) in list.parse_list::<ApiName>(out) {
        match apis.iter().find(|api| api.name == name) {
            Some(api) if api.tenant.is_some() => {
                out.error(
                    &place,
                    format!("the API '{name}' belongs to a tenant, these apps do not"),
                );
            }
            Some(api) => resources.push(api.resource.clone()),
            None => {
                let known = apis.iter().map(|api| api.name.as_str());
                let finding = out.error(&place, format!("there is no API '{name}'"));
                if let Some(hint) = words::did_you_mean(name.as_str(), known) {
                    finding.hint(hint);
                }
            }
        }
    }
    resources
}

/// A list of words out of several, none twice.
pub(super) fn several<T: Copy + PartialEq>(
    list: &Value<'_>,
    words: &[(&str, T)],
    out: &mut Findings,
) -> Vec<T> {
    let members = list.list(out);
    if members.is_empty() {
        out.error(&list.place(), "the list is empty").expected("at least one");
    }
    let mut all = Vec::new();
    for member in members.iter().filter_map(|member| member.choice(words, out)) {
        if !all.contains(&member) {
            all.push(member);
        }
    }
    all
}

/// Names of hosts, or `*.` and one that they lie below.
fn hosts(list: &Value<'_>, out: &mut Findings) -> Vec<String> {
    let mut hosts = Vec::new();
    for member in list.list(out) {
        let Some(text) = member.text(out) else { continue };
        let name = text.strip_prefix("*.").unwrap_or(text);
        let url = url::Url::parse(&format!("https://{name}/")).ok();
        if url.is_some_and(|url| url.host_str() == Some(name)) {
            hosts.push(text.to_owned());
        } else {
            out.error(&member.place(), format!("'{text}' is not the name of a host"))
                .expected("such as \"app.example.com\" or \"*.example.com\", in lower case");
        }
    }
    hosts
}

fn networks(list: &Value<'_>, out: &mut Findings) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for member in list.list(out) {
        let Some(text) = member.text(out) else { continue };
        let one = || text.parse::<IpAddr>().map(IpNet::from);
        match text.parse::<IpNet>().or_else(|_| one()) {
            Ok(network) if network.prefix_len() > 0 => networks.push(network.trunc()),
            _ => {
                out.error(&member.place(), format!("'{text}' is not a private network"))
                    .expected("such as \"10.0.0.0/8\", \"fd00::/8\" or \"192.0.2.7\"");
            }
        }
    }
    networks
}
