//! Pages: what a browser may do with one, the files that all share, and the words on them.

mod asset;
mod words;

pub use asset::{Asset, asset};
pub use words::{Words, languages};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// Whether a page has a script of ours. Nothing else ever runs on one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    /// None runs.
    #[default]
    None,
    /// Files of our own origin run, and may call our own origin.
    Own,
}

/// Where the forms of a page may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forms {
    /// To us alone.
    #[default]
    Ours,
    /// To us, and from there to an app or another provider. `form-action` is left out: browsers hold every
    /// later redirect against it too, and where an app sends a person on is the app's own business.
    Onward,
}

/// A page on its way to a browser. Its text holds no style, script or handler of its own: the policy that
/// goes with it would not let them work.
#[derive(Clone, Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: StatusCode,
    /// The whole document.
    pub html: String,
    /// Whether it has a script.
    pub scripts: Scripts,
    /// Where its forms may lead.
    pub forms: Forms,
}

impl Page {
    /// A page with status 200, no script, and forms that lead to us alone.
    pub const fn new(html: String) -> Self {
        Self { status: StatusCode::OK, html, scripts: Scripts::None, forms: Forms::Ours }
    }

    /// The response: never kept by a browser or a proxy, framed by nobody, told to nobody.
    pub fn into_response(self) -> Response<Body> {
        const HEADERS: [(HeaderName, HeaderValue); 6] = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            ),
        ];
        let policy = self.policy();
        let mut response = (self.status, self.html).into_response();
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, value);
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }

    fn policy(&self) -> HeaderValue {
        let scripts = match self.scripts {
            Scripts::None => "",
            Scripts::Own => "script-src 'self'; connect-src 'self'; ",
        };
        let forms = match self.forms {
            Forms::Ours => "form-action 'self'; ",
            Forms::Onward => "",
        };
        HeaderValue::try_from(format!(
            "default-src 'none'; style-src 'self'; {scripts}img-src 'self' data:; {forms}\
             frame-ancestors 'none'; base-uri 'none'"
        ))
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_do_nothing_that_it_was_not_made_for() {
        let response = Page::new("x".into()).into_response();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        let kinds: Vec<_> = response.headers().get_all("content-type").iter().collect();
        assert_eq!(kinds, ["text/html; charset=utf-8"]);
        assert!(!policy.contains("unsafe"));
    }

    #[test]
    fn only_a_form_that_ends_at_an_app_may_lead_away() {
        let page = Page { forms: Forms::Onward, ..Page::new(String::new()) };
        let response = page.into_response();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; \
             base-uri 'none'"
        );
    }
}
