//! The client proves who it is (RFC 6749 §2.3, RFC 7523 §3).
//!
//! `attempt` → `authenticate` → `enabled`: each step leaves the proof that the next demands. An unknown
//! client, a wrong secret and a wrong method cost the same and end in the same answer.

use crate::{
    Client, ClientAuth, Directory, Fault, Unproven, WantedKey,
    argon::{self, Asker},
    assertion::{self, FirstUse},
    directory::{Entry, LiveSecret},
    excerpt, rows,
    secret::{Stored, Tag, is_ours},
    throttle::Place,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    AssertionFault, CertificateFault, ClientId, ClientProof, Denial, Timestamp,
};
use portcullis_web::PeerCertificate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, sync::Arc};

/// What a request brings to prove the client. `Debug` shows no secret.
#[derive(Debug)]
pub enum Credentials {
    /// Nothing, or only a name.
    Missing {
        /// `client_id`, if the form had one.
        client_id: Option<String>,
    },
    /// RFC 6749 §2.3.1.
    Secret {
        /// Basic or post.
        method: AuthMethod,
        /// As claimed.
        client_id: String,
        /// As claimed.
        secret: SecretString,
    },
    /// RFC 7523 §2.2.
    Assertion {
        /// `client_id`, if the form had one: then it must be the assertion's subject (RFC 7521 §4.2).
        client_id: Option<String>,
        /// The compact JWS.
        assertion: SecretString,
    },
    /// RFC 8705 §2: a name, and what the connection shows. See [`Directory::or_certificate`].
    Certificate {
        /// As claimed.
        client_id: String,
        /// As the client is registered.
        method: AuthMethod,
        /// `None` if the connection shows none.
        certificate: Option<PeerCertificate>,
    },
}

/// How a client authenticates, by the names of the IANA registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// In the `Authorization` header.
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
    /// By a signed assertion.
    PrivateKeyJwt,
    /// By a certificate that an authority vouches for.
    TlsClientAuth,
    /// By a certificate whose key is registered.
    SelfSignedTlsClientAuth,
}

impl AuthMethod {
    /// Those that this server always has.
    pub const ALL: [Self; 4] =
        [Self::PrivateKeyJwt, Self::ClientSecretBasic, Self::ClientSecretPost, Self::None];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        }
    }
}

impl Credentials {
    /// How they would authenticate; `None` if there are none.
    pub const fn method(&self) -> Option<AuthMethod> {
        match self {
            Self::Missing { .. } => None,
            Self::Secret { method, .. } | Self::Certificate { method, .. } => Some(*method),
            Self::Assertion { .. } => Some(AuthMethod::PrivateKeyJwt),
        }
    }

    /// Who they claim to be; for an assertion without `client_id`, its unverified subject.
    pub fn claimed(&self) -> Option<String> {
        match self {
            Self::Missing { client_id } => client_id.clone(),
            Self::Secret { client_id, .. } | Self::Certificate { client_id, .. } => {
                Some(client_id.clone())
            }
            Self::Assertion { client_id, assertion } => {
                client_id.clone().or_else(|| assertion::claimed_subject(assertion.expose_secret()))
            }
        }
    }
}

/// Permission to try: there were few enough failures.
pub struct Attempt {
    /// As claimed: only an exact match is a client. Denials carry its [`excerpt`].
    client_id: Option<String>,
    place: Place,
    from: Option<IpAddr>,
    now: Timestamp,
}

/// The client is who it claims to be. It may still be disabled.
pub struct Proven {
    client: Arc<Client>,
    method: AuthMethod,
    now: Timestamp,
    spent: Spent,
}

/// A client that is known, proven and enabled.
pub struct Authenticated {
    /// The client as it was when the request came.
    pub client: Arc<Client>,
    /// How it did that; [`AuthMethod::None`] for a public client, which proves nothing.
    pub method: AuthMethod,
    spent: Spent,
}

/// What the proof leaves behind in the store.
enum Spent {
    Nothing,
    Assertion(FirstUse),
    Secret { number: u32, at: Timestamp },
}

