//! Apps that register themselves (RFC 7591), and what they may do about that later (RFC 7592).
//!
//! An invitation is RFC 7591's initial access token: it is used up in the transaction that makes the
//! client. What manages a registration is a secret of its own, of which only a hash is kept.

mod quota;

pub(crate) use quota::Quota;

use crate::{
    Acting, Client, ClientSecret, Directory, Fault, NewClient, Origin,
    admin::{Change, described, detailed, difference},
    grant, opaque, rows,
    secret::Stored,
};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{ClientId, Random, Timestamp, Ttl, stamped_id};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use std::{net::IpAddr, sync::Arc};

/// After this, no token of a client that ended can be valid, so its row may go.
const KEPT: Ttl = Ttl::LONGEST_ACCESS_TOKEN.times(2);

/// An initial access token (RFC 7591 §3), without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invitation {
    /// `inv_…`.
    pub id: String,
    /// Whom it is for, in the operator's words.
    pub note: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on nobody gets in with it.
    pub expires: Timestamp,
    /// How many clients may still be registered with it.
    pub uses_left: u32,
}

/// An invitation to be made.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Whom it is for.
    pub note: String,
    /// How long it is good.
    pub ttl: Ttl,
    /// How many clients may be registered with it.
    pub uses: u32,
}

/// A client that registered itself, with what is told to it this once.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Arc<Client>,
    /// Its secret, if it has one and it is new.
    pub secret: Option<ClientSecret>,
    /// What manages the registration (RFC 7592 §3).
    pub token: SecretString,
}

/// How a registration is admitted.
#[derive(Clone, Debug)]
pub enum Admission<'a> {
    /// With an initial access token, as it was presented.
    Invited(&'a str),
    /// Without: so many an hour from each address, and so many clients in all.
    Open {
        /// From where, if that is known.
        from: Option<IpAddr>,
        /// How many an hour.
        per_hour: u32,
        /// How many dynamic clients there may be.
        most: usize,
    },
}

/// Why a registration is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The token is unknown, used up or expired.
    Token,
    /// There were too many from there.
    Quota {
        /// When the next is admitted.
        retry_after: Ttl,
    },
    /// There are as many clients as there may be.
    Full,
}

