//! Changes to clients. Each says who acts, and is written with its audit record in one transaction.

mod detail;
mod own;

use crate::{
    CertificateMatcher, Client, ClientAuth, ClientKeys, ClientSecret, Directory, Fault, GrantType,
    Registration, argon, grant, rows, secret::Stored,
};
pub(crate) use detail::{described, detailed, difference};
use portcullis_audit::{self as audit, Admin, Event, Record};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Audience, ClientId, DecisionId, Entropy, Pattern, Random, Scopes, Stage, Tenant, Timestamp,
    Trace, Ttl,
};
use std::{collections::BTreeMap, sync::Arc};

/// Who makes a change, when, and with which randomness.
pub struct Acting<'a> {
    /// The acting principal, as the audit log shows it: `cli:alice@host`, a client, an operator.
    pub actor: &'a str,
    /// When.
    pub now: Timestamp,
    /// For ids and secrets.
    pub entropy: &'a mut dyn Entropy,
}

/// A client to be registered.
#[derive(Debug)]
pub struct NewClient {
    /// A name to be its id; without one it gets `cli_…`.
    pub id: Option<ClientId>,
    /// What people call it.
    pub name: String,
    /// How it will prove who it is.
    pub auth: NewAuth,
    /// See [`Client::grant_types`].
    pub grant_types: Vec<GrantType>,
    /// See [`Client::scopes`].
    pub scopes: Vec<Pattern>,
    /// See [`Client::default_scope`].
    pub default_scope: Option<Scopes>,
    /// See [`Client::resources`].
    pub resources: Vec<Audience>,
    /// See [`Client::default_resource`].
    pub default_resource: Option<Audience>,
    /// See [`Client::tenant`].
    pub tenant: Option<Tenant>,
    /// See [`Client::registration`].
    pub registration: Registration,
    /// See [`Client::expires`].
    pub expires: Option<Timestamp>,
}

/// The credentials of a new client.
#[derive(Debug)]
pub enum NewAuth {
    /// None: a public client.
    Public,
    /// A secret of our making.
    Generated,
    /// A secret that the operator chose.
    Chosen(ClientSecret),
    /// `private_key_jwt` with these public keys.
    Keys(ClientKeys),
    /// `tls_client_auth` with a certificate of this name.
    Certificate(CertificateMatcher),
    /// `self_signed_tls_client_auth` with a certificate for one of these keys.
    SelfSigned(ClientKeys),
}

/// A client as it was registered, and its secret: the only time that it can be read.
#[derive(Debug)]
pub struct Added {
    /// The client.
    pub client: Arc<Client>,
    /// Its secret, if it has one.
    pub secret: Option<ClientSecret>,
}

/// One change: what the audit record will say.
pub(crate) struct Change {
    id: DecisionId,
    at: Timestamp,
    actor: String,
    action: &'static str,
}

impl Change {
    pub(crate) fn new(by: &mut Acting<'_>, action: &'static str) -> Self {
        let id = DecisionId::fresh(by.now, &Random::draw(by.entropy));
        Self { id, at: by.now, actor: by.actor.to_owned(), action }
    }

    pub(crate) fn append(
        &self,
        tx: &mut Tx<'_>,
        target: &str,
        detail: BTreeMap<String, String>,
    ) -> Result<(), StoreFault> {
        let admin = Admin {
            actor: self.actor.as_str().into(),
            action: self.action.into(),
            target: target.into(),
            detail,
        };
        audit::append(
            tx,
            &Record {
                id: self.id,
                at: self.at,
                trace: Trace::new(Stage::Grant),
                denial: None,
                ruled: None,
                event: Event::Admin(admin),
            },
        )
    }
}

impl Directory {
    /// Registers a client.
    pub async fn add(&self, mut by: Acting<'_>, new: NewClient) -> Result<Added, Fault> {
        let change = Change::new(&mut by, "client.add");
        let (client, secret) = new.into_client(&mut by);
        if let Some(problem) = client.problem() {
            return Err(Fault::Invalid(problem));
        }
        let salt = Random::draw(by.entropy);
        let (stored, secret) = self.hashed(&client.id, secret, salt).await?;
        let id = client.id.clone();
        self.change(move |tx| {
            if !rows::insert(tx, &client)? {
                return Err(Fault::Taken(client.id));
            }
            if let Some(stored) = stored {
                rows::insert_secret(tx, &client.id, 1, &stored, client.created)?;
            }
            Ok(change.append(tx, client.id.as_str(), described(&client))?)
        })
        .await?;
        let client = self.client(&id).ok_or(Fault::UnknownClient(id))?;
        Ok(Added { client, secret })
    }

