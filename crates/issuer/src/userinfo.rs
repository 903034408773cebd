//! `{issuer}/userinfo` (OpenID Connect Core §5.3): what an app may learn about the person behind its token.

use crate::{
    claims,
    dpop::{self, DPOP},
    own::{self, Door},
    server::State,
    shape::{self, Recipient, ShapeFault},
    token::{Fault, cross_origin},
};
use axum::{
    body::Body,
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use portcullis_directory::{Client, Person, grant, person_in};
use portcullis_types::{
    Denial, GrantId, IdentityScope, IdentityScopes, RevokedBy, Scopes, Stage, Timestamp, Trace,
};
use portcullis_verify::{
    Challenge, Claims, Demand, Need, Presented, Scheme,
    dpop::{Header, Htu},
};
use portcullis_web::form::{self, Form};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Why nothing is told.
enum Refusal {
    Denied(Denial, Option<Scheme>),
    /// RFC 6750 §3.1.
    NoOpenid(Scheme),
    Fault(Fault),
}

impl<T: Into<Fault>> From<T> for Refusal {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

/// Of whom, and for which app.
struct Told {
    person: Person,
    client: Arc<Client>,
    sub: String,
    names: Vec<String>,
    identity: IdentityScopes,
}

pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let now = (state.clock)();
    let nonce = dpop::nonce(&state, request.headers());
    let outcome = match told(&state, request, now).await {
        Ok(told) => answer(&state, told, now).await.map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    let mut response = outcome.unwrap_or_else(|refusal| refused(&state, &refusal));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    cross_origin(&mut response, nonce);
    response
}

/// Whose token it is, and what may be told.
async fn told(state: &State, request: Request, now: Timestamp) -> Result<Told, Refusal> {
    let (parts, body) = request.into_parts();
    let in_body =
        token_in_body(&parts, body).await.map_err(|denial| Refusal::Denied(denial, None))?;
    let (token, scheme) = admitted(state, &parts, in_body.as_ref(), now)?;
    let identity = words(&token);
    if !identity.has(IdentityScope::Openid) {
        return Err(Refusal::NoOpenid(scheme));
    }
    let over =
        || Refusal::Denied(Denial::Revoked { by: RevokedBy::Grant { since: now } }, Some(scheme));
    // A token of ours for a person names its grant.
    let id = token.grant.as_deref().and_then(|grant| GrantId::new(grant).ok());
    let Some(id) = id else { return Err(Refusal::NoOpenid(scheme)) };
    let found = state.store.read(move |tx| {
        let Some(granted) = grant::grant_in(tx, &id, now)? else { return Ok(None) };
        let person = person_in(tx, &granted.authorization.person)?;
        Ok(person.map(|person| (person, granted.authorization)))
    });
    let Some((person, granted)) = found.await? else { return Err(over()) };
    if person.disabled_since.is_some() {
        return Err(over());
    }
    let Some(client) = state.directory.find_client(&granted.client_id).await? else {
        return Err(over());
    };
    if scheme == Scheme::Dpop {
        let spent = dpop::spent(state, &parts, "/userinfo", (&client, now)).await?;
        spent.map_err(|denial| Refusal::Denied(denial, Some(Scheme::Dpop)))?;
    }
    // What was granted, as far as the app may still have it.
    let may = client.registration.identity;
    let names = claims::allowed(&granted.claims, may).userinfo;
    let identity = identity.and(granted.identity).and(may);
    Ok(Told { person, client, sub: token.sub, names, identity })
}

/// RFC 6750 §2.2: a form may hold the token. Another body is not looked at.
async fn token_in_body(parts: &Parts, body: Body) -> Result<Option<SecretString>, Denial> {
    let bad = |problem: String| {
        let parameter = Some("access_token".to_owned());
        Denial::BadRequest { parameter, problem }
    };
    if parts.method != Method::POST || !parts.headers.contains_key(header::CONTENT_TYPE) {
        return Ok(None);
    }
    if form::is_form(&parts.headers).is_err() && parts.headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    let mut form =
        Form::read(&parts.headers, body).await.map_err(|fault| bad(fault.to_string()))?;
    Ok(form.take("access_token").map(Into::into))
}

fn admitted(
    state: &State,
    parts: &Parts,
    in_body: Option<&SecretString>,
    now: Timestamp,
) -> Result<(Claims, Scheme), Refusal> {
    let headers = || parts.headers.get_all(header::AUTHORIZATION).into_iter();
    let presented = match in_body {
        // RFC 6750 §2: one method.
        Some(_) if headers().next().is_some() => Err(Denial::ManyCredentials { found: 2 }),
        Some(token) => Presented::token(token.expose_secret()),
        None => Presented::take(headers().map(HeaderValue::as_bytes), parts.uri.query()),
    };
    let presented = presented.map_err(|denial| Refusal::Denied(denial, None))?;
    let scheme = presented.scheme();
    let bases = dpop::bases(&state.settings);
    let shown = crate::certificate::peer_certificate(parts, &state.settings);
    let hash = shown.map(|shown| shown.thumbprint());
    let token = presented.as_str();
    let presented = presented.by(portcullis_verify::Holder {
        dpop: Header::of(parts.headers.get_all(DPOP).into_iter().map(HeaderValue::as_bytes)),
        htm: parts.method.as_str(),
        htu: Htu::below(&bases, "/userinfo"),
        client_certificate: hash.as_ref(),
    });
    let guarded = own::guarded(state, token);
    let demand = demand(state);
    let needed = Scopes::default();
    let door = Door { guarded: &guarded, demand: &demand, needed: &needed };
    let mut trace = Trace::new(Stage::Access);
    let admission = own::admitted(state, &presented, &door, (now, &mut trace));
    let admission = admission.map_err(|denial| Refusal::Denied(denial, Some(scheme)))?;
    Ok((admission.claims().clone(), scheme))
}

fn demand(state: &State) -> Demand {
    let dpop_nonce = match state.settings.dpop_nonce {
        crate::DpopNonce::Required => Need::Required,
        crate::DpopNonce::Offered => Need::Accepted,
    };
    Demand { dpop_nonce, ..Demand::default() }
}

/// The identity scopes among the words of the token.
fn words(claims: &Claims) -> IdentityScopes {
    #[derive(Deserialize)]
    struct Scope {
        #[serde(default)]
        scope: String,
    }
    let scope = serde_json::from_slice::<Scope>(claims.json()).ok();
    scope.map(|scope| IdentityScopes::part(&scope.scope).0).unwrap_or_default()
}

/// §5.3.2: JSON, or a JWT as the app registered.
async fn answer(state: &State, told: Told, now: Timestamp) -> Result<Response, ShapeFault> {
    let mut claims: Map<String, Value> = claims::of(&told.person, told.identity, &told.names);
    claims.insert("sub".to_owned(), json!(told.sub));
    let shape = &told.client.registration.userinfo;
    if shape.signed.is_none() && shape.encrypted_alg.is_none() {
        let body = serde_json::to_vec(&claims).unwrap_or_default();
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    claims.insert("iss".to_owned(), json!(state.settings.issuer));
    claims.insert("aud".to_owned(), json!(told.client.id));
    let to = Recipient { client: &told.client, now };
    let jwt = shape::write(state, to, shape, ("JWT", &claims)).await?;
    Ok(([(header::CONTENT_TYPE, "application/jwt")], jwt).into_response())
}

/// §5.3.3, RFC 6750 §3.
fn refused(state: &State, refusal: &Refusal) -> Response {
    let (status, error, description, challenge) = match refusal {
        Refusal::Fault(fault) => {
            tracing::error!(%fault, "nothing was told about a person: a failure of ours");
            if fault.passes() {
                (503, "temporarily_unavailable", "The server cannot answer now; try again", None)
            } else {
                (500, "server_error", "The server failed; its log says how", None)
            }
        }
        Refusal::NoOpenid(scheme) => {
            let what = "The token was not granted openid";
            let challenge = format!(
                "{} realm=\"userinfo\", error=\"insufficient_scope\", error_description=\"{what}\", \
                 scope=\"openid\"",
                scheme.name()
            );
            (403, "insufficient_scope", what, Some(challenge))
        }
        Refusal::Denied(denial, used) => {
            let code = denial.code();
            let (needed, demand) = (Scopes::default(), demand(state));
            let (realm, _) = &state.settings.userinfo;
            let challenge = Challenge {
                realm,
                needed: &needed,
                demand: &demand,
                resource_metadata: None,
                used: *used,
            };
            let challenge = challenge.to(denial);
            (code.status, code.error.unwrap_or("invalid_token"), code.description, challenge)
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let body = json!({ "error": error, "error_description": description }).to_string();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(Ok(challenge)) = challenge.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Refusal::Denied(Denial::BadProof { fault }, _) = refusal
        && fault.wants_nonce()
        && let Ok(nonce) = HeaderValue::try_from(state.possession.nonces.current((state.clock)()))
    {
        response.headers_mut().insert(dpop::DPOP_NONCE, nonce);
    }
    response
}
