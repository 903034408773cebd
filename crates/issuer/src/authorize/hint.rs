//! `id_token_hint` (OpenID Connect Core §3.1.2.1, RP-Initiated Logout 1.0 §2): an ID token of ours, given
//! back by the app that has it. It may have expired: it names a person, it proves nothing.

use super::parameters::unfit;
use portcullis_directory::Client;
use portcullis_jose::{jwk::KeySet, jws::Compact};
use portcullis_types::{Denial, Issuer};
use serde::Deserialize;

/// The kinds of JWT of ours that are no ID token, by their `typ`.
const OTHER_KINDS: [&str; 3] = ["at+jwt", "logout+jwt", "token-introspection+jwt"];

/// Reads hints with our published keys: next, current and retiring.
pub(crate) struct Hints<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) keys: &'a KeySet,
}

/// Whom an ID token of ours names.
#[derive(Debug, Deserialize)]
pub(crate) struct Hinted {
    iss: String,
    pub(crate) sub: String,
    aud: Audiences,
    pub(crate) sid: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

/// Why a hint says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HintFault {
    /// Its key is gone, or was never ours: an old token, perhaps.
    UnknownKey,
    /// It is no ID token of ours, or was altered.
    Wrong,
}

impl Hinted {
    /// The apps that it was made for.
    pub(crate) fn audiences(&self) -> &[String] {
        match &self.aud {
            Audiences::One(one) => std::slice::from_ref(one),
            Audiences::Several(several) => several,
        }
    }
}

impl Hints<'_> {
    /// Checks signature, issuer and kind; not the time.
    pub(crate) fn read(&self, token: &str) -> Result<Hinted, HintFault> {
        let wrong = |_| HintFault::Wrong;
        let jws = Compact::parse(token).map_err(|_| HintFault::Wrong)?;
        let header = jws.header();
        let typ = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if OTHER_KINDS.contains(&typ.trim_start_matches("application/")) {
            return Err(HintFault::Wrong);
        }
        let kid = header.kid.as_deref().ok_or(HintFault::Wrong)?;
        let key = self.keys.find(kid, header.alg).ok_or(HintFault::UnknownKey)?;
        let payload = jws.verify(key).map_err(|_| HintFault::Wrong)?;
        portcullis_jose::json::unique(payload.as_ref()).map_err(|_| HintFault::Wrong)?;
        let hinted: Hinted = serde_json::from_slice(payload.as_ref()).map_err(wrong)?;
        if hinted.iss == self.issuer.as_str() { Ok(hinted) } else { Err(HintFault::Wrong) }
    }

    /// The `sub` that the app knows. `None` if the token is too old to be checked: then it hints nothing.
    pub(crate) fn subject(&self, client: &Client, token: &str) -> Result<Option<String>, Denial> {
        match self.read(token) {
            Ok(hinted) if hinted.audiences().iter().any(|aud| aud == client.id.as_str()) => {
                Ok(Some(hinted.sub))
            }
            Ok(_) => Err(unfit("id_token_hint", "is an ID token for another app")),
            Err(HintFault::UnknownKey) => Ok(None),
            Err(HintFault::Wrong) => Err(unfit("id_token_hint", "is not an ID token of ours")),
        }
    }
}
