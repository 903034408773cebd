//! A browser that visits: its language, its name for itself, and what its forms must bring.

use crate::{server::State, settings::Settings};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use portcullis_types::Ttl;
use portcullis_web::{
    cookie::{Cookie, Transport},
    csrf::{BrowserId, CsrfKey, is_cross_site},
    form::Form,
    page::{Asset, Page, Words},
};

/// A session. Its value is a secret.
pub(crate) const SESSION: Cookie = Cookie::of_the_browser("session", "__Host-session");
/// The browser's random name, for forms and interactions.
pub(crate) const BROWSER: Cookie =
    Cookie::lasting("browser", "__Host-browser", Ttl::seconds(400 * 24 * 3600));
/// Who signed in here before: they may try again while strangers must wait.
pub(crate) const KNOWN: Cookie =
    Cookie::lasting("known", "__Host-known", Ttl::seconds(400 * 24 * 3600));

/// The field of every form that proves it was ours.
pub(crate) const CSRF: &str = "csrf";

/// One visit of a browser.
#[derive(Debug)]
pub(crate) struct Visit {
    /// What pages say, in which language.
    pub(crate) words: Words,
    /// How it names itself.
    pub(crate) browser: BrowserId,
    /// Goes into each form.
    pub(crate) csrf: String,
    /// How our cookies are set.
    pub(crate) transport: Transport,
    /// The issuer's path: empty, or `/` and more.
    pub(crate) base: String,
    /// The issuer's host, as people know it.
    pub(crate) host: String,
    origin: String,
    is_new: bool,
    is_kept: bool,
}

/// A form that did not come from a page of ours, or not in this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign;

impl Visit {
    /// Who comes with these headers. A browser without a name gets one with the first page.
    fn of(state: &State, headers: &HeaderMap) -> Self {
        let (origin, host, transport) = place(&state.settings);
        let known = BROWSER.read(headers, transport).and_then(BrowserId::parse);
        let is_new = known.is_none();
        let browser = known.unwrap_or_else(|| BrowserId::fresh(&mut *(state.entropy)()));
        Self {
            words: Words::choose(headers),
            csrf: state.csrf.token(&browser),
            browser,
            transport,
            base: state.settings.path(),
            host,
            origin,
            is_new,
            is_kept: true,
        }
    }

    /// As [`of`](Self::of), by a request's head.
    ///
    /// Attack: a form elsewhere comes without our cookies (`SameSite=Lax`). A name given then would take the place of
    /// the one that the browser has, and all forms that are open there would be worth nothing.
    pub(crate) fn begin(state: &State, parts: &Parts) -> Self {
        let visit = Self::of(state, &parts.headers);
        let is_foreign =
            parts.method == Method::POST && is_cross_site(&parts.headers, &visit.origin);
        Self { is_kept: !is_foreign, ..visit }
    }

    /// Whether it is a form from elsewhere without any cookie of ours: the browser may have kept them back.
    pub(crate) fn keeps_back(&self, headers: &HeaderMap) -> bool {
        !self.is_kept && self.is_new && SESSION.read(headers, self.transport).is_none()
    }

    /// Speaks the first of these languages that is there; else that of the browser.
    pub(crate) fn prefer<'t>(&mut self, ui_locales: impl IntoIterator<Item = &'t str>) {
        self.words = Words::among(ui_locales).unwrap_or(self.words);
    }

    /// The text of a key.
    pub(crate) fn say(&self, key: &'static str) -> &'static str {
        self.words.say(key)
    }

    /// The text of a key with one thing filled in.
    pub(crate) fn fill(&self, key: &'static str, value: &str) -> String {
        self.words.fill(key, &[value])
    }

    /// Where something of ours is, for links: from the root of the host.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.base)
    }

    /// Where a file of pages is.
    pub(crate) fn asset(&self, asset: Asset) -> String {
        format!("{}/assets/{}", self.base, asset.name())
    }

    pub(crate) fn style(&self) -> String {
        self.asset(Asset::Style)
    }

    pub(crate) fn icon(&self) -> String {
        self.asset(Asset::Icon)
    }

    pub(crate) fn passkey_script(&self) -> String {
        self.asset(Asset::Passkey)
    }

    pub(crate) fn copy_script(&self) -> String {
        self.asset(Asset::Copy)
    }

    pub(crate) fn submit_script(&self) -> String {
        self.asset(Asset::Submit)
    }

    /// Whether a request that changes something comes from a page of ours in this browser.
    pub(crate) fn sent(
        &self,
        headers: &HeaderMap,
        form: &Form,
        key: &CsrfKey,
    ) -> Result<(), Foreign> {
        let token = form.get(CSRF).unwrap_or_default();
        self.sent_with(headers, token, key)
    }

    /// Whether the browser says that a request does not come from a page of ours.
    pub(crate) fn is_from_elsewhere(&self, headers: &HeaderMap) -> bool {
        is_cross_site(headers, &self.origin)
    }

    /// As [`sent`](Self::sent), for a token that came in another way.
    pub(crate) fn sent_with(
        &self,
        headers: &HeaderMap,
        token: &str,
        key: &CsrfKey,
    ) -> Result<(), Foreign> {
        let ours = !is_cross_site(headers, &self.origin)
            && !self.is_new
            && key.is_token(&self.browser, token);
        if ours { Ok(()) } else { Err(Foreign) }
    }

    /// A page for this browser, which learns its name with the first one.
    pub(crate) fn answer(&self, page: Page) -> Response {
        let mut response = page.into_response();
        self.introduce(&mut response);
        response
    }

    /// Tells a browser its name, if it has none yet.
    pub(crate) fn introduce(&self, response: &mut Response) {
        if self.is_new && self.is_kept {
            self.set(response, BROWSER, self.browser.as_str());
        }
    }

    /// Sets a cookie.
    pub(crate) fn set(&self, response: &mut Response, cookie: Cookie, value: &str) {
        append(response, cookie.set(value, self.transport));
    }

    /// Makes the browser forget a cookie.
    pub(crate) fn forget(&self, response: &mut Response, cookie: Cookie) {
        append(response, cookie.forget(self.transport));
    }
}

fn append(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The origin of the issuer, its host with its port, and how cookies are set there.
fn place(settings: &Settings) -> (String, String, Transport) {
    let id = settings.issuer().as_str();
    let origin = url::Url::parse(id).map(|url| url.origin().ascii_serialization());
    let origin = origin.unwrap_or_default();
    let host = origin.split("//").nth(1).unwrap_or_default().to_owned();
    let transport =
        if origin.starts_with("https:") { Transport::Secure } else { Transport::Loopback };
    (origin, host, transport)
}