impl Directory {
    /// Whether this client may try again, from this address. Without an address its failures are counted
    /// per client alone: to count strangers as one would let each of them lock all others out.
    pub fn attempt(
        &self,
        client_id: Option<String>,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt, Denial> {
        let place = self.inner().throttle.place(client_id.as_deref(), from);
        self.inner().throttle.check(place, client_id.as_deref(), now)?;
        Ok(Attempt { client_id, place, from, now })
    }

    /// Whether the client is who it claims to be. The outer error is ours, the inner one theirs.
    ///
    /// Does not check that the client is enabled, nor that an assertion is used for the first time: see
    /// [`Proven::enabled`] and [`Authenticated::spend`].
    pub async fn authenticate(
        &self,
        attempt: Attempt,
        credentials: &Credentials,
    ) -> Result<Result<Proven, Denial>, Fault> {
        let entry = self.claimed(&attempt).await?;
        let outcome = match credentials {
            Credentials::Missing { .. } => by_name(entry.as_deref()),
            Credentials::Secret { method, secret, .. } => {
                let live = self.fitting(&attempt, entry.as_deref(), secret).await?;
                match live {
                    Err(throttled) => return Ok(Err(throttled)),
                    Ok(fits) => by_secret(*method, entry.as_deref(), fits, attempt.now),
                }
            }
            Credentials::Assertion { client_id, assertion } => {
                let claimed = client_id.as_deref();
                let assertion = assertion.expose_secret();
                // Boxed, as the next: it may fetch keys, and a secret needs none of that room.
                Box::pin(self.by_assertion(&attempt, claimed, entry.as_deref(), assertion)).await
            }
            Credentials::Certificate { method, certificate, .. } => {
                let shown = certificate.as_ref();
                let shown = self.by_certificate(*method, entry.as_deref(), shown, attempt.now);
                Box::pin(shown).await.map(|()| Spent::Nothing)
            }
        };
        let throttle = &self.inner().throttle;
        Ok(match (outcome, entry) {
            (Ok(spent), Some(entry)) => {
                throttle.succeeded(attempt.place, attempt.now);
                let method = credentials.method().unwrap_or(AuthMethod::None);
                Ok(Proven { client: entry.client.clone(), method, now: attempt.now, spent })
            }
            (outcome, _) => {
                let proof = outcome.err().unwrap_or(ClientProof::UnknownClient);
                // Who shows nothing guesses nothing; but each refusal is recorded.
                let absent = ClientProof::Certificate { fault: CertificateFault::Absent };
                if proof == ClientProof::Missing || proof == absent {
                    self.unproven(Unproven::Request, attempt.from, attempt.now)?;
                } else {
                    throttle.failed(attempt.place, attempt.now);
                }
                let client_id = attempt.client_id.as_deref().map(excerpt);
                Err(Denial::BadClient { client_id, proof })
            }
        })
    }

    /// Who is meant. Of names that are not in memory, only ids of our making are worth a look into the store,
    /// and only documents one into the world: nobody guesses the first, everybody may know the second, so the
    /// time that takes tells nothing about the names that operators chose.
    async fn claimed(&self, attempt: &Attempt) -> Result<Option<Arc<Entry>>, Fault> {
        let Some(id) = attempt.client_id.as_deref() else { return Ok(None) };
        if !id.starts_with("cli_") && !id.starts_with("https://") {
            return Ok(self.known(id));
        }
        match ClientId::new(id) {
            Ok(id) => Box::pin(self.entry_for(&id, (attempt.from, attempt.now))).await,
            Err(_) => Ok(None),
        }
    }

    /// Which live secret this one is. The form of what was presented decides the work, nothing else does.
    async fn fitting<'e>(
        &self,
        attempt: &Attempt,
        entry: Option<&'e Entry>,
        secret: &SecretString,
    ) -> Result<Result<Option<&'e LiveSecret>, Denial>, Fault> {
        let id = attempt.client_id.as_deref().unwrap_or_default();
        let live: Vec<_> = entry.map(|entry| entry.live(attempt.now).collect()).unwrap_or_default();
        if is_ours(secret.expose_secret()) {
            return Ok(Ok(self.fitting_tag(id, &live, secret)));
        }
        let (live, hashes): (Vec<_>, Vec<_>) = live
            .into_iter()
            .filter_map(|live| match &live.stored {
                Stored::Argon2id(hash) => Some((live, hash.clone())),
                Stored::Keyed(_) => None,
            })
            .unzip();
        let inner = self.inner();
        let pick = |place: Option<usize>| place.and_then(|place| live.get(place).copied());
        if let Some(place) = inner.argon.remembered(&inner.key, id, &hashes, secret) {
            return Ok(Ok(pick(Some(place))));
        }
        let asker = if entry.is_some() { Asker::Known } else { Asker::Stranger };
        let turn = inner.argon.turn(asker).await?;
        // Those who were before us in the queue may have failed meanwhile.
        if let Err(throttled) =
            inner.throttle.check(attempt.place, attempt.client_id.as_deref(), attempt.now)
        {
            return Ok(Err(throttled));
        }
        let fits = argon::verify(&turn, hashes.clone(), secret.clone()).await?;
        if let Some(hash) = fits.and_then(|place| hashes.get(place)) {
            let tag = inner.key.proof_tag(id, hash, secret.expose_secret());
            inner.argon.remember(id, tag);
        }
        Ok(Ok(pick(fits)))
    }

    /// Whether this is a secret of our making, and the client's. Counts a wrong one as a failure.
    pub fn has_secret(&self, attempt: &Attempt, secret: &str) -> bool {
        let id = attempt.client_id.as_deref().unwrap_or_default();
        let entry = self.known(id);
        let live: Vec<_> =
            entry.as_deref().map(|entry| entry.live(attempt.now).collect()).unwrap_or_default();
        let fits = self.fitting_tag(id, &live, &secret.into()).is_some();
        if !fits {
            self.inner().throttle.failed(attempt.place, attempt.now);
        }
        fits
    }

    fn fitting_tag<'e>(
        &self,
        client_id: &str,
        live: &[&'e LiveSecret],
        secret: &SecretString,
    ) -> Option<&'e LiveSecret> {
        let tag = self.inner().key.tag(client_id, secret.expose_secret());
        let mut fits = None;
        for place in 0..argon::LIVE {
            let secret = live.get(place).copied();
            let stored = match secret.map(|live| &live.stored) {
                Some(Stored::Keyed(stored)) => *stored,
                _ => Tag::NONE,
            };
            if tag.equals(&stored) {
                fits = secret;
            }
        }
        fits
    }

    async fn by_assertion(
        &self,
        attempt: &Attempt,
        claimed: Option<&str>,
        entry: Option<&Entry>,
        assertion: &str,
    ) -> Result<Spent, ClientProof> {
        let refuse = |fault| ClientProof::Assertion { fault };
        let jws = assertion::parse(assertion).map_err(refuse)?;
        let Some(entry) = entry else {
            self.inner().nobody.verify_in_vain(&jws);
            return Err(ClientProof::UnknownClient);
        };
        let client = &entry.client;
        if !matches!(client.auth, ClientAuth::PrivateKeyJwt { .. }) {
            self.inner().nobody.verify_in_vain(&jws);
            return Err(wrong_method(AuthMethod::PrivateKeyJwt, client));
        }
        let header = jws.header();
        client.admits_assertion_alg(header.alg).map_err(refuse)?;
        let (kid, alg) = (header.kid.as_deref(), header.alg);
        let keys = self.keys_of(client, WantedKey::Signed { kid, alg }, attempt.now).await;
        let keys = keys.map_err(|trouble| {
            let problem = trouble.to_string();
            refuse(AssertionFault::Keys { problem })
        })?;
        let mut candidates = keys.candidates(kid, alg).peekable();
        if candidates.peek().is_none() {
            self.inner().nobody.verify_in_vain(&jws);
        }
        let payload = assertion::verify(&jws, candidates).map_err(refuse)?;
        if claimed.is_some_and(|claimed| claimed != client.id.as_str()) {
            return Err(refuse(AssertionFault::Subject { found: "another client_id".into() }));
        }
        assertion::claims(&payload, client, &self.inner().issuer, attempt.now)
            .map(Spent::Assertion)
            .map_err(refuse)
    }
}

