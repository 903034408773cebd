//! A form that an app sends here (OpenID Connect Core §3.1.2.1). From another site it comes without our cookies
//! (`SameSite=Lax`), whoever is signed in: so the browser is asked to come again by itself, and brings them.

use super::answer::go;
use crate::{
    pages::{self, Explained, FormPostView},
    visit::Visit,
};
use axum::{body::Body, response::Response};
use http::request::Parts;
use portcullis_web::form;
use url::form_urlencoded::{Serializer, parse};

/// What any proxy takes in one line, in bytes.
const SHORT: usize = 4 * 1024;

/// The same request once more: as a GET, or, if it is long, as a form of ours.
pub(super) async fn again(visit: &Visit, parts: &Parts, body: Body) -> Response {
    let is_form = form::is_form(&parts.headers).is_ok();
    let body = form::bytes(&parts.headers, body).await.ok().filter(|_| is_form);
    let Some(body) = body else {
        return pages::explained(visit, Explained::UnreadableForm, None);
    };
    let pairs: Vec<_> = parse(&body).collect();
    let query = Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let action = visit.path("/authorize");
    if query.len() <= SHORT {
        return go(&format!("{action}?{query}"));
    }
    let fields: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    let title = visit.fill("form_post.onward", &visit.host);
    pages::form_post(visit, &FormPostView { action: &action, title, fields: &fields })
}
