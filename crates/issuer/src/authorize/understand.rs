//! From parameters to a request, in the order that decides where a mistake is told (RFC 6749 §4.1.2.1):
//! the client, the way back, and then the rest.

use super::{
    decide::Asked,
    demand::{self, Channel},
    error::{Back, Refusal},
    hint::Hints,
    object, offer,
    parameters::{Parameters, refuse, unfit},
    request::{AuthorizationRequest, Came},
    way_back::WayBack,
};
use crate::server::State;
use portcullis_directory::{Client, excerpt, grant};
use portcullis_types::{AuthorizationError as Error, ClientId, Denial, Timestamp};
use std::{net::IpAddr, sync::Arc};

/// What every `request_uri` of ours begins with (RFC 9126 §2.2).
pub(crate) const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// Reads a request that came through the browser.
pub(crate) async fn front(
    state: &State,
    parameters: Parameters,
    (from, now): (Option<IpAddr>, Timestamp),
) -> Result<Asked, Refusal> {
    let client = client(state, &parameters, (from, now)).await?;
    match parameters.get("request_uri").map_err(Refusal::here)? {
        Some(uri) if uri.starts_with(URN) => {
            let asked = pushed(state, client, uri.to_owned(), now).await?;
            ruled(asked)
        }
        Some(_) => Err(elsewhere(&client, &parameters)),
        None => {
            let asked = spoken(state, client, parameters, now).await?;
            ruled(asked)
        }
    }
}

/// Reads a request with its parameters or its request object, by value.
pub(crate) async fn spoken(
    state: &State,
    client: Arc<Client>,
    mut parameters: Parameters,
    now: Timestamp,
) -> Result<Asked, Refusal> {
    let mut came = Came::default();
    let object = match parameters.take("request") {
        Ok(object) => object,
        Err(denial) => return Err(beside(&client, &parameters, denial)),
    };
    if let Some(object) = object {
        match object::open(state, &client, &object, now).await {
            Ok(own) => parameters = own,
            Err(denial) => return Err(beside(&client, &parameters, denial)),
        }
        came.signed = true;
    }
    let way_back = WayBack::find(&parameters, &client).map_err(Refusal::here)?;
    let back = Back::of(&client, way_back.clone(), &parameters);
    let keys = state.keys.public();
    let hints = Hints { issuer: &state.settings.issuer, keys: &keys };
    match AuthorizationRequest::read(&parameters, &client, way_back, &hints) {
        Ok(request) => Ok(Asked { client, request: AuthorizationRequest { came, ..request } }),
        Err(denial) => Err(Refusal::there(back, offer::one_target(denial))),
    }
}

/// Whether the app may ask in this way, and for this at all: told at the app.
pub(crate) fn ruled(asked: Asked) -> Result<Asked, Refusal> {
    match demand::allowed(&asked, Channel::Front) {
        Ok(()) => Ok(asked),
        Err(denial) => Err(Refusal::there(Back::from(&asked), denial)),
    }
}

/// RFC 9126 §4: what the client pushed, which it wrote itself and which was checked then.
async fn pushed(
    state: &State,
    client: Arc<Client>,
    uri: String,
    now: Timestamp,
) -> Result<Asked, Refusal> {
    let (id, key) = (client.id.clone(), uri.clone());
    let found = state.store.read(move |tx| grant::pushed(tx, &key, &id, now)).await?;
    let request = found.and_then(|json| serde_json::from_str::<AuthorizationRequest>(&json).ok());
    let Some(mut request) = request.filter(|request| request.client_id == client.id) else {
        let problem = "it was used, has expired, or was never given to this app";
        return Err(Refusal::here(refuse(Error::InvalidRequestUri, "request_uri", problem)));
    };
    // The client may have changed since.
    if request.way_back.registered(&client).is_none() {
        let redirect = request.way_back.redirect_uri;
        return Err(Refusal::here(Denial::BadRedirect {
            client_id: excerpt(client.id.as_str()),
            found: Some(excerpt(&redirect)),
            registered: Vec::new(),
        }));
    }
    request.came.pushed = Some(uri);
    Ok(Asked { client, request })
}

/// RFC 9101 §5: `client_id` stands in the query, whatever else is used.
async fn client(
    state: &State,
    parameters: &Parameters,
    (from, now): (Option<IpAddr>, Timestamp),
) -> Result<Arc<Client>, Refusal> {
    let id = parameters.get("client_id").map_err(Refusal::here)?;
    let id = id.ok_or_else(|| Refusal::here(unfit("client_id", "is missing")))?;
    let unknown = || {
        let problem = format!("no app is known as {}", excerpt(id));
        Refusal::here(refuse(Error::UnauthorizedClient, "client_id", problem))
    };
    let id = ClientId::new(id).map_err(|_| unknown())?;
    let Some(client) = state.directory.find_client_for(&id, (from, now)).await? else {
        return Err(match state.directory.document_fault(&id).await {
            Some(fault) => {
                let client_id = excerpt(id.as_str());
                Refusal::here(Denial::BadClientDocument { client_id, fault })
            }
            None => unknown(),
        });
    };
    client.enabled(now).map_err(|_| {
        let problem = format!("the app {id} is disabled");
        Refusal::here(refuse(Error::UnauthorizedClient, "client_id", problem))
    })?;
    Ok(client)
}

/// A mistake in a request object is told at the way back that stands beside it, if that is registered.
fn beside(client: &Arc<Client>, parameters: &Parameters, denial: Denial) -> Refusal {
    match WayBack::find(parameters, client) {
        Ok(way_back) => Refusal::there(Back::of(client, way_back, parameters), denial),
        Err(_) => Refusal::here(denial),
    }
}

/// Attack: an address that the client chose, fetched by the server (SSRF). Nobody fetches it.
fn elsewhere(client: &Arc<Client>, parameters: &Parameters) -> Refusal {
    let problem = "a request_uri must come from the pushed authorization request endpoint";
    beside(client, parameters, refuse(Error::RequestUriNotSupported, "request_uri", problem))
}
