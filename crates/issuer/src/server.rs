//! What the endpoints share, and where each of them is.

use crate::{
    Guesses, Logos, Partners, Settings, SubjectKey, account, authorize, authzen, client_document,
    device, device_authorization, elsewhere,
    head::Head,
    introspect, jwks, logo, logout,
    mail::Mailer,
    manage, metadata, pages, register, revoke, scim, sign_in, token,
    upstream::{self, Upstreams},
    userinfo,
};
use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State as Shared},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use portcullis_directory::Directory;
use portcullis_keyring::OurKeys;
use portcullis_policy::Judge;
use portcullis_store::Store;
use portcullis_types::{Entropy, Timestamp};
use portcullis_verify::dpop::Possession;
use portcullis_web::csrf::CsrfKey;
use std::sync::Arc;

/// Tells the time. The binary's reads the clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Makes sources of randomness. The binary's is the operating system.
pub type EntropySource = Arc<dyn Fn() -> Box<dyn Entropy> + Send + Sync>;

/// What the issuer works with.
#[derive(Clone)]
pub struct State {
    /// What it was told.
    pub settings: Settings,
    /// Whom it knows.
    pub directory: Directory,
    /// What it signs with.
    pub keys: OurKeys,
    /// Where it writes.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where ids come from.
    pub entropy: EntropySource,
    /// What the forms of its pages are known by.
    pub csrf: CsrfKey,
    /// Who writes to people.
    pub mail: Mailer,
    /// Whom people may sign in with besides ourselves.
    pub upstreams: Upstreams,
    /// The keys of those whose tokens are exchanged.
    pub partners: Partners,
    /// What the policies are asked, if there are any.
    pub judge: Option<Judge>,
    /// The pictures of apps.
    pub logos: Logos,
    /// How often people typed user codes that do not exist.
    pub guesses: Guesses,
    /// What pairwise subjects are made with.
    pub subjects: SubjectKey,
    /// What DPoP proofs are judged with.
    pub possession: Arc<Possession>,
}

/// Every endpoint of the issuer. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`:
/// failures are counted per client and address, and without one per client alone.
pub fn router(state: State) -> Router {
    let path = state.settings.path();
    let metadata = metadata::document(&state.settings);
    let served = get(move || async move { metadata::serve(metadata) }).options(preflight);
    let mut wells = vec![
        format!("/.well-known/oauth-authorization-server{path}"), // RFC 8414 §3.1
        format!("{path}/.well-known/openid-configuration"),       // OpenID Connect Discovery §4
        format!("/.well-known/openid-configuration{path}"),       // RFC 8414 §5
    ];
    wells.dedup();
    if let Some(reader) = client_document::reader(&state) {
        state.directory.read_documents_with(reader);
    }
    let is_https = state.settings.issuer().as_str().starts_with("https:");
    let managed = state.settings.management().is_some();
    let secure = is_https.then_some(HeaderValue::from_static("max-age=31536000"));
    let state = Arc::new(state);
    let mut router = Router::new().without_v07_checks();
    for well in wells {
        router = router.route(&well, served.clone());
    }
    if managed {
        router = router.merge(manage::routes(&path));
    }
    let router = router
        .merge(people(&path))
        .merge(scim::routes(&path))
        .merge(authzen::routes(&path, &state))
        .route(&format!("{path}/jwks"), get(jwks::serve).options(preflight))
        .merge(register::routes(&path))
        .merge(tokens(&path))
        .route(&format!("{path}/par"), post(authorize::push))
        .route(&format!("{path}/authorize"), get(authorize::endpoint).post(authorize::endpoint))
        .route(&format!("{path}/authorize/continue"), get(authorize::go_on))
        .route(
            &format!("{path}/consent"),
            get(authorize::show_consent).post(authorize::decide_consent),
        )
        .route(&format!("{path}/device"), get(device::show).post(device::ask))
        .route(&format!("{path}/device/decide"), post(device::decide))
        .route(&format!("{path}/logout"), get(logout::endpoint).post(logout::endpoint))
        .route(&format!("{path}/assets/{{name}}"), get(pages::asset))
        .route(&format!("{path}/logo"), get(logo::endpoint))
        .route(&format!("{path}/sign-in/with/{{provider}}"), get(upstream::begin))
        .route(&format!("{path}/sign-in/with/{{provider}}/callback"), get(upstream::callback))
        .route(&format!("{path}/sign-in/with/{{provider}}/logout"), post(upstream::ended))
        .fallback(elsewhere::nothing_here)
        .method_not_allowed_fallback(elsewhere::wrong_method)
        .with_state(state);
    let gate = Gate { head: Head::of(router.clone(), path), secure };
    router.layer(from_fn_with_state(Arc::new(gate), harden))
}

