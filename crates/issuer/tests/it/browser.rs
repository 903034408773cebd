//! A browser as far as we need one: it keeps cookies and follows nothing by itself.

use crate::house::{Answer, House};
use std::{collections::BTreeMap, sync::Mutex};

pub(crate) struct Browser<'h> {
    house: &'h House,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl<'h> Browser<'h> {
    pub(crate) fn new(house: &'h House) -> Self {
        Self { house, cookies: Mutex::default() }
    }

    /// With the session of somebody who signed in a moment ago.
    pub(crate) async fn signed_in(house: &'h House, login: &str) -> Self {
        let browser = Self::new(house);
        let cookie = house.session(login).await;
        browser.put("__Host-session", &cookie);
        browser
    }

    pub(crate) fn put(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// `path` below the issuer, or a whole address of ours.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.house.http.get(self.house.at(path))).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = encoded(form);
        let request = self.house.http.post(self.house.at(path)).body(body);
        let kind = "application/x-www-form-urlencoded";
        self.send(request.header("content-type", kind)).await
    }

    /// A form of another site: what is `SameSite=Lax` stays behind.
    pub(crate) async fn post_from_elsewhere(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.house.http.post(self.house.at(path)).body(encoded(form));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "https://notebook.example")
            .header("sec-fetch-site", "cross-site");
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let jar = self.cookies.lock().unwrap().clone();
        let line: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            if line.is_empty() { request } else { request.header("cookie", line.join("; ")) };
        let answer = Answer::of(request.send().await.unwrap()).await;
        for value in answer.headers.get_all("set-cookie") {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut jar = self.cookies.lock().unwrap();
            if value.is_empty() {
                jar.remove(name)
            } else {
                jar.insert(name.into(), value.into())
            };
        }
        answer
    }
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The value of a hidden field of a page.
pub(crate) fn field(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {page}")).1;
    rest.split('"').next().unwrap().to_owned()
}

impl Answer {
    /// The parameters of the redirect, and where it goes.
    pub(crate) fn redirect(&self) -> (String, BTreeMap<String, String>) {
        assert_eq!(self.status, 303, "{}", self.body);
        let location = url::Url::parse(self.header("location")).unwrap();
        let pairs = location.query_pairs().into_owned().collect();
        let mut bare = location.clone();
        bare.set_query(None);
        (bare.to_string(), pairs)
    }

    /// `error` of the redirect.
    pub(crate) fn redirected_error(&self) -> String {
        self.redirect().1.get("error").cloned().unwrap_or_default()
    }
}
