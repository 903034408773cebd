//! What the load asks, and how long each answer takes.

use super::site::{App, Site};
use crate::{
    bench::{http::Connection, postgres::Postgres},
    trouble::{Outcome, Trouble},
};
use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 64;

/// What is asked, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Code and PKCE, ID tokens of ES256.
    Round,
    /// The same with ID tokens of RS256.
    RoundRs256,
    /// Without rotation, by an app that proves itself.
    Refresh,
    /// With rotation, by a public one.
    Rotate,
    Introspect,
    ClientCredentials,
}

const AUTHORIZE: &str = "authorize";
const CODE: &str = "code";

impl Work {
    pub(super) const OF_PEOPLE: [Self; 5] =
        [Self::Round, Self::RoundRs256, Self::Refresh, Self::Rotate, Self::Introspect];
    pub(super) const IN_A_CROWD: [Self; 4] =
        [Self::Round, Self::Refresh, Self::Introspect, Self::ClientCredentials];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Round => "round, ID token ES256",
            Self::RoundRs256 => "round, ID token RS256",
            Self::Refresh => "refresh",
            Self::Rotate => "refresh, rotating",
            Self::Introspect => "introspection",
            Self::ClientCredentials => "client_credentials",
        }
    }

    pub(super) const fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Round | Self::RoundRs256 => &[AUTHORIZE, CODE],
            _ => &["answer"],
        }
    }

    pub(super) const fn has_goal(self) -> bool {
        matches!(self, Self::Round)
    }
}

/// What one run showed.
pub(super) struct Run {
    pub(super) per_second: f64,
    /// Processor time of the issuer for each turn, in microseconds.
    pub(super) cpu: f64,
    /// The same of PostgreSQL.
    pub(super) beside: f64,
    /// How much of its core the issuer used, from 0 to 1.
    pub(super) busy: f64,
    times: Times,
}

/// Milliseconds of each step, sorted.
type Times = BTreeMap<&'static str, Vec<f64>>;

impl Run {
    /// That part of all answers came sooner, in milliseconds.
    pub(super) fn percentile(&self, step: &str, part: f64) -> f64 {
        let times = self.times.get(step).map_or(&[][..], Vec::as_slice);
        let at = float(times.len().saturating_sub(1)) * part;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the length"
        )]
        let at = at.round() as usize;
        times.get(at).copied().unwrap_or(f64::NAN)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

/// Everybody does `work` for so many seconds. An answer that is not a success ends it.
pub(super) fn run(
    (site, postgres): (&Site, Option<&Postgres>),
    work: Work,
    seconds: u32,
) -> Outcome<Run> {
    let used = || {
        let micros = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64() * 1e6;
        (micros(site.server.cpu_nanos()), micros(postgres.map_or(0, Postgres::cpu_nanos)))
    };
    let (before, started) = (used(), Instant::now());
    let until = started + Duration::from_secs(seconds.into());
    let done = thread::scope(|scope| {
        let load = |number| scope.spawn(move || Caller::new(site, number)?.work(work, until));
        let callers: Vec<_> = (0..CONNECTIONS).map(load).collect();
        let joined = |caller: thread::ScopedJoinHandle<'_, Outcome<(usize, Times)>>| {
            caller.join().unwrap_or_else(|_| Err(Trouble::new("the load panicked")))
        };
        callers.into_iter().map(joined).collect::<Outcome<Vec<_>>>()
    })?;
    let (took, after) = (started.elapsed().as_secs_f64(), used());
    let turns = float(done.iter().map(|(turns, _)| turns).sum());
    let mut times = Times::new();
    for (step, taken) in done.into_iter().flat_map(|(_, times)| times) {
        times.entry(step).or_default().extend(taken);
    }
    for taken in times.values_mut() {
        taken.sort_by(f64::total_cmp);
    }
    Ok(Run {
        per_second: turns / took,
        cpu: (after.0 - before.0) / turns,
        beside: (after.1 - before.1) / turns,
        busy: (after.0 - before.0) / took / 1e6,
        times,
    })
}

/// One connection with one browser and one app behind it.
struct Caller<'s> {
    site: &'s Site,
    number: usize,
    connection: Connection,
    times: Times,
    /// The refresh token that lives, where it changes.
    rotating: Option<String>,
}

impl<'s> Caller<'s> {
    fn new(site: &'s Site, number: usize) -> Outcome<Self> {
        let connection = Connection::open(site.port)?;
        Ok(Self { site, number, connection, times: Times::new(), rotating: None })
    }

    fn work(mut self, work: Work, until: Instant) -> Outcome<(usize, Times)> {
        let mut turns = 0;
        if work == Work::Rotate {
            self.rotating = Some(
                self.site.tokens(&mut self.connection, &self.site.public, self.number)?.refresh,
            );
        }
        while Instant::now() < until {
            self.turn(work)?;
            turns += 1;
        }
        Ok((turns, self.times))
    }

    fn turn(&mut self, work: Work) -> Outcome {
        let site = self.site;
        let token = site.token(self.number);
        match work {
            Work::Round => self.round(&site.app),
            Work::RoundRs256 => self.round(&site.app_rs256),
            Work::Refresh => {
                let form = format!("grant_type=refresh_token&refresh_token={}", token.refresh);
                self.answer(&site.post("/token", &site.app.header, &form)).map(drop)
            }
            Work::Rotate => {
                let old = self.rotating.take().unwrap_or_default();
                let id = &site.public.id;
                let form = format!("grant_type=refresh_token&refresh_token={old}&client_id={id}");
                self.rotating =
                    Some(self.answer(&site.post("/token", "", &form))?.member("refresh_token")?);
                Ok(())
            }
            Work::Introspect => {
                let form = format!("token={}", token.access);
                let answer = self.answer(&site.post("/introspect", &site.app.header, &form))?;
                let active = answer.text().contains("\"active\":true");
                if active { Ok(()) } else { Err(Trouble::new(answer.text())) }
            }
            Work::ClientCredentials => {
                let form = "grant_type=client_credentials&scope=generate%3Abasic";
                self.answer(&site.post("/token", &site.service.header, form)).map(drop)
            }
        }
    }

    fn round(&mut self, app: &App) -> Outcome {
        let started = Instant::now();
        let code = self.site.code(&mut self.connection, app, self.number)?;
        self.took(AUTHORIZE, started);
        let started = Instant::now();
        let answer = self.site.redeem(&mut self.connection, app, &code)?;
        self.took(CODE, started);
        if answer.text().contains("id_token") { Ok(()) } else { Err(Trouble::new(answer.text())) }
    }

    fn answer(&mut self, request: &str) -> Outcome<crate::bench::http::Answer> {
        let started = Instant::now();
        let answer = self.connection.ask(request)?;
        self.took("answer", started);
        if answer.status == 200 {
            Ok(answer)
        } else {
            Err(Trouble::new(format!("{}: {}", answer.status, answer.text())))
        }
    }

    fn took(&mut self, step: &'static str, started: Instant) {
        self.times.entry(step).or_default().push(started.elapsed().as_secs_f64() * 1e3);
    }
}