    /// Ends everything at once: no more tokens, and those that are out open nothing.
    pub async fn disable(&self, by: Acting<'_>, id: &ClientId) -> Result<Arc<Client>, Fault> {
        let now = by.now;
        self.edited(by, "client.disable", id, move |client| {
            client.disabled_since.get_or_insert(now);
            client.held = true;
            Ok(())
        })
        .await
    }

    /// Takes `disable` back: tokens that have not expired meanwhile work again.
    pub async fn enable(&self, by: Acting<'_>, id: &ClientId) -> Result<Arc<Client>, Fault> {
        self.edited(by, "client.enable", id, |client| {
            (client.disabled_since, client.held) = (None, false);
            Ok(())
        })
        .await
    }

    /// Changes a client: its name, rights, defaults, tenant or keys. Whatever `edit` does to its id, its
    /// dates and its secrets is ignored, and it cannot change from secrets to keys or back.
    pub async fn update(
        &self,
        by: Acting<'_>,
        id: &ClientId,
        edit: impl FnOnce(&mut Client) + Send + 'static,
    ) -> Result<Arc<Client>, Fault> {
        self.edited(by, "client.update", id, |client| {
            let kept = (client.disabled_since, client.held, client.not_before);
            edit(client);
            (client.disabled_since, client.held, client.not_before) = kept;
            Ok(())
        })
        .await
    }

    /// Gives a client a new secret. The old one works for `overlap` longer; of two old ones, only the
    /// newer. Without overlap, its tokens are ended as well.
    pub async fn rotate_secret(
        &self,
        by: Acting<'_>,
        id: &ClientId,
        overlap: Ttl,
    ) -> Result<Added, Fault> {
        self.rotated(by, (id, None), overlap).await
    }

    /// The same; of that tenant's client alone, if there is one.
    async fn rotated(
        &self,
        mut by: Acting<'_>,
        (id, owner): (&ClientId, Option<&Tenant>),
        overlap: Ttl,
    ) -> Result<Added, Fault> {
        let change = Change::new(&mut by, "client.rotate_secret");
        let secret = ClientSecret::generate(by.entropy);
        let salt = Random::draw(by.entropy);
        let (stored, secret) = self.hashed(id, Some(secret), salt).await?;
        let (stored, now) = (stored.ok_or(Fault::Hash)?, by.now);
        let (client_id, owner) = (id.clone(), owner.cloned());
        self.change(move |tx| {
            let client = rows::one(tx, &client_id)?;
            own::belongs(&client, owner.as_ref())?;
            if client.auth != ClientAuth::ClientSecret {
                return Err(Fault::Invalid(format!("client {client_id} has no secret")));
            }
            end_secrets(tx, &client, now, overlap)?;
            let number = client.secrets.iter().map(|secret| secret.number).max().unwrap_or(0) + 1;
            rows::insert_secret(tx, &client_id, number, &stored, now)?;
            if overlap == Ttl::seconds(0) {
                let after = Client { not_before: Some(next_second(now)), ..client.clone() };
                rows::update(tx, &after)?;
                grant::revoke_changed(tx, &client, &after, now)?;
            }
            let detail = [("secret", number.to_string()), ("overlap", overlap.to_string())];
            Ok(change.append(tx, client_id.as_str(), detailed(detail))?)
        })
        .await?;
        let client = self.client(id).ok_or_else(|| Fault::UnknownClient(id.clone()))?;
        Ok(Added { client, secret })
    }

    async fn edited(
        &self,
        mut by: Acting<'_>,
        action: &'static str,
        id: &ClientId,
        edit: impl FnOnce(&mut Client) -> Result<(), Fault> + Send + 'static,
    ) -> Result<Arc<Client>, Fault> {
        let change = Change::new(&mut by, action);
        let (client_id, now) = (id.clone(), by.now);
        self.change(move |tx| {
            let before = rows::one(tx, &client_id)?;
            let mut after = before.clone();
            edit(&mut after)?;
            after.id = before.id.clone();
            if std::mem::discriminant(&before.auth) != std::mem::discriminant(&after.auth) {
                let problem = "a client cannot change between secrets and keys; add another";
                return Err(Fault::Invalid(problem.into()));
            }
            if let Some(problem) = after.problem() {
                return Err(Fault::Invalid(problem));
            }
            rows::update(tx, &after)?;
            grant::revoke_changed(tx, &before, &after, now)?;
            Ok(change.append(tx, client_id.as_str(), difference(&before, &after))?)
        })
        .await?;
        self.client(id).ok_or_else(|| Fault::UnknownClient(id.clone()))
    }

