//! The policies that decide here: those in force in the database, taken over whenever they change, and what is
//! polled to bring new ones there.

mod follow;
mod metrics;
mod source;

use metrics::Numbers;

use super::jobs::told;
use crate::{
    cli::{House, Stop, secret},
    clock::{self, Chance},
    config::Policing,
};
use portcullis_directory::{Acting, AppliedPolicy, Policies};
use portcullis_policy::{Bundle, Engine, Judge, Opa, OpaSettings, Point, Surroundings};
use portcullis_types::Registry;
use serde_json::{Value, json};
use source::Source;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// The policies of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    judge: Judge,
    policies: Policies,
    registry: Registry,
    /// Whether the configuration says what decides in shadow; then the database does not.
    shadow_is_fixed: bool,
    standing: Mutex<Standing>,
    /// Held while a bundle is taken over, so that an older one never replaces a newer one.
    following: tokio::sync::Mutex<()>,
    numbers: Numbers,
}

/// What is known of how the policies are.
#[derive(Default)]
struct Standing {
    /// What was put into force last, whether it can be used or not.
    force: Option<AppliedPolicy>,
    shadow: Option<AppliedPolicy>,
    /// Why what was put there does not decide.
    fault: Option<String>,
    shadow_fault: Option<String>,
    source: Option<SourceStanding>,
    /// Whether the last look at the database could not read everything.
    behind: bool,
}

struct SourceStanding {
    origin: String,
    fault: Option<String>,
}

impl Live {
    /// Opens the policies, if any are to be asked: those in force, and before that whatever the source has. Where
    /// there are none that can be used, everything is denied until there are.
    pub(crate) async fn open(
        house: &House,
        metrics: &mut prometheus_client::registry::Registry,
    ) -> Result<Option<(Self, Vec<Poll>)>, Stop> {
        let Some(policing) = &house.config.policy else { return Ok(None) };
        let engine = Arc::new(Engine::new(Bundle::none()));
        let surroundings = Surroundings::new(policing.surroundings.clone());
        let surroundings = surroundings.map_err(Stop::cannot_run)?;
        let live = Self(Arc::new(Inner {
            judge: Judge::with_opa(
                engine.clone(),
                policing.points.clone(),
                surroundings,
                elsewhere(policing)?,
            ),
            engine,
            policies: house.policies(),
            registry: house.config.registry.clone(),
            shadow_is_fixed: policing.shadow.is_some(),
            standing: Mutex::default(),
            following: tokio::sync::Mutex::default(),
            numbers: Numbers::default(),
        }));
        live.0.numbers.register(metrics);
        let mut polls = Poll::all(&live, policing)?;
        for poll in &mut polls {
            poll.turn().await;
        }
        live.follow().await;
        let standing = live.standing();
        match (&standing.force, &standing.fault) {
            (None, _) if live.is_elsewhere() => {}
            (None, _) => tracing::warn!(
                "no policies are in force, so all that they are asked is denied: portcullis policy apply DIR"
            ),
            (Some(applied), None) => {
                tracing::info!(
                    revision = applied.revision,
                    by = applied.by,
                    "policies are in force"
                );
            }
            (Some(_), Some(_)) => {}
        }
        drop(standing);
        Ok(Some((live, polls)))
    }

    /// Who is asked.
    pub(crate) fn judge(&self) -> Judge {
        self.0.judge.clone()
    }

    /// Where they are kept.
    pub(super) fn store(&self) -> &Policies {
        &self.0.policies
    }

    /// For `/healthz`.
    pub(super) fn health(&self) -> Value {
        let standing = self.standing();
        let decides = self.0.engine.current().revision();
        let source = standing.source.as_ref();
        json!({
            "revision": standing.force.as_ref().map(|_| decides.to_string()),
            "since": standing.force.as_ref().map(|applied| applied.at.to_string()),
            "problem": standing.fault,
            "shadow": self.0.engine.shadow().map(|shadow| shadow.revision().to_string()),
            "shadow_problem": standing.shadow_fault,
            "source": source.map(|it| json!({ "from": it.origin, "problem": it.fault })),
            "opa": self.servers(),
        })
    }

    /// The policy servers that are asked instead of the engine here, and whether they answer.
    fn servers(&self) -> Option<Value> {
        let all = Point::ALL.into_iter().filter_map(|point| self.0.judge.opa(point));
        let all: serde_json::Map<_, _> = all
            .map(|opa| {
                let problem = opa.is_resting().then_some("it failed several times in a row");
                let told = json!({ "address": opa.address().to_string(), "problem": problem });
                (opa.point().name().to_owned(), told)
            })
            .collect();
        (!all.is_empty()).then_some(Value::Object(all))
    }

    /// Whether the engine here is asked nowhere.
    fn is_elsewhere(&self) -> bool {
        let judge = &self.0.judge;
        Point::ALL.into_iter().all(|point| !judge.is_asked(point) || judge.opa(point).is_some())
    }

    /// Whether all is as it was meant: policies are in force, and what was last delivered could be used.
    pub(super) fn is_well(&self) -> bool {
        let standing = self.standing();
        let source = standing.source.as_ref().and_then(|source| source.fault.as_ref());
        let judge = &self.0.judge;
        let resting = |point| judge.opa(point).is_some_and(Opa::is_resting);
        (standing.force.is_some() || self.is_elsewhere())
            && !Point::ALL.into_iter().any(resting)
            && standing.fault.is_none()
            && standing.shadow_fault.is_none()
            && source.is_none()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn elsewhere(policing: &Policing) -> Result<Vec<Opa>, Stop> {
    let all = policing.elsewhere.iter().map(|elsewhere| {
        let token = elsewhere.token.as_ref().map(secret).transpose()?;
        let settings = OpaSettings { token, ..elsewhere.settings.clone() };
        Opa::new(elsewhere.point, settings).map_err(Stop::cannot_run)
    });
    all.collect()
}

/// A source that is looked at again and again.
pub(crate) struct Poll {
    live: Live,
    source: Source,
    every: Duration,
}

impl Poll {
    fn all(live: &Live, policing: &Policing) -> Result<Vec<Self>, Stop> {
        let all = Source::all(policing)?.into_iter();
        Ok(all.map(|(source, every)| Self { live: live.clone(), source, every }).collect())
    }

    /// Looks until the stop.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut tick = interval(self.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first look was before the start.
        tick.tick().await;
        loop {
            tokio::select! {
                () = told(&mut stopped) => return,
                _ = tick.tick() => self.turn().await,
            }
        }
    }

    async fn turn(&mut self) {
        let mut chance = Chance;
        let actor = format!("policy source {}", self.source.origin());
        let by = Acting { actor: &actor, now: clock::now(), entropy: &mut chance };
        self.source.look(&self.live, by).await;
    }
}
