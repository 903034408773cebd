//! The one loop of timed work: keys come and go, old rows are purged, and what a command wrote to the
//! database is taken over by the running server.

use super::{gateway::Guard, issuer::Issuer, policy::Live, tls::Watches};
use crate::clock::{Chance, Clock};
use portcullis_issuer as issuer;
use portcullis_keyring::{Act, OurKeys};
use portcullis_store::Store;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

/// Between two looks for changes by another process.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks at the keys.
const KEYS: Duration = Duration::from_mins(1);
/// Between two looks at certificates in files.
const CERTIFICATES: Duration = Duration::from_secs(2);
/// Between two purges.
const PURGE: Duration = Duration::from_mins(10);

/// What needs to be kept up to date.
pub(super) struct Jobs {
    pub(super) store: Store,
    pub(super) issuing: Option<Issuer>,
    pub(super) guarding: Option<Guard>,
    pub(super) watches: Watches,
    pub(super) policies: Option<Live>,
}

impl Jobs {
    /// Runs until the stop. A job that fails is logged, and tried again the next time.
    pub(super) async fn run(self, clock: Clock, mut stopped: watch::Receiver<bool>) {
        let (mut look, mut keys, mut purge) = (every(LOOK), every(KEYS), every(PURGE));
        let mut certificates = every(CERTIFICATES);
        // What changed between reading clients and keys and this moment shows in no later count: the first
        // look takes over whatever there is.
        let mut seen = None;
        loop {
            tokio::select! {
                () = told(&mut stopped) => return,
                _ = look.tick() => self.look(&mut seen).await,
                _ = certificates.tick() => self.certificates().await,
                _ = keys.tick() => self.tick(&clock).await,
                _ = purge.tick() => self.purge(&clock).await,
            }
            self.publish();
        }
    }

    fn keys(&self) -> impl Iterator<Item = &OurKeys> {
        let issuing = self.issuing.iter().map(|issuing| &issuing.keys);
        issuing.chain(self.guarding.iter().filter_map(|guarding| guarding.keys.as_ref()))
    }

    async fn look(&self, seen: &mut Option<u64>) {
        let now = match self.store.changed_elsewhere().await {
            Ok(now) => now,
            Err(fault) => return tracing::warn!(%fault, "cannot look for changes"),
        };
        let behind = self.policies.as_ref().is_some_and(Live::is_behind);
        if *seen == Some(now) && !behind {
            return;
        }
        let mut taken = true;
        for keys in self.keys() {
            if let Err(fault) = keys.reload().await {
                tracing::warn!(%fault, "cannot reload keys");
                taken = false;
            }
        }
        if let Some(issuing) = &self.issuing
            && let Err(fault) = issuing.directory.reload().await
        {
            tracing::warn!(%fault, "cannot reload clients");
            taken = false;
        }
        if let Some(policies) = &self.policies {
            policies.follow().await;
        }
        if taken {
            *seen = Some(now);
        }
    }

    async fn certificates(&self) {
        let watches = self.watches.clone();
        if tokio::task::spawn_blocking(move || watches.look()).await.is_err() {
            tracing::error!("cannot look at certificates");
        }
    }

    async fn tick(&self, clock: &Clock) {
        for keys in self.keys() {
            match keys.tick(Act::new("schedule", clock(), &mut Chance)).await {
                Ok(changes) => {
                    for change in changes {
                        tracing::info!(%change, "keys changed by schedule");
                    }
                }
                Err(fault) => tracing::error!(%fault, "cannot rotate keys"),
            }
        }
    }

    async fn purge(&self, clock: &Clock) {
        let Some(issuing) = &self.issuing else { return };
        if let Err(fault) = issuing.directory.purge(clock()).await {
            tracing::warn!(%fault, "cannot purge used assertions");
        }
        if let Err(fault) = issuing.directory.purge_people(clock()).await {
            tracing::warn!(%fault, "cannot purge old sessions");
        }
        if let Err(fault) = issuer::purge(&self.store, clock()).await {
            tracing::warn!(%fault, "cannot purge old tokens");
        }
    }

    /// Hands revocations on to the gateway.
    fn publish(&self) {
        if let (Some(issuing), Some(guarding)) = (&self.issuing, &self.guarding) {
            guarding.circle.hear(&issuing.revocations());
        }
    }
}

/// Waits for the stop.
pub(super) async fn told(stopped: &mut watch::Receiver<bool>) {
    // Whoever could tell is gone: that is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await.map(drop);
}

fn every(span: Duration) -> Interval {
    let mut interval = interval(span);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

#[cfg(test)]
mod tests;
