//! Token exchange (RFC 8693): a provider's token in, one of ours out, ES256; grant and record on disk before the answer.

use super::{
    Bench, free_port,
    keys::{self, AUDIENCE, ISSUER},
    load::{self, Load},
    report::Section,
    server::{self, Server},
};
use crate::trouble::{Outcome, Trouble};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ffi::OsStr, path::PathBuf};
use xshell::cmd;

/// What the provider signs with, and how many a second are wanted.
const ROWS: [(&str, f64); 2] = [("RS256", 8_000.0), ("ES256", 6_000.0)];

/// An issuer with one tenant and its client.
struct Partner {
    server: Server,
    port: u16,
    /// For the header `Authorization`.
    basic: String,
}

impl Partner {
    fn start(bench: &Bench<'_>, name: &str, (policy, keys): (&str, &[Value])) -> Outcome<Self> {
        let (sh, portcullis) = (&bench.house.sh, &bench.portcullis);
        let (port, admin) = (free_port()?, free_port()?);
        let inline: Vec<String> = keys.iter().map(inline_table).collect();
        let values = BTreeMap::from([
            ("port", port.to_string()),
            ("admin", admin.to_string()),
            ("audience", AUDIENCE.to_owned()),
            ("issuer", ISSUER.to_owned()),
            ("policy", policy.to_owned()),
            ("keys", format!("{{ keys = [{}] }}", inline.join(", "))),
        ]);
        let config = bench.configure("partners.toml", name, &values)?;
        let tenant = bench.fill("tenant.toml", &format!("{name}/t123.toml"), &values)?;
        cmd!(sh, "{portcullis} tenant apply {tenant} --config {config}")
            .quiet()
            .ignore_stderr()
            .run()?;
        let added = cmd!(
            sh,
            "{portcullis} client add partner --tenant t123 --api bench --scope generate:basic --grant-type token_exchange --json --config {config}"
        );
        let added: Value = serde_json::from_str(&added.quiet().ignore_stderr().read()?)?;
        let member = |name: &str| added.get(name).and_then(Value::as_str).unwrap_or_default();
        let credentials = format!("{}:{}", member("client_id"), member("client_secret"));
        let basic = keys::base64(credentials.as_bytes()).lines().collect();
        let [serve, file] = ["serve", "--config"].map(OsStr::new);
        let command = [portcullis.as_os_str(), serve, file, config.as_os_str()];
        let server = Server::start(bench, name, &command, port)?;
        Ok(Self { server, port, basic })
    }

    /// A file with a request for each token, after one that was answered well.
    fn requests(&self, bench: &Bench<'_>, alg: &str, tokens: &[String]) -> Outcome<PathBuf> {
        let requests: Vec<String> = tokens.iter().map(|token| self.request(token)).collect();
        let status = requests.first().map_or(0, |request| server::status(self.port, request));
        if status != 200 {
            return Err(Trouble::new(format!("an exchange of {alg} is answered with {status}")));
        }
        keys::file(bench, &format!("exchange-{alg}-{}", self.port), &requests)
    }

    fn request(&self, token: &str) -> String {
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
        );
        let (length, basic) = (body.len(), &self.basic);
        format!(
            "POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }
}

/// With the shipped policies and without, for each algorithm of the provider.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<Section> {
    let mut section = Section::new(
        "token_exchange",
        "Token exchange: a provider's token for one of ES256, SQLite synchronous=FULL, 64 connections, one core",
        &[
            "subject token",
            "policy",
            "exchanges/s",
            "goal",
            "CPU µs each",
            "core used",
            "p50 ms",
            "p99 ms",
            "MiB",
        ],
    );
    let publics: Outcome<Vec<Value>> =
        ROWS.iter().map(|(alg, _)| keys::generate(bench, alg)).collect();
    let publics = publics?;
    let policies = bench.house.root.join("policies");
    let asked = format!("[policy]\ndirectory = \"{}\"", policies.display());
    let partners = [
        ("shipped", Partner::start(bench, "partner-ruled", (&asked, &publics))?),
        ("none", Partner::start(bench, "partner", ("", &publics))?),
    ];
    for (alg, goal) in ROWS {
        let tokens = keys::tokens(bench, alg, keys::Holders::Clients)?;
        for (policy, partner) in &partners {
            let file = partner.requests(bench, alg, &tokens)?;
            let mut loads = Vec::new();
            for round in 0..=bench.rounds {
                let seconds = if round == 0 { 1 } else { bench.seconds };
                let one = load::run(bench, &partner.server, (partner.port, &file), seconds)?;
                loads.extend((round > 0).then_some(one));
            }
            row(&mut section, (alg, *policy, &partner.server), &loads, goal);
        }
    }
    section.note(format!(
        "Medians of {} rounds of {} s; 1,000 tokens of 100 subjects, in turns. The goals are for the rows with \
         policies: one signature check, one decision, one signature, one insert.",
        bench.rounds, bench.seconds
    ));
    Ok(section)
}

fn row(
    section: &mut Section,
    (alg, policy, server): (&str, &str, &Server),
    loads: &[Load],
    goal: f64,
) {
    let median = |of: fn(&Load) -> f64| load::median(loads.iter().map(of));
    let (per_second, cpu, busy) =
        (median(|l| l.per_second), median(|l| l.cpu_micros), median(|l| l.busy));
    let (p50, p99) = (median(|l| l.p50_ms), median(|l| l.p99_ms));
    let said = if per_second >= goal { "reached" } else { "MISSED" };
    let cells = vec![
        alg.to_owned(),
        policy.to_owned(),
        format!("{per_second:.0}"),
        format!("≥ {goal:.0} {said}"),
        format!("{cpu:.1}"),
        format!("{:.0} %", busy * 100.0),
        format!("{p50:.2}"),
        format!("{p99:.2}"),
        format!("{:.0}", server.memory_mib()),
    ];
    let json = json!({
        "subject_token": alg, "policy": policy, "exchanges_per_second": per_second, "cpu_micros": cpu,
        "busy": busy, "p50_ms": p50, "p99_ms": p99, "memory_mib": server.memory_mib(), "goal": goal,
    });
    section.row(cells, json);
}

/// A JWK as an inline table of TOML.
fn inline_table(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let members: Vec<_> = members.map(|(name, value)| format!("\"{name}\" = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}
