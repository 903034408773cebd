//! HEAD is GET without the content of the answer (RFC 9110 §9.3.2), so a router runs for it what it runs for
//! GET. Where GET begins or ends something, so would the HEAD of a proxy or a scanner of links: a code would be
//! issued to nobody. Only what changes nothing has a HEAD; a new path has none until it is named here.

use axum::{Router, body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tower::ServiceExt as _;

/// HEAD where it is harmless, and 405 elsewhere.
pub(crate) struct Head {
    /// The routes, which know their methods.
    routes: Router,
    /// The issuer's path.
    path: String,
}

impl Head {
    pub(crate) const fn of(routes: Router, path: String) -> Self {
        Self { routes, path }
    }

    /// The answer to a request that its route is about to get.
    pub(crate) async fn answer(&self, request: Request, next: Next) -> Response {
        if is_harmless(request.uri().path(), &self.path) {
            return next.run(request).await;
        }
        let uri = request.uri().clone();
        let mut response = if request.method() == Method::HEAD {
            self.refuse(request).await
        } else {
            next.run(request).await
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(allow) = self.allow(uri).await
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    /// As a method that no path has: the routes say which they have.
    async fn refuse(&self, mut request: Request) -> Response {
        *request.method_mut() = Method::TRACE;
        let Ok(response) = self.routes.clone().oneshot(request).await;
        response
    }

    /// The methods of a path, without HEAD.
    async fn allow(&self, uri: Uri) -> Option<HeaderValue> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri;
        let refused = self.refuse(request).await;
        let allowed = refused.headers().get(header::ALLOW)?.to_str().ok()?;
        let allowed: Vec<_> = allowed.split(',').filter(|method| *method != "HEAD").collect();
        HeaderValue::try_from(allowed.join(", ")).ok()
    }
}

/// Discovery, keys, and the files of pages.
fn is_harmless(asked: &str, path: &str) -> bool {
    let below = asked.strip_prefix(path).unwrap_or_default();
    asked.starts_with("/.well-known/")
        || below.starts_with("/.well-known/")
        || below.starts_with("/assets/")
        || below == "/jwks"
}
