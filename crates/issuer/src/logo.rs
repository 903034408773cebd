//! Pictures of apps (`logo_uri`, RFC 7591 §2). A browser never loads one from the app, which would learn who
//! looks at it: we fetch it, through the guard, and hand it out ourselves.
//!
//! What it is, its first bytes say and no header. SVG is none: it is a document, with scripts. A picture proves
//! nothing, wherever it lies: whoever copies a page copies its picture. So it stands beside the name, and beside
//! the warning where nobody has checked the app.

use crate::{remote, server::State, visit::Visit};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{StatusCode, header};
use portcullis_directory::{Client, Directory};
use portcullis_types::{ClientId, Timestamp, Ttl};
use portcullis_web::form::Form;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A picture may have this many bytes.
const LIMIT: usize = 128 * 1024;
/// So many addresses are known, with their pictures: 16 MiB at most.
const MOST: usize = 128;
/// For this long a picture is shown before it is fetched again.
const FRESH: Ttl = Ttl::seconds(24 * 3600);
/// For this long nothing is tried again.
const REST: Ttl = Ttl::seconds(5 * 60);

/// The pictures of all apps, by address. Cheap to clone.
#[derive(Clone, Default)]
pub struct Logos(Arc<Mutex<HashMap<String, Arc<Turn>>>>);

/// Held while a picture is fetched: whoever comes meanwhile waits, and finds what came of it.
type Turn = tokio::sync::Mutex<Option<Kept>>;

struct Kept {
    picture: Option<Picture>,
    until: Timestamp,
}

#[derive(Clone)]
struct Picture {
    kind: &'static str,
    bytes: Bytes,
}

/// Where an app's picture is to be had here, if there is one: an app without one is shown without.
pub(crate) async fn address(
    state: &State,
    visit: &Visit,
    client: &Client,
    now: Timestamp,
) -> Option<String> {
    state.logos.of(&state.directory, client, now).await?;
    let id: String = url::form_urlencoded::byte_serialize(client.id.as_str().as_bytes()).collect();
    Some(visit.path(&format!("/logo?client_id={id}")))
}

/// `GET {issuer}/logo?client_id=…`
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let from = remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
    let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let Some(Ok(id)) = query.get("client_id").map(ClientId::new) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let caller = (from, (state.clock)());
    let Ok(Some(client)) = state.directory.find_client_for(&id, caller).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match state.logos.of(&state.directory, &client, (state.clock)()).await {
        Some(Picture { kind, bytes }) => {
            let headers =
                [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=3600")];
            (headers, bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Logos {
    async fn of(&self, directory: &Directory, client: &Client, now: Timestamp) -> Option<Picture> {
        let uri = client.registration.logo_uri.as_deref()?;
        let turn = self.turn(uri);
        let mut kept = turn.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.until) {
            return kept.picture.clone();
        }
        let fetched = fetch(directory, uri).await;
        if let Err(problem) = &fetched {
            tracing::warn!(client_id = %client.id, problem, "an app's picture was not fetched");
        }
        let picture = fetched.ok();
        let until = now.plus(if picture.is_some() { FRESH } else { REST });
        *kept = Some(Kept { picture: picture.clone(), until });
        picture
    }

    fn turn(&self, uri: &str) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= MOST && !turns.contains_key(uri) {
            // Any will do: it is fetched again when somebody looks.
            let one = turns.keys().next().cloned();
            one.and_then(|one| turns.remove(&one));
        }
        turns.entry(uri.to_owned()).or_default().clone()
    }
}

impl std::fmt::Debug for Logos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logos")
    }
}

async fn fetch(directory: &Directory, uri: &str) -> Result<Picture, String> {
    let outgoing = directory.outgoing().ok_or("this server can fetch nothing")?;
    let request =
        http::Request::get(uri).header(header::ACCEPT, KINDS.map(|(_, kind)| kind).join(", "));
    let request = request.body(Vec::new()).map_err(|fault| fault.to_string())?;
    let answer = outgoing.call(request, LIMIT).await.map_err(|fault| fault.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer has status {}, not 200", answer.status()));
    }
    let bytes = answer.into_body();
    let kind = kind(&bytes).ok_or("it is no PNG, JPEG, GIF or WebP")?;
    Ok(Picture { kind, bytes })
}

const KINDS: [(&[u8], &str); 5] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF", "image/webp"),
];

/// By its first bytes (MIME Sniffing §6.1).
fn kind(bytes: &[u8]) -> Option<&'static str> {
    let (_, kind) = KINDS.iter().find(|(first, _)| bytes.starts_with(first))?;
    let is_webp = || bytes.get(8..12).is_some_and(|form| form == b"WEBP");
    (*kind != "image/webp" || is_webp()).then_some(*kind)
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn a_picture_is_what_it_begins_with() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(kind(b"GIF89a..."), Some("image/gif"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for other in
            [&b"<svg xmlns=\"http://www.w3.org/2000/svg\">"[..], b"RIFF\0\0\0\0WAVE", b"", b"%PDF"]
        {
            assert_eq!(kind(other), None);
        }
    }
}
