//! HEAD is GET without the content of the answer (RFC 9110 §9.3.2), so a router runs for it what it runs for
//! GET. Where GET begins or ends something, so would the HEAD of a proxy or a scanner of links: a code would be
//! issued to nobody. Only what changes nothing has a HEAD; a new path has none until it is named here.

use axum::{Router, extract::Request, response::Response};
use http::{HeaderValue, Method, StatusCode, header};
use tower::ServiceExt as _;

/// The router, with HEAD where it is harmless and 405 elsewhere. `path` is the issuer's.
pub(crate) fn guarded(router: Router, path: String) -> Router {
    Router::new().fallback(move |request: Request| {
        let harmless = is_harmless(request.uri().path(), &path);
        answer(router.clone(), harmless, request)
    })
}

async fn answer(router: Router, harmless: bool, mut request: Request) -> Response {
    if !harmless && request.method() == Method::HEAD {
        // A method that no path has: the router says which it has.
        *request.method_mut() = Method::TRACE;
    }
    let Ok(mut response) = router.oneshot(request).await;
    if !harmless && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = response.headers().get(header::ALLOW).and_then(|allow| allow.to_str().ok());
        let allowed = allowed.unwrap_or_default().split(',').filter(|method| *method != "HEAD");
        if let Ok(allow) = HeaderValue::try_from(allowed.collect::<Vec<_>>().join(", ")) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    response
}

/// Discovery, keys, and the files of pages.
fn is_harmless(asked: &str, path: &str) -> bool {
    let below = asked.strip_prefix(path).unwrap_or_default();
    asked.starts_with("/.well-known/")
        || below.starts_with("/.well-known/")
        || below.starts_with("/assets/")
        || below == "/jwks"
}
