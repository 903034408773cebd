//! `[policy.opa.POINT]`: an Open Policy Agent that is asked at that point instead of the engine here.

use super::{
    files::Machine,
    findings::Findings,
    read::{Section, Value},
    settings::Elsewhere,
};
use portcullis_policy::{Opa, OpaAddress, OpaSettings, Point};
use portcullis_types::Ttl;

/// A decision may take this long: somebody waits for it.
const TIME_OUT: std::ops::RangeInclusive<Ttl> = Ttl::from_millis(1)..=Ttl::seconds(5);
/// How long a server that fails is left alone.
const REST: std::ops::RangeInclusive<Ttl> = Ttl::from_millis(100)..=Ttl::seconds(600);

/// All of them. `asked` is where policies have a say at all.
pub(super) fn opa(
    policy: &mut Section<'_>,
    asked: &[Point],
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Vec<Elsewhere> {
    let Some(mut table) = policy.get("opa").and_then(|value| value.section(out)) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for point in Point::ALL {
        let Some(value) = table.get(point.name()) else { continue };
        if !asked.contains(&point) {
            out.error(&value.place(), format!("no policy is asked at '{point}'"))
                .hint(format!("name \"{point}\" among the points of [policy], or leave this out"));
        }
        all.extend(one(point, &value, machine, out));
    }
    table.finish(out);
    all
}

fn one(
    point: Point,
    value: &Value<'_>,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<Elsewhere> {
    let mut table = value.section(out)?;
    let url = table.need("url", "\"unix:///run/opa.sock\"", out);
    let address = url.and_then(|url| url.parse::<OpaAddress>(out));
    let path = table.get("path").and_then(|path| path.text(out).map(str::to_owned));
    let time_out = table.get("time_out").and_then(|time| time.ttl(TIME_OUT, out));
    let token = table.get("token").and_then(|token| machine.secret(&token, out));
    let in_flight = table.get("in_flight").and_then(|most| most.number(1..=10_000, out));
    let failures = table.get("failures").and_then(|most| most.number(1..=1000, out));
    let rest = table.get("rest").and_then(|rest| rest.ttl(REST, out));
    table.finish(out);

    let mut settings = OpaSettings { path, ..OpaSettings::at(address?) };
    settings.time_out = time_out.unwrap_or(settings.time_out);
    settings.in_flight = in_flight.unwrap_or(settings.in_flight);
    settings.breaker.rest = rest.unwrap_or(settings.breaker.rest);
    if let Some(failures) = failures {
        settings.breaker.failures = u32::try_from(failures).unwrap_or(u32::MAX);
    }
    // All but the token is known now, so that what is wrong is said before a start.
    if let Err(fault) = Opa::new(point, settings.clone()) {
        out.error(&value.place(), fault.to_string());
        return None;
    }
    Some(Elsewhere { point, settings, token })
}