impl Directory {
    /// Makes an initial access token, which is shown this once.
    pub async fn invite(
        &self,
        mut by: Acting<'_>,
        new: NewInvitation,
    ) -> Result<(Invitation, SecretString), Fault> {
        let change = Change::new(&mut by, "client.invite");
        let invitation = Invitation {
            id: stamped_id("inv_", by.now, &Random::draw(by.entropy)),
            note: new.note,
            created: by.now,
            expires: by.now.plus(new.ttl),
            uses_left: new.uses,
        };
        let (token, hash) = opaque::mint(&invitation.id, &Random::draw(by.entropy));
        let row = invitation.clone();
        self.inner()
            .store
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO client_invitation (id, secret_hash, note, created, expires, \
                     uses_left) VALUES ($1, $2, $3, $4, $5, $6)",
                    &[
                        (&row.id).into(),
                        hash.as_slice().into(),
                        (&row.note).into(),
                        row.created.into(),
                        row.expires.into(),
                        row.uses_left.into(),
                    ],
                )?;
                let facts = [
                    ("note", row.note.clone()),
                    ("expires", row.expires.to_string()),
                    ("uses", row.uses_left.to_string()),
                ];
                change.append(tx, &row.id, detailed(facts))
            })
            .await?;
        Ok((invitation, token))
    }

    /// The invitations that are still good, oldest first.
    pub async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, Fault> {
        let rows = self.inner().store.read(move |tx| {
            tx.query(
                "SELECT id, note, created, expires, uses_left FROM client_invitation \
                 WHERE expires > $1 AND uses_left > 0 ORDER BY id",
                &[now.into()],
            )
        });
        Ok(rows.await?.iter().map(invitation).collect::<Result<_, _>>()?)
    }

    /// Takes an invitation back. False if there is none.
    pub async fn withdraw(&self, mut by: Acting<'_>, id: &str) -> Result<bool, Fault> {
        let change = Change::new(&mut by, "client.withdraw_invitation");
        let id = id.to_owned();
        let gone = self.inner().store.write(move |tx| {
            let gone =
                tx.execute("DELETE FROM client_invitation WHERE id = $1", &[(&id).into()])?;
            if gone == 1 {
                change.append(tx, &id, detailed([]))?;
            }
            Ok(gone == 1)
        });
        Ok(gone.await?)
    }

    /// Registers a client that asks for itself. The outer error is ours, or says what makes no sense about
    /// the client.
    pub async fn register(
        &self,
        mut by: Acting<'_>,
        new: NewClient,
        admission: Admission<'_>,
    ) -> Result<Result<Registered, NotAdmitted>, Fault> {
        let change = Change::new(&mut by, "client.register");
        if let Err(refused) = self.admits(&admission, by.now) {
            return Ok(Err(refused));
        }
        let (client, secret) = new.into_client(&mut by);
        if let Some(problem) = client.problem() {
            return Err(Fault::Invalid(problem));
        }
        let (token, token_hash) = opaque::mint(client.id.as_str(), &Random::draw(by.entropy));
        let salt = Random::draw(by.entropy);
        let (stored, secret) = self.hashed(&client.id, secret, salt).await?;
        let invited = match admission {
            Admission::Invited(token) => Some(token.to_owned()),
            Admission::Open { .. } => None,
        };
        let id = client.id.clone();
        let written = self.inner().store.write(move |tx| {
            let mut facts = described(&client);
            if let Some(presented) = invited {
                let Some(invitation) = use_up(tx, &presented, client.created)? else {
                    return Ok(false);
                };
                facts.insert("invitation".to_owned(), invitation);
            }
            insert(tx, &client, stored.as_ref(), &token_hash)?;
            change.append(tx, client.id.as_str(), facts)?;
            Ok(true)
        });
        if !written.await? {
            return Ok(Err(NotAdmitted::Token));
        }
        let entry = self.entry(&id).await?.ok_or_else(|| Fault::UnknownClient(id.clone()))?;
        Ok(Ok(Registered { client: entry.client.clone(), secret, token }))
    }

    fn admits(&self, admission: &Admission<'_>, now: Timestamp) -> Result<(), NotAdmitted> {
        let Admission::Open { from, per_hour, most } = admission else { return Ok(()) };
        let snapshot = self.inner().snapshot.load();
        let dynamic = |client: &Client| client.registration.origin == Origin::Dynamic;
        let many = snapshot.clients.values().filter(|entry| dynamic(&entry.client)).count();
        if many >= *most {
            return Err(NotAdmitted::Full);
        }
        let quota = self.inner().quota.take(*from, *per_hour, now);
        quota.map_err(|retry_after| NotAdmitted::Quota { retry_after })
    }

    /// The client that this token manages (RFC 7592 §2); `None` for a wrong token, and for a client that
    /// is gone, disabled or ended.
    pub async fn managed(
        &self,
        id: &ClientId,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Client>>, Fault> {
        let (key, presented) = (id.clone(), token.to_owned());
        let write = self.inner().store.write(move |tx| manages(tx, &key, &presented));
        if !write.await? {
            return Ok(None);
        }
        // Another node may have changed it a moment ago: what is kept in memory may be older.
        let key = id.clone();
        let found = self.inner().store.read(move |tx| Ok(rows::find(tx, &key))).await??;
        Ok(found.filter(|entry| entry.client.enabled(now).is_ok()).map(|entry| entry.client))
    }

    /// Puts another registration in the place of the old one (RFC 7592 §2.2). The token changes; the old
    /// one works until the new one is used, so that a lost answer locks nobody out.
    pub async fn reregister(
        &self,
        mut by: Acting<'_>,
        id: &ClientId,
        new: NewClient,
    ) -> Result<Registered, Fault> {
        let change = Change::new(&mut by, "client.reregister");
        let (token, hash) = opaque::mint(id.as_str(), &Random::draw(by.entropy));
        let (wanted, _) = new.into_client(&mut by);
        let key = id.clone();
        self.change(move |tx| {
            let before = rows::one(tx, &key)?;
            let after = Client {
                id: before.id.clone(),
                tenant: before.tenant.clone(),
                disabled_since: before.disabled_since,
                not_before: before.not_before,
                created: before.created,
                expires: before.expires,
                secrets: before.secrets.clone(),
                ..wanted
            };
            if std::mem::discriminant(&before.auth) != std::mem::discriminant(&after.auth) {
                let problem = "token_endpoint_auth_method cannot change; register another client";
                return Err(Fault::Invalid(problem.into()));
            }
            if let Some(problem) = after.problem() {
                return Err(Fault::Invalid(problem));
            }
            rows::update(tx, &after)?;
            tx.execute(
                "UPDATE client_registration SET previous_hash = token_hash, token_hash = $1 \
                 WHERE client_id = $2",
                &[hash.as_slice().into(), key.as_str().into()],
            )?;
            Ok(change.append(tx, key.as_str(), difference(&before, &after))?)
        })
        .await?;
        let client = self.client(id).ok_or_else(|| Fault::UnknownClient(id.clone()))?;
        Ok(Registered { client, secret: None, token })
    }

    /// Ends a client at its own wish (RFC 7592 §2.3): its tokens open nothing from now on.
    pub async fn unregister(&self, mut by: Acting<'_>, id: &ClientId) -> Result<(), Fault> {
        let change = Change::new(&mut by, "client.unregister");
        let (key, now) = (id.clone(), by.now);
        self.change(move |tx| {
            let before = rows::one(tx, &key)?;
            let disabled_since = before.disabled_since.or(Some(now));
            let after = Client { disabled_since, expires: Some(now), ..before.clone() };
            rows::update(tx, &after)?;
            grant::revoke_changed(tx, &before, &after, now)?;
            tx.execute(
                "DELETE FROM client_registration WHERE client_id = $1",
                &[key.as_str().into()],
            )?;
            Ok(change.append(tx, key.as_str(), detailed([]))?)
        })
        .await
    }
}