/// A public client shows nothing but its name (RFC 6749 §3.2.1); from any other that is not enough.
fn by_name(entry: Option<&Entry>) -> Result<Spent, ClientProof> {
    match entry {
        Some(entry) if entry.client.is_public() => Ok(Spent::Nothing),
        _ => Err(ClientProof::Missing),
    }
}

fn by_secret(
    method: AuthMethod,
    entry: Option<&Entry>,
    fits: Option<&LiveSecret>,
    now: Timestamp,
) -> Result<Spent, ClientProof> {
    let entry = entry.ok_or(ClientProof::UnknownClient)?;
    if entry.client.auth != ClientAuth::ClientSecret {
        return Err(wrong_method(method, &entry.client));
    }
    let secret = fits.ok_or(ClientProof::WrongSecret)?;
    Ok(if secret.is_news(now) {
        Spent::Secret { number: secret.number, at: now }
    } else {
        Spent::Nothing
    })
}

pub(crate) fn wrong_method(used: AuthMethod, client: &Client) -> ClientProof {
    ClientProof::WrongMethod { used: used.name().into(), registered: client.auth.name().into() }
}

impl Proven {
    /// The client as it was when the request came.
    pub fn client_id(&self) -> &ClientId {
        &self.client.id
    }

    /// How it proved that.
    pub const fn method(&self) -> AuthMethod {
        self.method
    }

    /// Whether it may act at all.
    pub fn enabled(self) -> Result<Authenticated, Denial> {
        self.client.enabled(self.now)?;
        Ok(Authenticated { client: self.client, method: self.method, spent: self.spent })
    }
}

impl Authenticated {
    /// A client that proves nothing has only so much kept from one address: [`Fault::TooMany`] beyond that.
    pub fn within_budget(
        &self,
        directory: &Directory,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        match self.method {
            AuthMethod::None => directory.unproven(Unproven::Request, from, now),
            _ => Ok(()),
        }
    }

    /// Whether [`spend`](Self::spend) would write anything.
    pub const fn has_something_to_spend(&self) -> bool {
        !matches!(self.spent, Spent::Nothing)
    }

    /// Uses the proof up, in the transaction of what it was used for: an assertion counts once
    /// (RFC 7523 §3 point 7), however many requests race with it. The outer error is ours.
    pub fn spend(&self, tx: &mut Tx<'_>) -> Result<Result<(), Denial>, StoreFault> {
        match &self.spent {
            Spent::Nothing => {}
            Spent::Secret { number, at } => rows::touch_secret(tx, &self.client.id, *number, *at)?,
            Spent::Assertion(first) => {
                if !rows::insert_use(tx, &self.client.id, &first.jti, first.expires)? {
                    let fault = AssertionFault::Replayed { jti: first.jti.to_string() };
                    let client_id = Some(self.client.id.to_string());
                    let proof = ClientProof::Assertion { fault };
                    return Ok(Err(Denial::BadClient { client_id, proof }));
                }
            }
        }
        Ok(Ok(()))
    }
}
