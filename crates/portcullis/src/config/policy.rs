//! `[policy]`: which rules in Rego are asked, where they come from, and what they are told of the world.

use super::{
    admission::several,
    files::{Machine, Purpose},
    findings::Findings,
    gateway::web_url,
    opa,
    people::is_name,
    read::{Section, Value},
    settings::{Policing, PolicySource, RemotePolicies},
};
use ipnet::IpNet;
use jiff::tz::{Offset, TimeZone};
use portcullis_jose::jwk::{Jwk, KeyRing};
use portcullis_policy::{
    Bundle, Files, Level, Point, Surroundings, SurroundingsSettings,
    source::{Place as Origin, Trusted},
};
use portcullis_types::{Registry, Ttl};
use portcullis_web::is_loopback;
use std::{net::IpAddr, path::Path};

/// What a clock may be ahead of UTC or behind it, in minutes.
const OFFSETS: std::ops::RangeInclusive<i32> = -14 * 60..=14 * 60;

/// `[policy]`, if it is there.
pub(super) fn policy(
    root: &mut Section<'_>,
    registry: &Registry,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<Policing> {
    let mut table = root.get("policy")?.section(out)?;
    let trusted = trusted(&mut table, machine, out);
    let source = source(&mut table, (registry, machine), trusted.is_some(), out);
    let points = table.get("points").map(|list| {
        let names = Point::ALL.map(|point| (point.name(), point));
        several(&list, &names, out)
    });
    let shadow = table.get("shadow").and_then(|value| {
        let path = machine.path(&value, out)?;
        bundle(&path, &value, (registry, machine), out);
        Some(path)
    });
    let points = points.unwrap_or_else(|| Point::ALL.to_vec());
    let elsewhere = opa::opa(&mut table, &points, machine, out);
    let surroundings = surroundings(&mut table, machine, out);
    table.finish(out);
    Some(Policing { source, trusted, points, elsewhere, shadow, surroundings })
}

/// Where bundles come from: a directory, or a server with all that belongs to it.
fn source(
    table: &mut Section<'_>,
    (registry, machine): (&Registry, &Machine<'_>),
    signed: bool,
    out: &mut Findings,
) -> Option<PolicySource> {
    let directory = table.get("directory");
    let url = table.get("url");
    let range = Ttl::seconds(1)..=Ttl::seconds(86_400);
    let poll = table.get("poll");
    let every = poll.as_ref().map(|poll| poll.ttl(range, out));
    let token = table.get("bearer_token");
    let bearer_token = token.as_ref().and_then(|value| machine.secret(value, out));
    let ca = table.get("ca_file");
    let ca_file = ca.as_ref().and_then(|value| machine.file(value, out));
    if url.is_none() {
        for value in [&poll, &token, &ca].into_iter().flatten() {
            out.error(&value.place(), "it belongs to a server, and none is asked for policies")
                .hint("give url = \"https://…/bundle.tar.gz\" as well, or delete this line");
        }
    }
    match (directory, url) {
        (Some(_), Some(url)) => {
            out.error(&url.place(), "both directory and url are given").hint("keep one of them");
            None
        }
        (Some(value), None) => {
            let path = machine.path(&value, out)?;
            if signed {
                out.error(&value.place(), "a directory bears no signature")
                    .hint("delete verification_keys, or serve a signed bundle and give its url");
            }
            bundle(&path, &value, (registry, machine), out);
            Some(PolicySource::Directory(path))
        }
        (None, Some(value)) => {
            let place = origin(&value, signed, out)?;
            let poll = every.flatten().unwrap_or(Ttl::seconds(30));
            let remote = RemotePolicies { place, poll, bearer_token, ca_file };
            Some(PolicySource::Remote(remote))
        }
        (None, None) => None,
    }
}

fn origin(value: &Value<'_>, signed: bool, out: &mut Findings) -> Option<Origin> {
    if value.as_text().is_some_and(|text| text.starts_with("oci:")) {
        return value.parse(out).map(Origin::Registry);
    }
    let url = web_url(value, out)?;
    if url.scheme() == "http" && !is_loopback(&url) && !signed {
        out.warning(&value.place(), "policies travel in the clear, and nobody has to sign them")
            .expected("https, or verification_keys")
            .hint("who can change the answer decides what everybody may");
    }
    Some(Origin::Url(url))
}

/// Whose signatures count.
fn trusted(table: &mut Section<'_>, machine: &Machine<'_>, out: &mut Findings) -> Option<Trusted> {
    let scope = table.get("verification_scope");
    let name = scope.as_ref().and_then(|scope| scope.text(out)).map(str::to_owned);
    let Some(list) = table.get("verification_keys") else {
        if let Some(scope) = scope {
            out.error(&scope.place(), "nobody's signatures are wanted that could be for it").hint(
                "give verification_keys = [\"policies.pub.pem\"] as well, or delete this line",
            );
        }
        return None;
    };
    let members = list.list(out);
    if members.is_empty() {
        out.error(&list.place(), "the list is empty, so no bundle can be taken")
            .expected("at least one file with a public key");
    }
    let mut keys = Vec::new();
    for member in &members {
        let Some(path) = machine.file(member, out) else { continue };
        let read = std::fs::read(&path).map_err(|fault| fault.to_string());
        match read.and_then(|content| public_keys(&content)) {
            Ok(found) => keys.extend(found),
            Err(fault) => {
                out.error(&member.place(), format!("the key in this file cannot be used: {fault}"))
                    .expected("a public key in PEM, a JWK or a JWK Set");
            }
        }
    }
    Trusted::new(keys, name).ok()
}

fn public_keys(content: &[u8]) -> Result<Vec<Jwk>, String> {
    let pem = std::str::from_utf8(content).ok().filter(|text| text.contains("-----BEGIN "));
    let ring = match pem {
        Some(pem) => Jwk::from_pem(pem).map(KeyRing::one),
        None => KeyRing::parse(content),
    };
    let ring = ring.map_err(|fault| fault.to_string())?;
    if let Some(skipped) = ring.skipped().first() {
        return Err(skipped.reason.to_string());
    }
    if ring.keys().is_empty() {
        return Err("there is none in it".to_owned());
    }
    Trusted::new(ring.keys().to_vec(), None)?;
    Ok(ring.keys().to_vec())
}

/// Whether there are policies in a directory that can be taken. A server starts all the same: those in force are
/// in the database.
fn bundle(
    path: &Path,
    value: &Value<'_>,
    (registry, machine): (&Registry, &Machine<'_>),
    out: &mut Findings,
) {
    if machine.purpose != Purpose::Check {
        return;
    }
    let findings = match Files::read(path).and_then(|files| Bundle::of(files, registry)) {
        Ok(bundle) => bundle.warnings().to_vec(),
        Err(refused) => refused.findings,
    };
    for finding in findings {
        let file = path.join(&finding.file);
        let line = if finding.line > 0 { format!(":{}", finding.line) } else { String::new() };
        let problem = if file.exists() {
            format!("{}{line}: {}", file.display(), finding.what)
        } else {
            format!("{}: {}", path.display(), finding.what)
        };
        let said = match finding.level {
            Level::Error => out.error(&value.place(), problem),
            Level::Warning => out.warning(&value.place(), problem),
        };
        said.hint(finding.remedy);
    }
}

fn surroundings(
    table: &mut Section<'_>,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> SurroundingsSettings {
    let zone = table.get("time_zone");
    let offset = table.get("utc_offset");
    if let (Some(_), Some(offset)) = (&zone, &offset) {
        out.error(&offset.place(), "both time_zone and utc_offset are given")
            .hint("keep time_zone: it knows summer time");
    }
    let named = zone.and_then(|value| time_zone(&value, out));
    let fixed = offset.and_then(|value| fixed_zone(&value, out));
    let networks = table.get("networks").map(|value| networks(&value, out)).unwrap_or_default();
    let place = table.get("geoip");
    let geoip = place.as_ref().and_then(|value| machine.file(value, out));
    let time_zone = named.or(fixed).unwrap_or(TimeZone::UTC);
    let settings = SurroundingsSettings { networks, geoip, time_zone };
    if let Some(place) = place
        && settings.geoip.is_some()
        && machine.purpose == Purpose::Check
        && let Err(fault) = Surroundings::new(settings.clone())
    {
        out.error(&place.place(), fault.to_string())
            .expected("a file in the MaxMind format that knows countries");
    }
    settings
}

fn time_zone(value: &Value<'_>, out: &mut Findings) -> Option<TimeZone> {
    let text = value.text(out)?;
    let zone = TimeZone::get(text).ok();
    if zone.is_none() {
        out.error(&value.place(), format!("there is no time zone '{text}'"))
            .expected("such as \"Europe/Berlin\" or \"UTC\"");
    }
    zone
}

/// `+01:00`, the whole year.
fn fixed_zone(value: &Value<'_>, out: &mut Findings) -> Option<TimeZone> {
    let text = value.text(out)?;
    let read = || {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.strip_prefix('+')?),
        };
        let (hours, minutes) = digits.split_once(':')?;
        let two = |digits: &str| {
            let fits = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
            fits.then(|| digits.parse::<i32>().ok()).flatten()
        };
        let (hours, minutes) = (two(hours)?, two(minutes).filter(|minutes| *minutes < 60)?);
        Some(sign * (hours * 60 + minutes))
    };
    let minutes = if text == "Z" { Some(0) } else { read() };
    let minutes = minutes.filter(|minutes| OFFSETS.contains(minutes));
    if minutes.is_none() {
        out.error(&value.place(), format!("'{text}' is no distance from UTC"))
            .expected("such as \"+01:00\" or \"-03:30\"");
    }
    Some(TimeZone::fixed(Offset::from_seconds(minutes? * 60).ok()?))
}

/// Networks by the names that policies know them by.
fn networks(value: &Value<'_>, out: &mut Findings) -> Vec<(String, Vec<IpNet>)> {
    let mut all = Vec::new();
    for (name, value) in value.entries(out) {
        if !is_name(name) {
            out.error(&value.place(), format!("'{name}' cannot be the name of a network"))
                .expected("letters, digits, '.', '_' and '-', at most 64");
        }
        let mut members = Vec::new();
        for member in value.list(out) {
            let Some(text) = member.text(out) else { continue };
            let one = || text.parse::<IpAddr>().map(IpNet::from);
            match text.parse::<IpNet>().or_else(|_| one()) {
                Ok(network) => members.push(network.trunc()),
                Err(_) => {
                    out.error(&member.place(), format!("'{text}' is not a network"))
                        .expected("such as \"10.0.0.0/8\", \"fd00::/8\" or \"192.0.2.7\"");
                }
            }
        }
        all.push((name.to_owned(), members));
    }
    all
}
