//! Ten thousand people with a million grants: copies of rows that the issuer itself wrote, under other names.

use super::site::Site;
use crate::{
    bench::Bench,
    trouble::{Outcome, Trouble},
};
use std::{
    path::Path,
    time::{Duration, SystemTime},
};
use xshell::cmd;

/// For each of a series of numbers `i`, `Y` being a time of some days ago as ULIDs have it: ids sort before all
/// that is made later, as they would. `S` is what makes an id unlike others of its time.
const SQL: [&str; 7] = [
    "INSERT INTO person (id, login, profile, roles, email, tenant, external_id, version, created, updated) \
     SELECT N('usr_', i), 'crowd-' || i || '@example.com', t.profile, t.roles, \
     'crowd-' || i || '@example.com', t.tenant, NULL, 1, t.created, t.updated FROM S(10000), T(person)",
    "INSERT INTO person_password (person, hash, changed) \
     SELECT N('usr_', i), t.hash, t.changed FROM S(10000), T(person_password)",
    "INSERT INTO session (id, secret, person, authentication, device, remote, started, seen, expires) \
     SELECT N('ses_', i), randomblob(32), N('usr_', i % 10000), t.authentication, t.device, t.remote, \
     t.started, t.seen, t.expires FROM S(100000), T(session)",
    "INSERT INTO consent (person, client_id, resource, identity, scope, given) \
     SELECT N('usr_', i), t.client_id, t.resource, t.identity, t.scope, t.given FROM S(10000), T(consent)",
    "INSERT INTO app_grant (id, client_id, person, session, content, bound, created, last_used, expires, family, \
     number, secret, jti) \
     SELECT N('grt_', i), t.client_id, N('usr_', i % 10000), N('ses_', i % 100000), \
     replace(replace(t.content, t.person, N('usr_', i % 10000)), t.session, N('ses_', i % 100000)), \
     t.bound, t.created, t.last_used, t.expires, randomblob(32), t.number, randomblob(32), upper(N('', i)) \
     FROM S(1000000), T(app_grant)",
    "INSERT INTO issued_token (jti, client_id, resource, scope, issued, expires) \
     SELECT upper(N('', i)), t.client_id, t.resource, t.scope, t.issued, t.expires \
     FROM S(1000000), T(issued_token)",
    "INSERT INTO authorization_code (id, secret, content, expires, used) \
     SELECT N('pac_', i), randomblob(32), t.content, t.expires, t.used FROM S(100000), T(authorization_code)",
];

/// Fills the database of a site, which has had one round at least.
pub(super) fn gather(bench: &Bench<'_>, site: Site) -> Outcome<Site> {
    site.pause(bench, |bench, file| {
        let time = some_days_ago()?;
        let script = SQL.map(|sql| format!("{};\n", written(sql, &time))).concat();
        let script = format!("PRAGMA foreign_keys = ON;\nBEGIN IMMEDIATE;\n{script}COMMIT;\n");
        Ok(fill(bench, file, &script)?)
    })
}

fn fill(bench: &Bench<'_>, file: &Path, script: &str) -> Result<(), xshell::Error> {
    cmd!(bench.house.sh, "sqlite3 -bail {file}").stdin(script).quiet().ignore_stdout().run()
}

/// The short words, written out.
fn written(sql: &str, time: &str) -> String {
    let mut out = sql.to_owned();
    // `N(prefix, i)`: the id of that number. Digits only, so that the same number is the same id everywhere.
    while let Some((before, rest)) = out.split_once("N('") {
        let (prefix, rest) = rest.split_once("', ").unwrap_or((rest, ""));
        let (number, after) = rest.split_once(')').unwrap_or((rest, ""));
        out = format!(
            "{before}printf('{prefix}{time}%06d%016d', {number}, ({number}) * 7919 % 999983){after}"
        );
    }
    for (mark, end) in [("S(", ")"), ("T(", ")")] {
        while let Some((before, rest)) = out.split_once(mark) {
            let (word, after) = rest.split_once(end).unwrap_or((rest, ""));
            let source = if mark == "S(" {
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {word} - 1) \
                     SELECT i FROM n)"
                )
            } else {
                format!("(SELECT * FROM {word} ORDER BY 1 DESC LIMIT 1) t")
            };
            out = format!("{before}{source}{after}");
        }
    }
    out
}

/// The first four digits of a ULID's time, 13 days ago; the six that follow count about twelve days.
fn some_days_ago() -> Outcome<String> {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(Trouble::new)?;
    let then = now.saturating_sub(Duration::from_secs(13 * 24 * 3600)).as_millis() >> 30;
    let digit = |at: u32| {
        let index = usize::try_from(then >> (5 * at) & 31).unwrap_or(0);
        DIGITS.get(index).copied().map_or('0', char::from)
    };
    Ok((0..4).rev().map(digit).collect())
}
