//! Ten thousand people with a million grants: copies of rows that the issuer itself wrote, under other names.

use super::site::Site;
use crate::{
    bench::Bench,
    trouble::{Outcome, Trouble},
};
use std::path::Path;
use xshell::cmd;

/// `S(count)` is a series of numbers `i`, `T(table)` a row that the issuer wrote. `N(prefix, i)` is an id of many
/// days ago, as a grant's may be; `R(prefix, i)` one of this day, as of what is forgotten after a day or a week.
/// Both sort before all that is made later, as they would.
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
     t.bound, t.created, t.last_used, t.expires, randomblob(32), t.number, randomblob(32), upper(R('', i)) \
     FROM S(1000000), T(app_grant)",
    "INSERT INTO issued_token (jti, client_id, resource, scope, issued, expires) \
     SELECT upper(R('', i)), t.client_id, t.resource, t.scope, t.issued, t.expires \
     FROM S(1000000), T(issued_token)",
    "INSERT INTO authorization_code (id, secret, content, expires, used) \
     SELECT R('pac_', i), randomblob(32), t.content, t.expires, t.used FROM S(100000), T(authorization_code)",
];

/// Fills the database of a site, which has had one round at least.
pub(super) fn gather(bench: &Bench<'_>, site: Site) -> Outcome<Site> {
    site.pause(bench, |bench, file| {
        let times = Times::now(bench)?;
        let script = SQL.map(|sql| format!("{};\n", written(sql, &times))).concat();
        let script = format!("PRAGMA foreign_keys = ON;\nBEGIN IMMEDIATE;\n{script}COMMIT;\n");
        Ok(fill(bench, file, &script)?)
    })
}

fn fill(bench: &Bench<'_>, file: &Path, script: &str) -> Result<(), xshell::Error> {
    cmd!(bench.house.sh, "sqlite3 -bail {file}").stdin(script).quiet().ignore_stdout().run()
}

/// Times as the first digits of a ULID.
struct Times {
    /// Four of them; the six that follow count about twelve days.
    days_ago: String,
    /// Five of them; the five that follow count about nine hours.
    hours_ago: String,
}

/// The short words, written out.
fn written(sql: &str, times: &Times) -> String {
    let mut out = sql.to_owned();
    // The same number is the same id everywhere.
    for (mark, time, digits, part) in
        [("N('", &times.days_ago, 6, 1), ("R('", &times.hours_ago, 5, 10)]
    {
        while let Some((before, rest)) = out.split_once(mark) {
            let (prefix, rest) = rest.split_once("', ").unwrap_or((rest, ""));
            let (number, after) = rest.split_once(')').unwrap_or((rest, ""));
            out = format!(
                "{before}printf('{prefix}{time}%0{digits}d%016d', ({number}) / {part}, ({number}) * 7919 % 999983){after}"
            );
        }
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

impl Times {
    fn now(bench: &Bench<'_>) -> Outcome<Self> {
        let now = cmd!(bench.house.sh, "date +%s").quiet().read()?;
        let now: u64 = now.parse().map_err(Trouble::new)?;
        Ok(Self::at(now))
    }

    fn at(seconds: u64) -> Self {
        let ago = |hours: u64| seconds.saturating_sub(hours * 3600) * 1000;
        Self { days_ago: digits(ago(13 * 24) >> 30, 4), hours_ago: digits(ago(12) >> 25, 5) }
    }
}

/// In Crockford's base 32, as ids have it.
fn digits(number: u64, count: u32) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digit = |at: u32| {
        let index = usize::try_from(number >> (5 * at) & 31).unwrap_or(0);
        DIGITS.get(index).copied().map_or('0', char::from)
    };
    (0..count).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::{SQL, Times, written};

    #[test]
    fn short_words_are_written_out() {
        let times = Times { days_ago: "01m7".to_owned(), hours_ago: "01m8a".to_owned() };
        let sql = written("SELECT N('usr_', i % 9), R('', i), t.x FROM S(10), T(client)", &times);
        assert_eq!(
            sql,
            "SELECT printf('usr_01m7%06d%016d', (i % 9) / 1, (i % 9) * 7919 % 999983), \
             printf('01m8a%05d%016d', (i) / 10, (i) * 7919 % 999983), t.x FROM \
             (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 10 - 1) \
             SELECT i FROM n), (SELECT * FROM client ORDER BY 1 DESC LIMIT 1) t"
        );
        let left = |sql: &&str| {
            ["N('", "R('", "S(", "T("].iter().any(|mark| written(sql, &times).contains(mark))
        };
        assert_eq!(SQL.iter().find(|sql| left(sql)), None);
        let then = Times::at(1_790_000_000);
        assert_eq!((then.days_ago.as_str(), then.hours_ago.as_str()), ("01m2", "01m30"));
    }
}
