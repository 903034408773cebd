//! A person with a browser.

use crate::house::{Answer, House};
use portcullis_directory::{Acting, NewPerson, Person, Profile};
use portcullis_types::Entropy;
use secrecy::SecretString;
use std::{collections::BTreeMap, sync::Mutex};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Somebody with a password.
pub(crate) async fn person(house: &House, login: &str) -> Person {
    let mut entropy = house.entropy();
    let new = NewPerson {
        login: login.to_owned(),
        profile: Profile { name: Some("Ada Lovelace".into()), ..Profile::default() },
        ..NewPerson::default()
    };
    let person = house.directory.add_person(acting(house, &mut entropy), new).await.unwrap();
    let by = acting(house, &mut entropy);
    let set =
        house.directory.set_password(by, &person.id, SecretString::from(PASSWORD), None).await;
    set.unwrap().unwrap();
    person
}

pub(crate) fn acting<'a>(house: &House, entropy: &'a mut dyn Entropy) -> Acting<'a> {
    Acting { actor: "test", now: house.now(), entropy }
}

/// A browser: it keeps cookies, and follows nothing by itself.
pub(crate) struct Visitor<'h> {
    house: &'h House,
    cookies: Mutex<BTreeMap<String, String>>,
    /// Sent with each request.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl<'h> Visitor<'h> {
    pub(crate) fn new(house: &'h House) -> Self {
        Self { house, cookies: Mutex::default(), headers: Vec::new() }
    }

    /// One who signed in a moment ago.
    pub(crate) async fn signed_in(house: &'h House, login: &str) -> Self {
        let visitor = Self::new(house);
        let answer = visitor.sign_in(login, PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor
    }

    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> Answer {
        self.get("/sign-in").await;
        self.form("/sign-in", &[("login", login), ("password", password)]).await
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn put(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    fn at(&self, path: &str) -> String {
        format!("{}/tenants/one{path}", self.house.base)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.house.http.get(self.at(path))).await
    }

    /// A form as a page of ours for this browser would send it.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get("/sign-in?return=account").await;
        let page = if page.status == 303 { self.get("/account").await } else { page };
        let csrf = field(&page.body, "csrf");
        self.post(path, &[&[("csrf", csrf.as_str())], fields].concat()).await
    }

    /// A form as anybody could send it.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.send(self.house.http.post(self.at(path)).header(kind.0, kind.1).body(body)).await
    }

    /// JSON as a script of ours would send it.
    pub(crate) async fn json(&self, path: &str, body: &serde_json::Value) -> Answer {
        let request =
            self.house.http.post(self.at(path)).header("content-type", "application/json");
        self.send(request.body(body.to_string())).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        let jar: Vec<String> = {
            let jar = self.cookies.lock().unwrap();
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        if !jar.is_empty() {
            request = request.header("cookie", jar.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        for value in answer.headers.get_all("set-cookie") {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.put(name, value);
        }
        answer
    }
}

/// The value of a hidden field of a page.
pub(crate) fn field(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {page}")).1;
    rest.split('"').next().unwrap().to_owned()
}
