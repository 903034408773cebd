//! `[policy]`: which rules in Rego are asked, where they come from, and what they are told of the world.

use super::{
    admission::several,
    files::{Machine, Purpose},
    findings::Findings,
    opa,
    people::is_name,
    read::{Section, Value},
    settings::{Policing, PolicySource},
};
use ipnet::IpNet;
use jiff::tz::{Offset, TimeZone};
use portcullis_policy::{Bundle, Files, Level, Point, Surroundings, SurroundingsSettings};
use portcullis_types::Registry;
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
    let source = table.get("directory").and_then(|value| {
        let path = machine.path(&value, out)?;
        bundle(&path, &value, (registry, machine), out);
        Some(PolicySource::Directory(path))
    });
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
    Some(Policing { source, points, elsewhere, shadow, surroundings })
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
