//! Checking chosen secrets: dear for the guesser, bounded for us.

use crate::{
    Fault,
    secret::{SecretHashKey, Tag, argon2_in_vain, argon2_verify},
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many are checked at once: each holds a core and 19 MiB.
const AT_ONCE: usize = 2;
/// How many more may wait.
const WAITING: usize = 62;
/// How many of all places strangers may have: their floods leave the others to known clients. It can
/// show who is known, while a flood lasts; a `client_id` is no secret (RFC 6749 §2.2).
const STRANGERS: usize = 16;
/// How many strangers may wait for one of these.
const OUTSIDE: usize = 256;
/// How long.
const PATIENCE: Duration = Duration::from_secs(10);
/// A client has at most so many secrets that work.
pub(crate) const LIVE: usize = 2;

/// The gate before Argon2id, and a memory of what passed it, so that a client that asks every second
/// pays once.
pub(crate) struct Gate {
    queue: Semaphore,
    strangers: Semaphore,
    outside: Semaphore,
    cores: Semaphore,
    /// Per client: keyed hashes of a secret *and* the hash that it fits. Memory only; a new hash in the
    /// store makes an entry worthless.
    proven: Mutex<HashMap<Box<str>, [Tag; LIVE]>>,
    /// How many passwords of people were checked.
    checked: AtomicU64,
}

/// Who waits at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Names a client that there is.
    Known,
    /// Names one that there is not.
    Stranger,
}

/// A place in the queue.
struct Queued<'a> {
    _place: SemaphorePermit<'a>,
    _stranger: Option<SemaphorePermit<'a>>,
}

/// A place at the gate.
pub(crate) struct Turn<'a> {
    _queued: Queued<'a>,
    _core: SemaphorePermit<'a>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            queue: Semaphore::new(AT_ONCE + WAITING),
            strangers: Semaphore::new(STRANGERS),
            outside: Semaphore::new(OUTSIDE),
            cores: Semaphore::new(AT_ONCE),
            proven: Mutex::default(),
            checked: AtomicU64::new(0),
        }
    }

    /// One more password of a person is checked.
    pub(crate) fn count(&self) {
        self.checked.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Which of these hashes the secret was proven to fit before.
    pub(crate) fn remembered(
        &self,
        key: &SecretHashKey,
        client_id: &str,
        hashes: &[Box<str>],
        secret: &SecretString,
    ) -> Option<usize> {
        let tags = *self.proven().get(client_id)?;
        hashes.iter().position(|hash| {
            let tag = key.proof_tag(client_id, hash, secret.expose_secret());
            tags.iter().any(|known| known.equals(&tag))
        })
    }

    /// Remembers a proof, and forgets the older of two.
    pub(crate) fn remember(&self, client_id: &str, tag: Tag) {
        let mut proven = self.proven();
        let [newest, _] = proven.get(client_id).copied().unwrap_or([Tag::NONE; LIVE]);
        proven.insert(client_id.into(), [tag, newest]);
    }

    /// Waits for a core; refuses when too many wait already.
    pub(crate) async fn turn(&self, asker: Asker) -> Result<Turn<'_>, Fault> {
        let queued = match self.queue(asker) {
            Err(Fault::Busy) if asker == Asker::Stranger => self.wait().await?,
            queued => queued?,
        };
        let core = self.cores.acquire().await.map_err(|_| Fault::Busy)?;
        Ok(Turn { _queued: queued, _core: core })
    }

    /// A stranger waits before the queue for a while: a morning on which many sign in for the first time is no
    /// flood.
    async fn wait(&self) -> Result<Queued<'_>, Fault> {
        let _outside = self.outside.try_acquire().map_err(|_| Fault::Busy)?;
        let place = tokio::time::timeout(PATIENCE, self.strangers.acquire()).await;
        let stranger = place.map_err(|_| Fault::Busy)?.map_err(|_| Fault::Busy)?;
        let place = self.queue.try_acquire().map_err(|_| Fault::Busy)?;
        Ok(Queued { _place: place, _stranger: Some(stranger) })
    }

    fn queue(&self, asker: Asker) -> Result<Queued<'_>, Fault> {
        let stranger = match asker {
            Asker::Known => None,
            Asker::Stranger => Some(self.strangers.try_acquire().map_err(|_| Fault::Busy)?),
        };
        let place = self.queue.try_acquire().map_err(|_| Fault::Busy)?;
        Ok(Queued { _place: place, _stranger: stranger })
    }

    fn proven(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, [Tag; LIVE]>> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of these hashes the secret fits, newest first. A secret that fits none costs the same however
/// many hashes there are, also when there is no such client.
pub(crate) async fn verify(
    _turn: &Turn<'_>,
    hashes: Vec<Box<str>>,
    secret: SecretString,
) -> Result<Option<usize>, Fault> {
    let work = move || {
        let secret = secret.expose_secret();
        let fits = hashes.iter().position(|hash| argon2_verify(hash, secret));
        if fits.is_none() {
            (hashes.len()..LIVE).for_each(|_| argon2_in_vain(secret));
        }
        fits
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_leave_places_to_known_clients() {
        let gate = Gate::new();
        let mut waiting = Vec::new();
        while let Ok(place) = gate.queue(Asker::Stranger) {
            waiting.push(place);
        }
        assert_eq!(waiting.len(), STRANGERS);
        while let Ok(place) = gate.queue(Asker::Known) {
            waiting.push(place);
        }
        assert_eq!(waiting.len(), AT_ONCE + WAITING);
        drop(waiting);
        assert!(gate.queue(Asker::Stranger).is_ok());
    }
}