/// What every answer passes.
struct Gate {
    head: Head,
    /// Where the issuer is https, nobody comes without it a second time (RFC 6797).
    secure: Option<HeaderValue>,
}

/// Where programs get tokens, and ask about them and about people.
fn tokens(path: &str) -> Router<Arc<State>> {
    let at = |below: &str| format!("{path}{below}");
    let userinfo = get(userinfo::endpoint).post(userinfo::endpoint);
    Router::new()
        .route(&at("/token"), post(token::endpoint).options(preflight))
        .route(&at("/oauth/token"), post(token::openai))
        .route(&at("/v1/oauth/token"), post(token::anthropic))
        .route(
            &at("/device_authorization"),
            post(device_authorization::endpoint).options(preflight),
        )
        .route(&at("/introspect"), post(introspect::endpoint))
        .route(&at("/revoke"), post(revoke::endpoint).options(preflight))
        .route(&at("/userinfo"), userinfo.options(preflight))
}

/// The pages on which people sign in and look after themselves.
fn people(path: &str) -> Router<Arc<State>> {
    let at = |below: &str| format!("{path}{below}");
    Router::new()
        .route(&at("/sign-in"), get(sign_in::page).post(sign_in::password))
        .route(&at("/sign-in/otp"), post(sign_in::otp))
        .route(&at("/sign-in/passkey/start"), post(sign_in::passkey_start))
        .route(&at("/sign-in/passkey/finish"), post(sign_in::passkey_finish))
        .route(&at("/invitation"), get(sign_in::invitation).post(sign_in::invited))
        .route(&at("/password-reset"), get(sign_in::forgotten).post(sign_in::forgotten_ask))
        .route(&at("/password-reset/choose"), get(sign_in::choose).post(sign_in::chosen))
        .route(&at("/account"), get(account::overview))
        .route(&at("/account/link"), post(account::link))
        .route(&at("/account/profile"), get(account::profile).post(account::profile_save))
        .route(&at("/account/unlink"), post(account::unlink))
        .route(&at("/account/passkeys"), get(account::passkeys))
        .route(&at("/account/passkeys/start"), post(account::passkey_start))
        .route(&at("/account/passkeys/finish"), post(account::passkey_finish))
        .route(&at("/account/passkeys/rename"), post(account::passkey_rename))
        .route(&at("/account/passkeys/remove"), post(account::passkey_remove))
        .route(
            &at("/account/authenticator"),
            get(account::authenticator).post(account::authenticator_begin),
        )
        .route(&at("/account/authenticator/confirm"), post(account::authenticator_confirm))
        .route(&at("/account/authenticator/remove"), post(account::authenticator_remove))
        .route(&at("/account/recovery-codes"), get(account::recovery).post(account::recovery_make))
        .route(&at("/account/password"), get(account::password).post(account::password_change))
        .route(&at("/account/sessions"), get(account::sessions))
        .route(&at("/account/sessions/end"), post(account::session_end))
        .route(&at("/account/sessions/end-others"), post(account::sessions_end_others))
        .route(&at("/account/apps"), get(account::apps))
        .route(&at("/account/apps/revoke"), post(account::app_revoke))
        .route(&at("/account/activity"), get(account::activity))
}

/// A browser asks before it sends a header of its own, as MCP clients do.
pub(crate) async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE"),
        // A star does not stand for Authorization.
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, *"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What is no page has no rights as one: no browser may guess a type, frame it, run it or keep it unasked.
/// A page says itself what it may do. Whoever counts answers finds the route with the answer. One layer for all that
/// every answer needs: each costs every request a microsecond.
async fn harden(Shared(gate): Shared<Arc<Gate>>, request: Request, next: Next) -> Response<Body> {
    const HEADERS: [(HeaderName, HeaderValue); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = gate.head.answer(request, next).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(year) = &gate.secure {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert_with(|| year.clone());
    }
    response
}
