//! The answer on its way to the app: RFC 6749 §4.1.2, RFC 9207 (`iss` in each), Form Post Response Mode 1.0
//! and JARM. Nobody is redirected with 307, which would hand a posted password on (RFC 9700 §4.12).

use super::{
    error::{Back, Fault},
    way_back::ResponseMode,
};
use crate::{
    pages::{self, FormPostView},
    server::State,
    shape::{self, Recipient},
    visit::Visit,
};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use portcullis_directory::Client;
use portcullis_types::{DecisionId, Denial, Timestamp, Ttl};
use serde::Serialize;
use std::fmt::Write as _;

/// How long an answer may be under way as a JWT. JARM §2.1 recommends at most ten minutes.
const JWT_LIFE: Ttl = Ttl::seconds(300);

/// What is handed back, in order.
pub(crate) type Fields = Vec<(&'static str, String)>;

/// The fields of a refusal. Its words are ASCII without quotes and backslashes (RFC 6749 §4.1.2.1).
pub(crate) fn refusal(denial: &Denial, id: DecisionId) -> Fields {
    let code = denial.code();
    let fits = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\');
    let detail: String = denial.found().chars().map(|c| if fits(c) { c } else { '\'' }).collect();
    vec![
        ("error", code.error.unwrap_or("invalid_request").to_owned()),
        ("error_description", format!("{}: {detail} ({id})", code.description)),
    ]
}

/// Sends the browser back with these fields.
pub(crate) async fn send(
    (state, visit): (&State, &Visit),
    back: &Back,
    fields: Fields,
    now: Timestamp,
) -> Result<Response, Fault> {
    let fields = complete(state, back, fields, now).await?;
    let way_back = &back.to;
    Ok(match way_back.mode {
        ResponseMode::Query | ResponseMode::QueryJwt => {
            go(&with_query(&way_back.redirect_uri, &fields))
        }
        ResponseMode::FormPost | ResponseMode::FormPostJwt => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let title = visit.fill("form_post.title", &back.client.name);
            let action = &way_back.redirect_uri;
            pages::form_post(visit, &FormPostView { action, title, fields: &fields })
        }
    })
}

/// Where a link leads that a person may follow with these fields. `None` if the app takes no answer in a link.
pub(crate) async fn location(
    state: &State,
    back: &Back,
    fields: Fields,
    now: Timestamp,
) -> Result<Option<String>, Fault> {
    let way_back = &back.to;
    if matches!(way_back.mode, ResponseMode::FormPost | ResponseMode::FormPostJwt) {
        return Ok(None);
    }
    let fields = complete(state, back, fields, now).await?;
    Ok(Some(with_query(&way_back.redirect_uri, &fields)))
}

/// With what stands in each answer.
async fn complete(
    state: &State,
    Back { client, to, .. }: &Back,
    mut fields: Fields,
    now: Timestamp,
) -> Result<Fields, Fault> {
    if let Some(given) = &to.state {
        fields.push(("state", given.clone()));
    }
    if to.mode.is_signed() {
        let jwt = signed(state, client, fields, now).await?;
        fields = vec![("response", jwt)];
    } else {
        fields.push(("iss", state.settings.issuer.to_string()));
    }
    Ok(fields)
}

/// JARM §2.1.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    exp: i64,
    #[serde(flatten)]
    fields: serde_json::Map<String, serde_json::Value>,
}

async fn signed(
    state: &State,
    client: &Client,
    fields: Fields,
    now: Timestamp,
) -> Result<String, Fault> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    let claims = Claims {
        iss: state.settings.issuer.as_str(),
        aud: client.id.as_str(),
        exp: now.plus(JWT_LIFE).seconds(),
        fields: fields.collect(),
    };
    let shape = &client.registration.authorization;
    let to = Recipient { client, now };
    Ok(shape::write(state, to, shape, ("JWT", &claims)).await?)
}

/// RFC 6749 §4.1.2: the registered address as it stands, and the fields behind its own query.
pub(crate) fn with_query(uri: &str, fields: &[(&'static str, String)]) -> String {
    let mut location = uri.to_owned();
    let mut joint = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in fields {
        location.push_str(joint);
        location.push_str(name);
        location.push('=');
        encode(&mut location, value);
        joint = "&";
    }
    location
}

/// 303: the browser gets it with GET, whatever it sent here.
pub(crate) fn go(location: &str) -> Response {
    match HeaderValue::try_from(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        // Registered addresses are printable ASCII.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// RFC 3986 §2.3: everything but unreserved characters, so that a reader of `+` and one of `%20` see the
/// same.
fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_followed_with_get() {
        assert_eq!(go("https://app.example/cb").status(), StatusCode::SEE_OTHER);
    }

    #[test]
    fn the_registered_address_stays_as_it_is() {
        let behind = "code=a.b&state=x%20y%26%C3%A4%2B%25";
        for (uri, joint) in [
            ("https://app.example/cb", "?"),
            ("https://app.example/cb?", ""),
            ("https://app.example/cb?a=%2f", "&"),
            ("https://app.example/cb?a=1&", ""),
            ("com.example.app:/cb", "?"),
        ] {
            let fields = [("code", "a.b".to_owned()), ("state", "x y&ä+%".to_owned())];
            assert_eq!(with_query(uri, &fields), format!("{uri}{joint}{behind}"));
        }
    }
}
