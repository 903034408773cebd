//! `[[trust]]`: whose tokens the gateway accepts.

use super::{
    cross::Names,
    files::Machine,
    findings::{Findings, Place},
    gateway,
    read::{Section, Value},
    settings::{Hears, Issuing, PrivateNetwork, Profile, Trust, TrustKeys},
    words,
};
use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_types::{Issuer, Ttl};
use portcullis_verify::{Apis, Speaks};
use portcullis_web::{PRIVATE_NETWORKS, is_loopback};
use std::{net::IpAddr, path::PathBuf};
use url::{Host, Url};

/// What remote issuers may sign with: public keys only.
const ACCEPTED: [(&str, Alg); 10] = [
    ("RS256", Alg::RS256),
    ("RS384", Alg::RS384),
    ("RS512", Alg::RS512),
    ("PS256", Alg::PS256),
    ("PS384", Alg::PS384),
    ("PS512", Alg::PS512),
    ("ES256", Alg::ES256),
    ("ES384", Alg::ES384),
    ("EdDSA", Alg::EdDSA),
    ("Ed25519", Alg::Ed25519),
];

/// Every trusted issuer that is right.
pub(super) fn trusts(
    root: &mut Section<'_>,
    own: Option<&Issuing>,
    (machine, names): (&Machine<'_>, &Names),
    out: &mut Findings,
) -> Vec<Trust> {
    let alone = root.get("issuer").is_none() && root.get("gateway").is_some();
    let mut trusts: Vec<Trust> = Vec::new();
    for mut table in root.tables("trust", out) {
        let issuer = table.need("issuer", "\"https://login.example.com\"", out);
        let place = issuer.as_ref().map_or_else(|| table.place().clone(), Value::place);
        let issuer = issuer.and_then(|issuer| issuer.parse::<Issuer>(out));
        let trust = trust(&mut table, issuer, (machine, names), out);
        let hears = table.get("revocations").is_some();
        table.finish(out);
        let Some(trust) = trust else { continue };
        if own.is_some_and(|own| own.url == trust.issuer) {
            out.error(&place, "this is our own [issuer], which is trusted anyway")
                .hint("delete this [[trust]]");
        } else if trusts.iter().any(|other| other.issuer == trust.issuer) {
            out.error(&place, format!("'{}' is trusted twice", trust.issuer))
                .hint("one [[trust]] for each issuer: two could contradict each other");
        } else {
            if alone && !hears {
                deaf(&place, &trust.issuer, out);
            }
            trusts.push(trust);
        }
    }
    trusts
}

fn deaf(place: &Place, issuer: &Issuer, out: &mut Findings) {
    out.warning(place, format!("what {issuer} revokes is not heard here"))
        .expected("revocations = \"http://10.0.0.5:8082/revocations\" or revocations = \"none\"")
        .hint(
            "a Portcullis issuer tells it on its [admin] listener; with \"none\", tokens of disabled \
             clients pass until they expire",
        );
}

fn trust(
    table: &mut Section<'_>,
    issuer: Option<Issuer>,
    (machine, names): (&Machine<'_>, &Names),
    out: &mut Findings,
) -> Option<Trust> {
    let keys = keys(table, machine, out);
    let algs = table.get("algs").map(|algs| algorithms(&algs, out));
    let typ = table.get("typ").map(|typ| types(&typ, out));
    let profiles = [("rfc9068", Profile::Rfc9068), ("legacy", Profile::Legacy)];
    let profile = table.get("profile").and_then(|profile| profile.choice(&profiles, out));
    let apis = table.get("apis").map(|apis| apis.parse_list(out));
    for (name, place) in apis.iter().flatten() {
        names.want_api(name, place, out);
    }
    let speaks = table.get("tenant").and_then(|tenant| speaks(&tenant, out));
    let day = Ttl::seconds(86_400);
    let lifetime = table
        .get("max_lifetime")
        .map(|ttl| ttl.ttl(Ttl::seconds(60)..=Ttl::seconds(365 * 86_400), out));
    let leeway =
        table.get("leeway").map(|ttl| ttl.ttl(Ttl::from_millis(0)..=Ttl::seconds(300), out));
    let private =
        table.get("allow_private_network").and_then(|flag| flag.flag(out)).unwrap_or(false);
    let revocations = hears(table, out);
    Some(Trust {
        issuer: issuer?,
        keys: keys?,
        algs: algs.unwrap_or_else(|| vec![Alg::RS256, Alg::ES256]),
        typ: typ.unwrap_or_else(|| vec!["at+jwt".to_owned()]),
        profile: profile.unwrap_or(Profile::Rfc9068),
        apis: apis
            .map_or(Apis::All, |apis| Apis::Only(apis.into_iter().map(|(name, _)| name).collect())),
        speaks: speaks.unwrap_or(Speaks::ForNoTenant),
        max_lifetime: lifetime.flatten().unwrap_or(day),
        leeway: leeway.flatten().unwrap_or(Ttl::seconds(30)),
        private_network: if private { PrivateNetwork::Allowed } else { PrivateNetwork::Refused },
        revocations: revocations?,
    })
}

/// A tenant, or `any`: whoever issues tokens for all of them must be named as such.
fn speaks(value: &Value<'_>, out: &mut Findings) -> Option<Speaks> {
    match value.as_text() {
        Some("any") => Some(Speaks::ForAnyTenant),
        _ => value.parse(out).map(Speaks::For),
    }
}

/// Where to hear what was revoked. Who can change the answer can hide a revocation, and no more.
fn hears(table: &mut Section<'_>, out: &mut Findings) -> Option<Hears> {
    let age = table.get("revocations_max_age");
    let range = Ttl::seconds(5)..=Ttl::seconds(86_400);
    let max_age = age.as_ref().map(|age| age.ttl(range, out));
    match table.get("revocations") {
        None => lonely(age.as_ref(), out),
        Some(none) if none.as_text() == Some("none") => lonely(age.as_ref(), out),
        Some(value) => {
            let url = gateway::web_url(&value, out)?;
            if url.scheme() == "http" && !stays_inside(&url) {
                out.warning(&value.place(), "revocations travel in the clear")
                    .expected("https, or an address in a private network")
                    .hint("who can change the answer can hide a revocation");
            }
            let max_age = max_age.flatten().unwrap_or(Ttl::seconds(300));
            Some(Hears::From { url, max_age })
        }
    }
}

fn lonely(age: Option<&Value<'_>>, out: &mut Findings) -> Option<Hears> {
    if let Some(age) = age {
        out.error(&age.place(), "no revocations are heard that could be too old")
            .hint("give revocations = \"http://…/revocations\" as well, or delete this line");
        return None;
    }
    Some(Hears::Nothing)
}

/// Whether a URL names a place on this machine or in a private network. Names are taken at their word.
fn stays_inside(url: &Url) -> bool {
    let inside = |ip: IpAddr| PRIVATE_NETWORKS.iter().any(|net| net.contains(&ip));
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || inside(ip.into()),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || inside(ip.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    }
}

fn keys(table: &mut Section<'_>, machine: &Machine<'_>, out: &mut Findings) -> Option<TrustKeys> {
    match (table.get("jwks_uri"), table.get("jwks_file")) {
        (None, None) => Some(TrustKeys::Discovery),
        (Some(_), Some(file)) => {
            out.error(&file.place(), "both jwks_uri and jwks_file are given")
                .hint("keep one of them");
            None
        }
        (Some(uri), None) => {
            let url = gateway::web_url(&uri, out)?;
            if url.scheme() == "http" && !is_loopback(&url) {
                out.error(&uri.place(), "keys must not be fetched in the clear")
                    .expected("https")
                    .hint("who can change the answer can sign tokens");
                return None;
            }
            Some(TrustKeys::Uri(url))
        }
        (None, Some(value)) => {
            let path = machine.file(&value, out)?;
            key_set(&path, &value.place(), out);
            Some(TrustKeys::File(path))
        }
    }
}

fn key_set(path: &PathBuf, place: &Place, out: &mut Findings) {
    let set = std::fs::read(path).map_err(|fault| fault.to_string());
    match set.and_then(|bytes| KeySet::parse(&bytes).map_err(|fault| fault.to_string())) {
        Err(fault) => {
            out.error(place, format!("this is no JWK Set: {fault}")).expected("{ \"keys\": […] }");
        }
        Ok(set) if set.is_empty() => {
            out.error(place, "the JWK Set has no key that can verify a signature");
        }
        Ok(set) => {
            for skipped in set.skipped() {
                let kid = skipped.kid.as_deref().unwrap_or("without kid");
                out.warning(place, format!("the key '{kid}' is not used: {}", skipped.reason));
            }
        }
    }
}

fn algorithms(value: &Value<'_>, out: &mut Findings) -> Vec<Alg> {
    let mut algs = Vec::new();
    for member in value.list(out) {
        match member.as_text() {
            Some(name @ ("none" | "HS256" | "HS384" | "HS512")) => {
                let why = match name {
                    "none" => "anybody could write such a token",
                    _ => "whoever can verify it can also make it",
                };
                out.error(&member.place(), format!("'{name}' is never accepted: {why}"))
                    .expected(words::or(&ACCEPTED.map(|(name, _)| name)));
            }
            _ => algs.extend(member.choice(&ACCEPTED, out)),
        }
    }
    if algs.is_empty() {
        out.error(&value.place(), "no algorithm is left").expected("at least one");
    }
    algs
}

fn types(value: &Value<'_>, out: &mut Findings) -> Vec<String> {
    let members = value.list(out);
    if members.is_empty() {
        out.error(&value.place(), "no type is left").expected("at least one, usually \"at+jwt\"");
    }
    members.iter().filter_map(|member| member.text(out)).map(str::to_owned).collect()
}
