//! Clients that are known by a document of their own (draft-ietf-oauth-client-id-metadata-document).
//!
//! Fetching and judging one is the issuer's; here they are kept, beside the clients of the store.

use crate::{Client, Directory, Fault, directory::Entry};
use portcullis_types::{ClientId, DocumentFault, Timestamp};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// Sees to it that the document of a client is kept here, if it is good, and gone, if it is not.
pub type DocumentReader =
    Arc<dyn Fn(Directory, ClientId) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// So many documents are kept.
const MOST: usize = 10_000;

/// Documents as they were fetched, and the fetches under way.
#[derive(Default)]
pub(crate) struct Documents {
    kept: Mutex<HashMap<ClientId, Kept>>,
    turns: Mutex<HashMap<ClientId, Turn>>,
    reader: OnceLock<DocumentReader>,
}

struct Kept {
    entry: Arc<Entry>,
    until: Timestamp,
}

/// Held while a document is fetched: whoever comes meanwhile waits, and finds what came of it.
/// Inside, when it last could not be had, and why.
pub type Turn = Arc<tokio::sync::Mutex<Option<(Timestamp, DocumentFault)>>>;

impl Directory {
    /// Who reads documents. Without this call nobody does; only the first one counts.
    pub fn read_documents_with(&self, reader: DocumentReader) {
        let _ = self.inner().documents.reader.set(reader);
    }

    /// A client that is known by its document, read anew if need be.
    pub(crate) async fn by_document(&self, id: &ClientId) -> Option<Arc<Entry>> {
        let reader = self.inner().documents.reader.get()?;
        reader(self.clone(), id.clone()).await;
        self.inner().documents.find(id.as_str())
    }

    /// Whether asking for that client would mean a call to somebody else.
    pub(crate) fn would_fetch(&self, id: &ClientId, now: Timestamp) -> bool {
        let has_reader = self.inner().documents.reader.get().is_some();
        has_reader && id.as_str().starts_with("https://") && self.document(id, now).is_none()
    }

    /// The client of a document that is fresh.
    pub fn document(&self, id: &ClientId, now: Timestamp) -> Option<Arc<Client>> {
        let kept = self.inner().documents.kept();
        kept.get(id).filter(|kept| now < kept.until).map(|kept| kept.entry.client.clone())
    }

    /// Keeps what a document said, in place of what it said before.
    pub fn keep_document(&self, client: Client, until: Timestamp) -> Result<(), Fault> {
        if let Some(problem) = client.problem() {
            return Err(Fault::Invalid(problem));
        }
        let id = client.id.clone();
        let entry = Arc::new(Entry { client: Arc::new(client), secrets: Vec::new() });
        let mut kept = self.inner().documents.kept();
        if kept.len() >= MOST && !kept.contains_key(&id) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.until).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| kept.remove(&oldest));
        }
        kept.insert(id, Kept { entry, until });
        Ok(())
    }

    /// Forgets a document: it says something else now, or nothing.
    pub fn drop_document(&self, id: &ClientId) {
        self.inner().documents.kept().remove(id);
    }

    /// Why the document of a client that was asked for just now could not be had. `None`: it was, or nobody fetches it.
    pub async fn document_fault(&self, id: &ClientId) -> Option<DocumentFault> {
        let turn = {
            let turns = self.inner().documents.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.get(id).cloned()
        };
        let failed = turn?.lock_owned().await;
        failed.as_ref().map(|(_, fault)| fault.clone())
    }

    /// The turn to fetch a document.
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
