//! What is polled for new policies. Whatever cannot be used leaves those in force in place, and is said once.

use super::{Live, SourceStanding};
use crate::{
    cli::{Stop, secret},
    config::{Policing, PolicySource, RemotePolicies},
};
use portcullis_directory::{Acting, Asked, NewPolicy, Outcome, PolicyPlace};
use portcullis_policy::{
    Bundle, Files, Finding, Level, Refused, Revision,
    source::{Delivery, Fetched, Place, Remote, Trusted},
};
use portcullis_types::Timestamp;
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, is_loopback};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::ExposeSecret;
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use url::Url;

/// Between two looks at a directory.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are looked at, at most: many more than a bundle may have.
const GLANCES: usize = 4096;

/// One source.
pub(super) struct Source {
    place: PolicyPlace,
    kind: Kind,
    trusted: Option<Trusted>,
    /// What was last said of it.
    told: Option<Result<(), String>>,
}

enum Kind {
    Directory(Directory),
    Remote(Remote, String),
}

struct Directory {
    path: PathBuf,
    /// How its files looked when they were last read.
    glanced: Option<Vec<Glance>>,
    /// What it had last, good or bad.
    seen: Option<Revision>,
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

impl Source {
    /// Those that the configuration names, and how often each is looked at.
    pub(super) fn all(policing: &Policing) -> Result<Vec<(Self, Duration)>, Stop> {
        let directory = |place, path: &PathBuf| {
            let directory = Directory { path: path.clone(), glanced: None, seen: None };
            let kind = Kind::Directory(directory);
            (Self { place, kind, trusted: None, told: None }, LOOK)
        };
        let mut all = Vec::new();
        match &policing.source {
            Some(PolicySource::Directory(path)) => all.push(directory(PolicyPlace::Force, path)),
            Some(PolicySource::Remote(settings)) => {
                let (remote, origin) = remote(settings)?;
                let kind = Kind::Remote(remote, origin);
                let trusted = policing.trusted.clone();
                let source = Self { place: PolicyPlace::Force, kind, trusted, told: None };
                all.push((source, settings.poll.duration()));
            }
            None => {}
        }
        if let Some(path) = &policing.shadow {
            all.push(directory(PolicyPlace::Shadow, path));
        }
        Ok(all)
    }

    /// As people are told of it.
    pub(super) fn origin(&self) -> String {
        match &self.kind {
            Kind::Directory(directory) => directory.path.display().to_string(),
            Kind::Remote(_, origin) => origin.clone(),
        }
    }

    /// Looks, and takes over what is new.
    pub(super) async fn look(&mut self, live: &Live, by: Acting<'_>) {
        let now = by.now;
        let looked = match &mut self.kind {
            Kind::Directory(directory) => directory.look(live).await,
            Kind::Remote(remote, _) => look_at(remote, self.trusted.as_ref(), live).await,
        };
        let outcome = match looked {
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

    /// So that the next look takes everything for new.
    fn forget(&mut self) {
        match &mut self.kind {
            Kind::Directory(directory) => (directory.glanced, directory.seen) = (None, None),
            Kind::Remote(remote, _) => remote.forget(),
        }
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
            asked: if self.trusted.is_some() { Asked::BySigner } else { Asked::BySource },
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

impl Directory {
    async fn look(&mut self, live: &Live) -> Result<Looked, String> {
        let (dir, registry) = (self.path.clone(), live.0.registry.clone());
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
            let looked = match Bundle::of(files, &registry).and_then(Delivery::of) {
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
}

/// Asks a server. One that has the same as before is as it was.
async fn look_at(
    remote: &mut Remote,
    trusted: Option<&Trusted>,
    live: &Live,
) -> Result<Looked, String> {
    let Fetched::New(packed) = remote.fetch().await? else { return Ok(Looked::AsItWas) };
    let (registry, trusted) = (live.0.registry.clone(), trusted.cloned());
    let open = move || Delivery::open(packed, trusted.as_ref(), &registry);
    let opened = tokio::task::spawn_blocking(open).await.map_err(|fault| fault.to_string())?;
    Ok(match opened {
        Ok(delivery) => Looked::New(Box::new(delivery)),
        Err(refused) => {
            remote.refused();
            Looked::Bad(said(&refused))
        }
    })
}

fn remote(settings: &RemotePolicies) -> Result<(Remote, String), Stop> {
    let (base, origin) = match &settings.place {
        Place::Url(url) => (Some(url.clone()), url.to_string()),
        Place::Registry(reference) => (reference.base(), reference.to_string()),
    };
    // The operator named it: it may be anywhere.
    let named = base.iter().map(Url::origin).collect();
    // A registry on this machine may keep its blobs on this machine.
    let here = base.as_ref().is_some_and(is_loopback);
    let loopback = if here { Loopback::Allowed } else { Loopback::Refused };
    let policy = OutgoingPolicy { named, loopback, ..OutgoingPolicy::default() };
    let authorities = match &settings.ca_file {
        None => Vec::new(),
        Some(file) => {
            let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            let fault = |fault: &dyn std::fmt::Display| {
                let file = file.display();
                Stop::cannot_run(format!("cannot read the authorities in {file}: {fault}"))
            };
            all.map_err(|found| fault(&found))?
        }
    };
    let outgoing = Outgoing::trusting(policy, authorities).map_err(Stop::cannot_run)?;
    let token = settings.bearer_token.as_ref().map(secret).transpose()?;
    let token = token.as_ref().map(ExposeSecret::expose_secret);
    let remote = Remote::new(settings.place.clone(), outgoing, token).map_err(Stop::cannot_run)?;
    Ok((remote, origin))
}

/// What is wrong with a bundle that came as one file.
fn said(refused: &Refused) -> String {
    let errors = refused.findings.iter().filter(|finding| finding.level == Level::Error);
    let one = |finding: &Finding| match finding.line {
        0 => format!("{}: {}", finding.file, finding.what),
        line => format!("{}:{line}: {}", finding.file, finding.what),
    };
    errors.map(one).collect::<Vec<_>>().join("; ")
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
