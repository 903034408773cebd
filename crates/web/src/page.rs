//! Pages: what a browser may do with one, the files that all share, and the words on them.

mod asset;
mod words;

pub use asset::{Asset, asset};
pub use words::Words;

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
    /// Where its forms may lead apart from our own origin, also by a redirect of ours: origins or schemes.
    /// See [`form_target`].
    pub form_targets: Vec<String>,
}

impl Page {
    /// A page with status 200, no script, and forms that lead to us alone.
    pub const fn new(html: String) -> Self {
        Self { status: StatusCode::OK, html, scripts: Scripts::None, form_targets: Vec::new() }
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
        const STRICT: HeaderValue =
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
        let scripts = match self.scripts {
            Scripts::None => "",
            Scripts::Own => "script-src 'self'; connect-src 'self'; ",
        };
        let mut targets = String::new();
        for target in &self.form_targets {
            targets.push(' ');
            targets.push_str(target);
        }
        HeaderValue::try_from(format!(
            "default-src 'none'; style-src 'self'; {scripts}img-src 'self' data:; \
             form-action 'self'{targets}; frame-ancestors 'none'; base-uri 'none'"
        ))
        .unwrap_or(STRICT)
    }
}

/// What `form-action` must name so that a form of ours may end at `uri`: its origin, or the scheme of an
/// app. `None` if that cannot be said safely.
pub fn form_target(uri: &str) -> Option<String> {
    let url = url::Url::parse(uri).ok()?;
    let target = match url.scheme() {
        // A policy cannot name an IPv6 address (CSP Level 3 §2.3.1): any plain address, then.
        "http" if matches!(url.host(), Some(url::Host::Ipv6(_))) => "http:".to_owned(),
        "http" | "https" => url.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    };
    // Whatever would end the directive or begin another source.
    let safe = |b: u8| b.is_ascii_graphic() && b != b';' && b != b',' && b != b'\'';
    target.bytes().all(safe).then_some(target)
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
    fn a_form_leads_where_the_app_is_and_nowhere_else() {
        let target = |uri| form_target(uri).unwrap_or_default();
        assert_eq!(target("https://app.example/cb?x=1"), "https://app.example");
        assert_eq!(target("http://127.0.0.1:8123/cb"), "http://127.0.0.1:8123");
        assert_eq!(target("http://[::1]:8123/cb"), "http:");
        assert_eq!(target("com.example.app:/cb"), "com.example.app:");
        assert_eq!(form_target("not a uri"), None);
        let page = Page { form_targets: vec!["x\r\n".into()], ..Page::new(String::new()) };
        let response = page.into_response();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; frame-ancestors"), "{policy}");
    }
}
