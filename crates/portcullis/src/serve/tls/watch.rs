//! Files that are read again when they change. What cannot be used leaves in place what could.

use crate::{cli::Stop, config};
use aws_lc_rs::digest::{Context, SHA256};
use portcullis_types::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use serde_json::{Value, json};
use std::{
    fmt::Display,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

type Take = Box<dyn Fn(&[Vec<u8>]) -> Result<Option<Timestamp>, String> + Send + Sync>;

/// Files that belong together, and what becomes of their content.
pub(in crate::serve) struct Watch {
    listener: &'static str,
    files: Vec<PathBuf>,
    take: Take,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of what was read last, good or bad: each content is tried once.
    seen: Option<Vec<u8>>,
    fault: Option<String>,
    /// When what is in use ends, if it does.
    expires: Option<Timestamp>,
}

impl Watch {
    /// Reads the files; they must be good. `take` puts their content to use, and says when it ends.
    pub(in crate::serve) fn open(
        listener: &'static str,
        files: Vec<PathBuf>,
        take: impl Fn(&[Vec<u8>]) -> Result<Option<Timestamp>, String> + Send + Sync + 'static,
    ) -> Result<Self, Stop> {
        let watch = Self { listener, files, take: Box::new(take), state: Mutex::default() };
        watch.look();
        let fault = watch.state().fault.take();
        match fault {
            None => Ok(watch),
            Some(fault) => Err(Stop::cannot_run(unusable(&watch.files, &fault))),
        }
    }

    /// Reads the files, and takes over what is new in them and can be used.
    pub(in crate::serve) fn look(&self) {
        let contents = self.files.iter().map(|path| {
            std::fs::read(path)
                .map_err(|fault| format!("{}: {}", path.display(), config::reason(&fault)))
        });
        let contents: Result<Vec<_>, String> = contents.collect();
        let mut hash = Context::new(&SHA256);
        match &contents {
            Ok(contents) => contents.iter().for_each(|content| {
                hash.update(&content.len().to_be_bytes());
                hash.update(content);
            }),
            Err(fault) => hash.update(fault.as_bytes()),
        }
        let seen = Some(hash.finish().as_ref().to_vec());
        let mut state = self.state();
        if state.seen == seen {
            return;
        }
        let first = state.seen.is_none();
        state.seen = seen;
        match contents.and_then(|contents| (self.take)(&contents)) {
            Ok(expires) => {
                (state.fault, state.expires) = (None, expires);
                if !first {
                    tracing::info!(listener = self.listener, "a renewed certificate is in use");
                }
            }
            Err(fault) if first => state.fault = Some(fault),
            Err(fault) => {
                let said = unusable(&self.files, &fault);
                tracing::error!(
                    listener = self.listener, fault = %said,
                    "a renewed certificate cannot be used; the one before stays"
                );
                state.fault = Some(said);
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of files that cannot be used.
pub(super) fn unusable(files: &[PathBuf], fault: &dyn Display) -> String {
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    format!("{} cannot be used: {fault}", files.join(" and "))
}

/// Everything that is watched, and its numbers. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::serve) struct Watches(Arc<Inner>);

#[derive(Default)]
struct Inner {
    all: Vec<Watch>,
    expires: Family<Labels, Gauge>,
    failing: Family<Labels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: &'static str,
}

impl Watches {
    /// All of them, with their numbers registered.
    pub(in crate::serve) fn new(all: Vec<Watch>, registry: &mut Registry) -> Self {
        let inner = Inner { all, ..Inner::default() };
        if !inner.all.is_empty() {
            let help = "When the certificate of a listener expires, in seconds since 1970";
            registry.register("portcullis_tls_certificate_expires", help, inner.expires.clone());
            let help = "Whether renewed files of a listener cannot be used: 1 or 0";
            registry.register("portcullis_tls_renewal_failing", help, inner.failing.clone());
        }
        let watches = Self(Arc::new(inner));
        watches.publish();
        watches
    }

    /// Looks at every file. Blocks while it reads.
    pub(in crate::serve) fn look(&self) {
        self.0.all.iter().for_each(Watch::look);
        self.publish();
    }

    /// What is wrong and what will end, for `/healthz`.
    pub(in crate::serve) fn health(&self) -> Vec<Value> {
        let told = self.0.all.iter().map(|watch| {
            let state = watch.state();
            json!({
                "listener": watch.listener,
                "expires": state.expires.map(|at| at.to_string()),
                "problem": state.fault,
            })
        });
        told.collect()
    }

    fn publish(&self) {
        let failing = |listener: &str| {
            self.0.all.iter().any(|it| it.listener == listener && it.state().fault.is_some())
        };
        for watch in &self.0.all {
            let labels = Labels { listener: watch.listener };
            self.0.failing.get_or_create(&labels).set(failing(watch.listener).into());
            if let Some(expires) = watch.state().expires {
                self.0.expires.get_or_create(&labels).set(expires.seconds());
            }
        }
    }
}