    /// Runs a change in a transaction of its own and publishes the outcome.
    pub(crate) async fn change(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<(), Fault> + Send + 'static,
    ) -> Result<(), Fault> {
        self.transact(job).await?;
        self.reload().await
    }

    /// Off the runtime, since a chosen secret takes a while.
    pub(crate) async fn hashed(
        &self,
        id: &ClientId,
        secret: Option<ClientSecret>,
        salt: Random<16>,
    ) -> Result<(Option<Stored>, Option<ClientSecret>), Fault> {
        let Some(secret) = secret else { return Ok((None, None)) };
        let (id, key) = (id.clone(), self.inner().key.clone());
        let work = move || (Stored::hash(id.as_str(), &secret, &key, &salt), secret);
        let (stored, secret) = tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Hash)?;
        Ok((Some(stored.ok_or(Fault::Hash)?), Some(secret)))
    }
}

impl NewClient {
    pub(crate) fn into_client(mut self, by: &mut Acting<'_>) -> (Client, Option<ClientSecret>) {
        let (auth, secret) = match std::mem::replace(&mut self.auth, NewAuth::Public) {
            NewAuth::Public => (ClientAuth::None, None),
            NewAuth::Generated => {
                (ClientAuth::ClientSecret, Some(ClientSecret::generate(by.entropy)))
            }
            NewAuth::Chosen(secret) => (ClientAuth::ClientSecret, Some(secret)),
            NewAuth::Keys(jwks) => (ClientAuth::PrivateKeyJwt { jwks }, None),
            NewAuth::Certificate(matcher) => (ClientAuth::TlsClient { matcher }, None),
            NewAuth::SelfSigned(jwks) => (ClientAuth::SelfSignedTls { jwks }, None),
        };
        let id = self.id.take().unwrap_or_else(|| fresh_id(by.entropy));
        (self.with(id, auth, by.now), secret)
    }

    /// The client of a document that everybody can read; `None` if it were to have a secret.
    pub fn known_by_document(mut self, id: &ClientId, now: Timestamp) -> Option<Client> {
        let auth = match std::mem::replace(&mut self.auth, NewAuth::Public) {
            NewAuth::Public => ClientAuth::None,
            NewAuth::Keys(jwks) => ClientAuth::PrivateKeyJwt { jwks },
            NewAuth::Certificate(matcher) => ClientAuth::TlsClient { matcher },
            NewAuth::SelfSigned(jwks) => ClientAuth::SelfSignedTls { jwks },
            NewAuth::Generated | NewAuth::Chosen(_) => return None,
        };
        Some(self.with(id.clone(), auth, now))
    }

    fn with(self, id: ClientId, auth: ClientAuth, now: Timestamp) -> Client {
        Client {
            id,
            name: self.name,
            auth,
            grant_types: self.grant_types,
            scopes: self.scopes,
            default_scope: self.default_scope,
            resources: self.resources,
            default_resource: self.default_resource,
            tenant: self.tenant,
            disabled_since: None,
            held: false,
            not_before: None,
            registration: self.registration,
            created: now,
            expires: self.expires,
            secrets: Vec::new(),
        }
    }
}

/// `cli_` and 100 random bits, in lower-case letters and digits that cannot be confused.
fn fresh_id(entropy: &mut dyn Entropy) -> ClientId {
    const LETTERS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h',
        'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
    ];
    loop {
        let bytes = Random::<20>::draw(entropy);
        let letters = bytes.bytes().iter().filter_map(|b| LETTERS.get(usize::from(*b) % 32));
        let text: String = "cli_".chars().chain(letters.copied()).collect();
        // The first try does: every letter of it is allowed.
        if let Ok(id) = ClientId::new(&text) {
            return id;
        }
    }
}

/// Leaves at most one old secret, and that for `overlap` only.
fn end_secrets(
    tx: &mut Tx<'_>,
    client: &Client,
    now: Timestamp,
    overlap: Ttl,
) -> Result<(), StoreFault> {
    let until = now.plus(overlap);
    let mut kept = 0;
    for secret in &client.secrets {
        let expires = secret.expires.map_or(until, |expires| expires.min(until));
        if expires > now && kept + 1 < argon::LIVE {
            rows::expire_secret(tx, &client.id, secret.number, expires)?;
            kept += 1;
        } else {
            rows::delete_secret(tx, &client.id, secret.number)?;
        }
    }
    Ok(())
}

/// `iat` has whole seconds, so a token of this very second counts as earlier.
const fn next_second(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds() + 1)
}
