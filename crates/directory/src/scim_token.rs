//! Tokens with which a company's directory creates and disables people (SCIM). Each opens that and nothing else.

use crate::{Acting, Action, Deed, Directory, Fault, opaque};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{GrantId, Random, Timestamp, Ttl};
use secrecy::SecretString;

/// How exactly the last use is remembered.
const GRAIN: Ttl = Ttl::seconds(60);

/// What is known about such a token, apart from its secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ScimToken {
    /// `scm_…`.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working.
    pub expires: Timestamp,
    /// When it was used last, to within a minute.
    pub last_used: Option<Timestamp>,
}

impl Directory {
    /// Makes a token, readable this one time.
    pub async fn make_scim_token(
        &self,
        mut by: Acting<'_>,
        name: &str,
        ttl: Ttl,
    ) -> Result<(ScimToken, SecretString), Fault> {
        let deed = Deed::new(&mut by, Action::ScimTokenAdd).with("name", name.to_owned());
        let id = GrantId::fresh(by.now, &Random::draw(by.entropy));
        let id = format!("scm_{}", id.as_str().trim_start_matches(GrantId::PREFIX));
        let (text, hash) = opaque::mint(&id, &Random::draw(by.entropy));
        if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
            return Err(Fault::Invalid(
                "the name must be 1 to 100 bytes without control characters".into(),
            ));
        }
        let token = ScimToken {
            id,
            name: name.to_owned(),
            created: by.now,
            expires: by.now.plus(ttl),
            last_used: None,
        };
        let kept = token.clone();
        self.transact(move |tx| {
            tx.execute(
                "INSERT INTO scim_token (id, secret, name, created, expires) VALUES ($1, $2, $3, $4, $5)",
                &[
                    (&kept.id).into(),
                    (&hash).into(),
                    (&kept.name).into(),
                    kept.created.into(),
                    kept.expires.into(),
                ],
            )?;
            Ok(deed.done(tx, &kept.id)?)
        })
        .await?;
        Ok((token, text))
    }

    /// The token that was presented, if it is in force. Notes that it was used.
    pub async fn scim_token(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Option<ScimToken>, Fault> {
        let Some((id, hash)) = opaque::part(presented) else { return Ok(None) };
        let id = id.to_owned();
        let read = move |tx: &mut Tx<'_>| {
            let sql = "SELECT id, name, created, expires, last_used, secret FROM scim_token WHERE id = $1";
            let Some(row) = tx.query_row(sql, &[(&id).into()])? else { return Ok(None) };
            let good = opaque::fits(row.blob(5)?, &hash) && row.time(3)? > now;
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
        Ok(Some(token))
    }

    /// All tokens, oldest first.
    pub async fn scim_tokens(&self) -> Result<Vec<ScimToken>, Fault> {
        let read = |tx: &mut Tx<'_>| {
            let sql = "SELECT id, name, created, expires, last_used FROM scim_token ORDER BY id";
            tx.query(sql, &[])?.iter().map(token).collect()
        };
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
        name: row.text(1)?.to_owned(),
        created: row.time(2)?,
        expires: row.time(3)?,
        last_used: row.opt_time(4)?,
    })
}