/// Job: forgets invitations that are no good any more, and clients that ended days ago. Says how many.
pub(crate) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM client_invitation WHERE expires <= $1 OR uses_left <= 0",
        &[now.into()],
    )?;
    let ended = now.minus(KEPT);
    tx.execute(
        "DELETE FROM client_registration WHERE client_id IN \
         (SELECT id FROM client WHERE expires <= $1)",
        &[ended.into()],
    )?;
    tx.execute(
        "DELETE FROM client_secret WHERE client_id IN \
         (SELECT id FROM client WHERE expires <= $1)",
        &[ended.into()],
    )?;
    tx.execute("DELETE FROM client WHERE expires <= $1", &[ended.into()])
}

fn invitation(row: &Row) -> Result<Invitation, StoreFault> {
    Ok(Invitation {
        id: row.text(0)?.to_owned(),
        note: row.text(1)?.to_owned(),
        created: row.time(2)?,
        expires: row.time(3)?,
        uses_left: u32::try_from(row.int(4)?).unwrap_or(0),
    })
}

/// One use of an invitation; its id, or `None` if it is no good.
fn use_up(tx: &mut Tx<'_>, presented: &str, now: Timestamp) -> Result<Option<String>, StoreFault> {
    let Some((id, hash)) = opaque::part(presented) else { return Ok(None) };
    let row =
        tx.query_row("SELECT secret_hash FROM client_invitation WHERE id = $1", &[id.into()])?;
    let Some(row) = row else { return Ok(None) };
    if !opaque::fits(row.blob(0)?, &hash) {
        return Ok(None);
    }
    let used = tx.execute(
        "UPDATE client_invitation SET uses_left = uses_left - 1 \
         WHERE id = $1 AND uses_left > 0 AND expires > $2",
        &[id.into(), now.into()],
    )?;
    Ok((used == 1).then(|| id.to_owned()))
}

fn insert(
    tx: &mut Tx<'_>,
    client: &Client,
    stored: Option<&Stored>,
    token_hash: &opaque::Hash,
) -> Result<(), StoreFault> {
    if !rows::insert(tx, client)? {
        return Err(StoreFault::rejected(format!("there is a client {} already", client.id)));
    }
    if let Some(stored) = stored {
        rows::insert_secret(tx, &client.id, 1, stored, client.created)?;
    }
    tx.execute(
        "INSERT INTO client_registration (client_id, token_hash, created) VALUES ($1, $2, $3)",
        &[client.id.as_str().into(), token_hash.as_slice().into(), client.created.into()],
    )?;
    Ok(())
}

/// Whether the token is the client's. The first use of a new one ends the one before.
fn manages(tx: &mut Tx<'_>, id: &ClientId, presented: &str) -> Result<bool, StoreFault> {
    let Some((named, hash)) = opaque::part(presented) else { return Ok(false) };
    let row = tx.query_row(
        "SELECT token_hash, previous_hash FROM client_registration WHERE client_id = $1",
        &[id.as_str().into()],
    )?;
    let Some(row) = row.filter(|_| named == id.as_str()) else { return Ok(false) };
    if opaque::fits(row.blob(0)?, &hash) {
        if row.opt_blob(1)?.is_some() {
            tx.execute(
                "UPDATE client_registration SET previous_hash = NULL WHERE client_id = $1",
                &[id.as_str().into()],
            )?;
        }
        return Ok(true);
    }
    Ok(row.opt_blob(1)?.is_some_and(|previous| opaque::fits(previous, &hash)))
}

impl Registered {
    /// The secret, for the answer.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_ref().map(ClientSecret::expose)
    }

    /// The token, for the answer.
    pub fn token(&self) -> &str {
        self.token.expose_secret()
    }
}
