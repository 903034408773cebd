//! What is polled for new policies. Whatever cannot be used leaves those in force in place, and is said once.

use super::{Live, SourceStanding};
use crate::config::{Policing, PolicySource};
use portcullis_directory::{Acting, Asked, NewPolicy, Outcome, PolicyPlace};
use portcullis_policy::{
    Bundle, Files, Finding, Level, Refused, Revision,
    source::{Archive, Manifest},
};
use portcullis_types::{Registry, Timestamp};
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Between two looks at a directory.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are looked at, at most: many more than a bundle may have.
const GLANCES: usize = 4096;

/// One source.
pub(super) struct Source {
    place: PolicyPlace,
    kind: Kind,
    /// How its files looked when they were last read.
    glanced: Option<Vec<Glance>>,
    /// What it delivered last, good or bad.
    seen: Option<Revision>,
    /// What was last said of it.
    told: Option<Result<(), String>>,
}

enum Kind {
    Directory(PathBuf),
}

/// What came of a look.
enum Looked {
    /// What was there before.
    AsItWas,
    /// Something new that cannot be used.
    Bad(String),
    /// Something new.
    New(Box<Delivery>),
}

/// A bundle that was delivered and is good.
struct Delivery {
    bundle: Bundle,
    packed: Vec<u8>,
    label: Option<String>,
}

impl Source {
    /// Those that the configuration names, and how often each is looked at.
    pub(super) fn all(policing: &Policing) -> Vec<(Self, Duration)> {
        let source = |place, kind| Self { place, kind, glanced: None, seen: None, told: None };
        let mut all = Vec::new();
        match &policing.source {
            Some(PolicySource::Directory(path)) => {
                all.push((source(PolicyPlace::Force, Kind::Directory(path.clone())), LOOK));
            }
            None => {}
        }
        if let Some(path) = &policing.shadow {
            all.push((source(PolicyPlace::Shadow, Kind::Directory(path.clone())), LOOK));
        }
        all
    }

    /// As people are told of it.
    pub(super) fn origin(&self) -> String {
        match &self.kind {
            Kind::Directory(path) => path.display().to_string(),
        }
    }

    /// Looks, and takes over what is new.
    pub(super) async fn look(&mut self, live: &Live, by: Acting<'_>) {
        let now = by.now;
        let outcome = match self.read(live).await {
            Ok(Looked::AsItWas) => {
                if self.told == Some(Ok(())) {
                    live.0.numbers.answered(now);
                }
                return;
            }
            Ok(Looked::Bad(fault)) => Err(fault),
            Ok(Looked::New(delivery)) => {
                let taken = self.take(live, *delivery, by).await;
                if taken.is_err() {
                    self.forget();
                }
                taken
            }
            Err(fault) => {
                self.forget();
                Err(fault)
            }
        };
        self.tell(live, outcome, now).await;
    }

    /// So that the next look reads everything again.
    fn forget(&mut self) {
        (self.glanced, self.seen) = (None, None);
    }

    async fn read(&mut self, live: &Live) -> Result<Looked, String> {
        let Kind::Directory(dir) = &self.kind;
        let (dir, registry) = (dir.clone(), live.0.registry.clone());
        let (glanced, seen) = (self.glanced.clone(), self.seen);
        let read = tokio::task::spawn_blocking(move || {
            let glance = glance(&dir);
            if glanced.is_some() && glanced == glance {
                return Ok((glance, seen, Looked::AsItWas));
            }
            let files = Files::read(&dir).map_err(|refused| shown(&dir, &refused))?;
            let revision = files.revision();
            if seen == Some(revision) {
                return Ok((glance, seen, Looked::AsItWas));
            }
            let looked = match Delivery::of(files, &registry) {
                Ok(delivery) => Looked::New(Box::new(delivery)),
                Err(refused) => Looked::Bad(shown(&dir, &refused)),
            };
            Ok((glance, Some(revision), looked))
        });
        let read: Result<_, String> = read.await.map_err(|fault| fault.to_string())?;
        let (glance, revision, looked) = read?;
        (self.glanced, self.seen) = (glance, revision);
        Ok(looked)
    }

    async fn take(&self, live: &Live, delivery: Delivery, by: Acting<'_>) -> Result<(), String> {
        if self.place == PolicyPlace::Shadow {
            live.0.engine.set_shadow(Some(delivery.bundle));
            live.count();
            return Ok(());
        }
        let new = NewPolicy {
            revision: delivery.bundle.revision().to_string(),
            packed: delivery.packed,
            label: delivery.label,
            origin: self.origin(),
            asked: Asked::BySource,
        };
        let applied = live.0.policies.apply(by, self.place, new).await;
        if let Outcome::Applied(_) = applied.map_err(|fault| fault.to_string())? {
            live.follow().await;
        }
        Ok(())
    }

    /// Says how it went, if that is news.
    async fn tell(&mut self, live: &Live, outcome: Result<(), String>, now: Timestamp) {
        match outcome {
            Ok(()) => live.0.numbers.answered(now),
            Err(_) => live.0.numbers.failed(),
        }
        if self.told.as_ref() == Some(&outcome) {
            return;
        }
        let origin = self.origin();
        match &outcome {
            Ok(()) if self.told.is_some() => {
                tracing::info!(%origin, "policies are taken from here again");
            }
            Ok(()) => {}
            Err(fault) => {
                tracing::error!(%origin, %fault, "policies cannot be taken from here; those in force stay");
            }
        }
        let fault = outcome.as_ref().err().cloned();
        match self.place {
            PolicyPlace::Force => {
                let standing = SourceStanding { origin: origin.clone(), fault: fault.clone() };
                live.standing().source = Some(standing);
                if let Err(fault) = live.0.policies.note_source(origin, fault, now).await {
                    tracing::warn!(%fault, "cannot note how a source of policies is");
                }
            }
            PolicyPlace::Shadow => live.standing().shadow_fault = fault,
        }
        self.told = Some(outcome);
    }
}

impl Delivery {
    fn of(files: Files, registry: &Registry) -> Result<Self, Refused> {
        let bundle = Bundle::of(files, registry)?;
        let packed = Archive::of(bundle.files(), &Manifest::default()).packed()?;
        Ok(Self { bundle, packed, label: None })
    }
}

/// How one file looks from outside: its path, length, number and time.
type Glance = (PathBuf, u64, u64, Option<SystemTime>);

/// How the files below `dir` look; `None` if they cannot be looked at.
fn glance(dir: &Path) -> Option<Vec<Glance>> {
    let mut all = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).ok()? {
            let path = entry.ok()?.path();
            // Follows links, as reading does.
            let about = std::fs::metadata(&path).ok()?;
            if about.is_dir() && all.len() + folders.len() < GLANCES {
                folders.push(path);
            } else if about.is_file() && all.len() < GLANCES {
                all.push((path, about.len(), about.ino(), about.modified().ok()));
            }
        }
    }
    all.sort_unstable();
    Some(all)
}

/// What is wrong, with files as they are found from here.
fn shown(dir: &Path, refused: &Refused) -> String {
    let one = |finding: &Finding| {
        let file = dir.join(&finding.file);
        let place = if file.exists() { &file } else { dir };
        let line = if finding.line > 0 { format!(":{}", finding.line) } else { String::new() };
        format!("{}{line}: {}", place.display(), finding.what)
    };
    let errors = refused.findings.iter().filter(|finding| finding.level == Level::Error);
    errors.map(one).collect::<Vec<_>>().join("; ")
}
