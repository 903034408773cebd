//! Tokens with which a company's directory creates and disables its people. Each opens that and nothing else.

use super::{Provisioner, named, tenant};
use crate::{Acting, Action, Deed, Directory, Fault, opaque};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{Random, Tenant, Timestamp, Ttl, stamped_id};
use secrecy::SecretString;
use std::net::IpAddr;

/// How exactly the last use is remembered.
const GRAIN: Ttl = Ttl::seconds(60);

/// What is known about such a token, apart from its secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ScimToken {
    /// `scm_…`.
    pub id: String,
    /// Whose it is: the operator's name for the directory.
    pub directory: String,
    /// The customer to whom the directory's people belong.
    pub tenant: Option<Tenant>,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working.
    pub expires: Timestamp,
    /// When it was used last, to within a minute.
    pub last_used: Option<Timestamp>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.name, d.tenant, t.created, t.expires, t.last_used, t.secret \
             FROM scim_token t JOIN scim_directory d ON d.name = t.name ",
            $rest
        )
    };
}

impl Directory {
    /// Makes a token for a directory that there is, readable this one time.
    pub async fn make_scim_token(
        &self,
        mut by: Acting<'_>,
        directory: &str,
        ttl: Ttl,
    ) -> Result<(ScimToken, SecretString), Fault> {
        let deed = Deed::new(&mut by, Action::ScimTokenAdd).with("name", directory.to_owned());
        let id = stamped_id("scm_", by.now, &Random::draw(by.entropy));
        let (text, hash) = opaque::mint(&id, &Random::draw(by.entropy));
        let (directory, created, expires) = (directory.to_owned(), by.now, by.now.plus(ttl));
        let token = self.transact(move |tx| {
            let directory = named(tx, &directory)?;
            let token = ScimToken {
                id,
                directory: directory.name,
                tenant: directory.tenant,
                created,
                expires,
                last_used: None,
            };
            tx.execute(
                "INSERT INTO scim_token (id, secret, name, created, expires) VALUES ($1, $2, $3, $4, $5)",
                &[
                    (&token.id).into(),
                    (&hash).into(),
                    (&token.directory).into(),
                    token.created.into(),
                    token.expires.into(),
                ],
            )?;
            deed.done(tx, &token.id)?;
            Ok(token)
        });
        Ok((token.await?, text))
    }

    /// The directory whose token was presented, if the token is in force. Notes that it was used.
    pub async fn provisioner(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Option<Provisioner>, Fault> {
        let Some((id, hash)) = opaque::part(presented) else { return Ok(None) };
        let id = id.to_owned();
        let read = move |tx: &mut Tx<'_>| {
            let row = tx.query_row(select!("WHERE t.id = $1"), &[(&id).into()])?;
            let Some(row) = row else { return Ok(None) };
            let good = opaque::fits(row.blob(6)?, &hash) && row.time(4)? > now;
            if good { token(&row).map(Some) } else { Ok(None) }
        };
        let Some(token) = self.inner().store.read(read).await? else { return Ok(None) };
        if token.last_used.is_none_or(|used| now >= used.plus(GRAIN)) {
            let id = token.id.clone();
            let touch = move |tx: &mut Tx<'_>| {
                let sql = "UPDATE scim_token SET last_used = $1 WHERE id = $2";
                tx.execute(sql, &[now.into(), id.into()])
            };
            self.inner().store.write(touch).await?;
        }
        Ok(Some(Provisioner { directory: self.clone(), token }))
    }

    /// Writes that somebody without a right token was turned away: from where, and why. Of one address a few at
    /// once and then one each half minute, as with failures of clients: nobody fills the log by guessing.
    pub async fn turn_away(
        &self,
        mut by: Acting<'_>,
        action: Action,
        from: Option<IpAddr>,
        problem: &str,
    ) -> Result<(), Fault> {
        let kind = Some(action.name());
        let throttle = &self.inner().throttle;
        let place = throttle.place(kind, from);
        if throttle.check(place, kind, by.now).is_err() {
            return Ok(());
        }
        throttle.failed(place, by.now);
        let deed = Deed::new(&mut by, action).with("problem", problem.to_owned());
        let deed = deed.with("remote", from.map(|from| from.to_string()));
        let write = move |tx: &mut Tx<'_>| deed.done(tx, "");
        Ok(self.inner().store.write(write).await?)
    }

    /// All tokens, oldest first.
    pub async fn scim_tokens(&self) -> Result<Vec<ScimToken>, Fault> {
        let read =
            |tx: &mut Tx<'_>| tx.query(select!("ORDER BY t.id"), &[])?.iter().map(token).collect();
        Ok(self.inner().store.read(read).await?)
    }

    /// Ends a token at once.
    pub async fn remove_scim_token(&self, mut by: Acting<'_>, id: &str) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::ScimTokenRemove);
        let id = id.to_owned();
        self.transact(move |tx| {
            if tx.execute("DELETE FROM scim_token WHERE id = $1", &[(&id).into()])? == 0 {
                return Err(Fault::Invalid(format!(
                    "there is no SCIM token {}",
                    crate::excerpt(&id)
                )));
            }
            Ok(deed.done(tx, &id)?)
        })
        .await
    }
}

fn token(row: &Row) -> Result<ScimToken, StoreFault> {
    Ok(ScimToken {
        id: row.text(0)?.to_owned(),
        directory: row.text(1)?.to_owned(),
        tenant: tenant(row, 2)?,
        created: row.time(3)?,
        expires: row.time(4)?,
        last_used: row.opt_time(5)?,
    })
}
