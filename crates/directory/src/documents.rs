//! Clients that are known by a document of their own (draft-ietf-oauth-client-id-metadata-document).
//!
//! Fetching and judging one is the issuer's; here they are kept, beside the clients of the store.

use crate::{Client, Directory, Fault, directory::Entry};
use portcullis_types::{ClientId, Timestamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So many documents are kept.
const MOST: usize = 10_000;

/// Documents as they were fetched, and the fetches under way.
#[derive(Default)]
pub(crate) struct Documents {
    kept: Mutex<HashMap<ClientId, Kept>>,
    turns: Mutex<HashMap<ClientId, Turn>>,
}

struct Kept {
    entry: Arc<Entry>,
    until: Timestamp,
}

/// Held while a document is fetched: whoever comes meanwhile waits, and finds what came of it.
pub type Turn = Arc<tokio::sync::Mutex<Option<(Timestamp, String)>>>;

impl Directory {
    /// The client of a document that is fresh.
    pub fn document(&self, id: &ClientId, now: Timestamp) -> Option<Arc<Client>> {
        let kept = self.inner().documents.kept();
        kept.get(id).filter(|kept| now < kept.until).map(|kept| kept.entry.client.clone())
    }

    /// Keeps what a document said, in place of what it said before.
    pub fn keep_document(&self, client: Client, until: Timestamp) -> Result<Arc<Client>, Fault> {
        if let Some(problem) = client.problem() {
            return Err(Fault::Invalid(problem));
        }
        let (id, client) = (client.id.clone(), Arc::new(client));
        let entry = Arc::new(Entry { client: client.clone(), secrets: Vec::new() });
        let mut kept = self.inner().documents.kept();
        if kept.len() >= MOST && !kept.contains_key(&id) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.until).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| kept.remove(&oldest));
        }
        kept.insert(id, Kept { entry, until });
        Ok(client)
    }

    /// Forgets a document: it says something else now, or nothing.
    pub fn drop_document(&self, id: &ClientId) {
        self.inner().documents.kept().remove(id);
    }

    /// The turn to fetch a document; inside, when it last could not be had, and why.
    pub fn document_turn(&self, id: &ClientId) -> Turn {
        let mut turns = self.inner().documents.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= MOST {
            // Those that somebody holds are in use.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(id.clone()).or_default().clone()
    }
}

impl Documents {
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Entry>> {
        self.kept().get(id).map(|kept| kept.entry.clone())
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ClientId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
