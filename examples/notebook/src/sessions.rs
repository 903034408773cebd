//! Who is signed in, in memory: a sample forgets when it stops.

use axum::http::{HeaderMap, HeaderValue, header};
use openidconnect::{AccessToken, CsrfToken, Nonce, PkceCodeVerifier};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

const COOKIE: &str = "notebook";
/// More than a sample ever has; the oldest go first.
const MOST: usize = 1000;

/// A person who is signed in.
#[derive(Clone)]
pub(crate) struct Session {
    /// The verified claims of the ID token, and what `/userinfo` told.
    pub(crate) claims: Map<String, Value>,
    /// The ID token itself, for signing out.
    pub(crate) id_token: String,
    pub(crate) access_token: AccessToken,
    pub(crate) scope: String,
    /// For the forms of this session: another site cannot know it.
    pub(crate) csrf: String,
}

/// A sign-in that has begun in this browser.
pub(crate) struct Pending {
    pub(crate) state: CsrfToken,
    pub(crate) nonce: Nonce,
    pub(crate) code_verifier: PkceCodeVerifier,
}

enum Entry {
    Pending(Pending),
    SignedIn(Session),
}

#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, (Instant, Entry)>>);

impl Sessions {
    /// Notes the start of a sign-in; the cookie binds it to this browser.
    pub(crate) fn begin(&self, pending: Pending) -> HeaderValue {
        self.insert(Entry::Pending(pending))
    }

    /// The sign-in that this browser began: once.
    pub(crate) fn take_pending(&self, headers: &HeaderMap) -> Option<Pending> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.remove(&cookie(headers)?)?.1 {
            Entry::Pending(pending) => Some(pending),
            Entry::SignedIn(_) => None,
        }
    }

    /// Begins a session, under a name that nobody knew before.
    pub(crate) fn sign_in(&self, session: Session) -> HeaderValue {
        self.insert(Entry::SignedIn(session))
    }

    pub(crate) fn current(&self, headers: &HeaderMap) -> Option<Session> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &all.get(&cookie(headers)?)?.1 {
            Entry::SignedIn(session) => Some(session.clone()),
            Entry::Pending(_) => None,
        }
    }

    pub(crate) fn end(&self, headers: &HeaderMap) -> Option<Session> {
        let session = self.current(headers)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&cookie(headers)?);
        Some(session)
    }

    fn insert(&self, entry: Entry) -> HeaderValue {
        // 128 random bits, as the library draws them.
        let name = CsrfToken::new_random_len(16).into_secret();
        let cookie = format!("{COOKIE}={name}; Path=/; HttpOnly; SameSite=Lax");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            let oldest =
                all.iter().min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        all.insert(name, (Instant::now(), entry));
        HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}
