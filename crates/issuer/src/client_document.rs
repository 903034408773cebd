//! Apps that nobody registered: the `client_id` is the address of a document in which the app says who it
//! is (draft-ietf-oauth-client-id-metadata-document).
//!
//! The address is the caller's choice, so it is called through the guard: https, no redirects, no
//! special-use addresses, three seconds, five kilobytes. What comes back is as trustworthy as its host.

use crate::{
    Documents,
    client_metadata::{self, Fields},
    server::{Clock, State},
};
use portcullis_directory::{Budget, Client, Directory, DocumentReader, NewAuth, Origin};
use portcullis_jose::{Alg, json};
use portcullis_types::{ClientId, DocumentFault, Timestamp, Ttl};
use portcullis_web::FetchFault;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;
use url::Url;

/// §6.6 of the draft.
const LIMIT: usize = 5 * 1024;
/// For a document that says nothing about its freshness.
const USUAL: Ttl = Ttl::seconds(600);
const SHORTEST: Ttl = Ttl::seconds(60);
const LONGEST: Ttl = Ttl::seconds(24 * 3600);
/// So many documents are fetched at a time.
const AT_ONCE: usize = 16;
/// So many from one host at once, and then one more each period.
const HOST_BURST: u32 = 30;
const HOST_PERIOD: Ttl = Ttl::seconds(2);
/// How long a failure is remembered: errors are not cached, but nor is each request worth a call.
const REST: Ttl = Ttl::seconds(5);

/// What reads documents for the directory; nothing, if the operator lets nobody in by one.
pub(crate) fn reader(state: &State) -> Option<DocumentReader> {
    let documents = state.settings.documents.clone()?;
    let reader = Arc::new(Reader {
        documents,
        ours: state.settings.signing_algs(),
        clock: state.clock.clone(),
        at_once: Semaphore::new(AT_ONCE),
        hosts: Budget::new(HOST_BURST, HOST_PERIOD),
    });
    Some(Arc::new(move |directory, id| {
        let reader = reader.clone();
        Box::pin(async move { reader.refresh(&directory, &id).await })
    }))
}

/// Why a document is not taken: as whoever named it may read it, and as the log has it.
struct NotTaken {
    fault: DocumentFault,
    problem: String,
}

impl NotTaken {
    fn new(fault: DocumentFault, problem: impl Into<String>) -> Self {
        Self { fault, problem: problem.into() }
    }

    fn invalid(problem: String) -> Self {
        Self { fault: DocumentFault::Invalid { problem: problem.clone() }, problem }
    }
}

/// Attack: by ever new addresses somebody asks what there is in the operator's network. They read one sentence, whether
/// a name leads there, leads nowhere, or nobody answers.
impl From<FetchFault> for NotTaken {
    fn from(fault: FetchFault) -> Self {
        let invalid = |problem: &str| DocumentFault::Invalid { problem: problem.to_owned() };
        let told = match &fault {
            FetchFault::TooLarge { .. } => invalid("it is larger than 5 KiB"),
            FetchFault::NotJson { .. } => invalid("it is not JSON"),
            FetchFault::Redirect { .. } => {
                invalid("the answer is a redirect, which is not followed")
            }
            _ => DocumentFault::Unreachable,
        };
        Self::new(told, fault.to_string())
    }
}

struct Reader {
    documents: Documents,
    /// What we can sign with.
    ours: Vec<Alg>,
    clock: Clock,
    /// Attack: whoever names ever new addresses has us call others, as often as they like. So few at once, and few
    /// to one host.
    at_once: Semaphore,
    hosts: Budget,
}

impl Reader {
    /// Afterwards the directory has the document if, and only if, it is good.
    async fn refresh(&self, directory: &Directory, id: &ClientId) {
        let now = (self.clock)();
        let Ok(url) = Url::parse(id.as_str()) else { return };
        if !self.documents.trusted.includes(&url) || directory.document(id, now).is_some() {
            return;
        }
        let turn = directory.document_turn(id);
        let mut failed = turn.lock().await;
        let lately = failed.as_ref().is_some_and(|(at, _)| *at <= now && now < at.plus(REST));
        if lately || directory.document(id, now).is_some() {
            return;
        }
        let outcome = self.fetch(directory, id, &url, now).await;
        *failed = None;
        if let Err(NotTaken { fault, problem }) = outcome {
            directory.drop_document(id);
            tracing::warn!(client_id = %id, problem, "a client's document is not accepted");
            *failed = Some((now, fault));
        }
    }

    async fn fetch(
        &self,
        directory: &Directory,
        id: &ClientId,
        url: &Url,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let later = |problem: &str| NotTaken::new(DocumentFault::Later, problem);
        let place = self.at_once.try_acquire();
        let _place = place.map_err(|_| later("too many are fetched at once"))?;
        let waits = |_| later("too many were fetched from its host lately");
        self.hosts.spend(url.host_str(), now).map_err(waits)?;
        let outgoing = directory.outgoing().ok_or_else(|| {
            NotTaken::new(DocumentFault::Unreachable, "this server can fetch nothing")
        })?;
        let fetched = outgoing.get_json(url, LIMIT).await.map_err(NotTaken::from)?;
        if fetched.status != 200 {
            let problem = format!("the answer has status {}, not 200", fetched.status);
            return Err(NotTaken::invalid(problem));
        }
        let fresh = fetched.max_age.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
        let client = self.judge(id, &fetched.body, now).map_err(NotTaken::invalid)?;
        let kept = directory.keep_document(client, now.plus(fresh));
        kept.map_err(|fault| NotTaken::invalid(fault.to_string()))
    }

    /// §4 of the draft: it is about this very client, and it holds no secret.
    fn judge(&self, id: &ClientId, body: &[u8], now: Timestamp) -> Result<Client, String> {
        let metadata = json::object(body).map_err(|fault| format!("the document: {fault}"))?;
        let fields = Fields(&metadata);
        let named = metadata.get("client_id").and_then(Value::as_str);
        if named != Some(id.as_str()) {
            return Err("client_id in the document must be its own address, to the byte".to_owned());
        }
        if let Some(name) = ["client_secret", "client_secret_expires_at"]
            .into_iter()
            .find(|name| fields.value(name).is_some())
        {
            return Err(format!("{name} has no place in a document that everybody can read"));
        }
        let ceiling = &self.documents.ceiling;
        let said = client_metadata::read(&metadata, ceiling, &self.ours);
        let said = said.map_err(|error| format!("{}: {}", error.name(), error.description()))?;
        if said.sector_identifier_uri.is_some() {
            return Err("sector_identifier_uri has no meaning in a document".to_owned());
        }
        if matches!(said.auth, NewAuth::Generated | NewAuth::Chosen(_)) {
            return Err("token_endpoint_auth_method must be one without a shared secret".to_owned());
        }
        let new = said.into_new(Some(id.clone()), Origin::Document, ceiling, None);
        new.known_by_document(id, now).ok_or_else(|| "it needs a shared secret".to_owned())
    }
}
