//! Apps that nobody registered: the `client_id` is the address of a document in which the app says who it
//! is (draft-ietf-oauth-client-id-metadata-document).
//!
//! The address is the caller's choice, so it is called through the guard: https, no redirects, no
//! special-use addresses, three seconds, five kilobytes. What comes back is as trustworthy as its host.

use crate::{Documents, client_metadata, server::State};
use client_metadata::Fields;
use portcullis_directory::{Client, Fault, NewAuth, Origin};
use portcullis_jose::json;
use portcullis_types::{ClientId, Timestamp, Ttl};
use serde_json::Value;
use std::sync::Arc;
use url::Url;

/// §6.6 of the draft.
const LIMIT: usize = 5 * 1024;
/// For a document that says nothing about its freshness.
const USUAL: Ttl = Ttl::seconds(600);
const SHORTEST: Ttl = Ttl::seconds(60);
const LONGEST: Ttl = Ttl::seconds(24 * 3600);
/// How long a failure is remembered: errors are not cached, but nor is each request worth a call.
const REST: Ttl = Ttl::seconds(5);

/// The client of that id: registered, or known by its document. `None` if it is neither; why a document is
/// not accepted, the log says.
pub(crate) async fn find_client(
    state: &State,
    id: &ClientId,
) -> Result<Option<Arc<Client>>, Fault> {
    if !id.as_str().starts_with("https://") {
        return state.directory.find_client(id).await;
    }
    Ok(document(state, id).await.ok())
}

/// Makes sure that a client that is known by its document can be authenticated.
pub(crate) async fn make_known(state: &State, claimed: Option<&str>) {
    let claimed = claimed.filter(|id| id.starts_with("https://"));
    if let Some(id) = claimed.and_then(|id| ClientId::new(id).ok()) {
        let _ = document(state, &id).await;
    }
}

/// The app of a document; or what is wrong with it, for whoever wrote it.
pub(crate) async fn document(state: &State, id: &ClientId) -> Result<Arc<Client>, String> {
    let now = (state.clock)();
    let documents = state.settings.documents.as_ref();
    let documents = documents.ok_or("client-id metadata documents are not accepted here")?;
    let url = Url::parse(id.as_str()).map_err(|_| "the client_id is no address")?;
    if !documents.trusted.includes(&url) {
        return Err("the host of the client_id is not on the operator's list".to_owned());
    }
    if let Some(client) = state.directory.document(id, now) {
        return Ok(client);
    }
    let turn = state.directory.document_turn(id);
    let mut last = turn.lock().await;
    if let Some(client) = state.directory.document(id, now) {
        return Ok(client);
    }
    if let Some((at, problem)) = last.as_ref()
        && now < at.plus(REST)
        && *at <= now
    {
        return Err(problem.clone());
    }
    let outcome = fetch(state, documents, id, &url, now).await;
    *last = outcome.as_ref().err().map(|problem| (now, problem.clone()));
    if let Err(problem) = &outcome {
        state.directory.drop_document(id);
        tracing::warn!(client_id = %id, problem, "a client's document is not accepted");
    }
    outcome
}

async fn fetch(
    state: &State,
    documents: &Documents,
    id: &ClientId,
    url: &Url,
    now: Timestamp,
) -> Result<Arc<Client>, String> {
    let outgoing = state.directory.outgoing().ok_or("this server can fetch nothing")?;
    let fetched = outgoing.get_json(url, LIMIT).await.map_err(|fault| fault.to_string())?;
    if fetched.status != 200 {
        return Err(format!("the answer has status {}, not 200", fetched.status));
    }
    let fresh = fetched.max_age.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
    let client = judge(state, documents, id, &fetched.body, now)?;
    let kept = state.directory.keep_document(client, now.plus(fresh));
    kept.map_err(|fault| fault.to_string())
}

/// §4 of the draft: it is about this very client, and it holds no secret.
fn judge(
    state: &State,
    documents: &Documents,
    id: &ClientId,
    body: &[u8],
    now: Timestamp,
) -> Result<Client, String> {
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
    let ours = state.settings.signing_algs();
    let said = client_metadata::read(&metadata, &documents.ceiling, &ours);
    let said = said.map_err(|error| format!("{}: {}", error.name(), error.description()))?;
    if said.sector_identifier_uri.is_some() {
        return Err("sector_identifier_uri has no meaning in a document".to_owned());
    }
    if matches!(said.auth, NewAuth::Generated | NewAuth::Chosen(_)) {
        return Err("token_endpoint_auth_method must be one without a shared secret".to_owned());
    }
    let new = said.into_new(Some(id.clone()), Origin::Document, &documents.ceiling, None);
    new.known_by_document(id, now).ok_or_else(|| "it needs a shared secret".to_owned())
}
