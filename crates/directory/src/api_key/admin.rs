//! Changes to API keys. Each says who acts, and is written with its audit record, and with what it ends, in one
//! transaction.

use super::{ApiKey, ApiKeyHash, mark, principal, rows};
use crate::{Acting, Action, Deed, Directory, Fault, excerpt, grant, opaque};
use portcullis_store::Tx;
use portcullis_types::{Pattern, Random, Tenant, Timestamp, stamped_id};
use portcullis_verify::RevocationKind;
use secrecy::{ExposeSecret as _, SecretString};

const LONGEST_NAME: usize = 128;
const MOST_SCOPES: usize = 64;

/// A key to be registered.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Whose; `None`: the operator's own.
    pub tenant: Option<Tenant>,
    /// What people call it.
    pub name: String,
    /// See [`ApiKey::scopes`].
    pub scopes: Vec<Pattern>,
    /// See [`ApiKey::expires`].
    pub expires: Option<Timestamp>,
    /// Where the key itself is from.
    pub kind: NewApiKeyKind,
}

/// Where a key is from.
#[derive(Clone, Copy, Debug)]
pub enum NewApiKeyKind {
    /// Made here: readable this one time.
    Generated,
    /// A customer has it already.
    Imported(ApiKeyHash),
}

impl Directory {
    /// Registers a key. One that is made here comes with its text, for the one who is to have it.
    pub async fn add_api_key(
        &self,
        mut by: Acting<'_>,
        new: NewApiKey,
    ) -> Result<(ApiKey, Option<SecretString>), Fault> {
        if let Some(problem) = self.problem(&new, by.now) {
            return Err(Fault::Invalid(problem));
        }
        let action = match new.kind {
            NewApiKeyKind::Generated => Action::ApiKeyAdd,
            NewApiKeyKind::Imported(_) => Action::ApiKeyImport,
        };
        let scopes: Vec<_> = new.scopes.iter().map(ToString::to_string).collect();
        let deed = Deed::new(&mut by, action)
            .with("name", new.name.clone())
            .with("tenant", new.tenant.as_ref().map(ToString::to_string))
            .with("scopes", scopes.join(" "))
            .with("expires", new.expires.map(|at| at.to_string()));
        let id = stamped_id(super::API_KEY_PREFIX, by.now, &Random::draw(by.entropy));
        let (hash, text) = match new.kind {
            NewApiKeyKind::Imported(hash) => (hash.0, None),
            NewApiKeyKind::Generated => {
                let (text, _) = opaque::mint(&id, &Random::draw(by.entropy));
                (opaque::sha256(text.expose_secret().as_bytes()), Some(text))
            }
        };
        let key = ApiKey {
            sub: principal(&self.inner().issuer, new.tenant.as_ref(), &id)?,
            id,
            tenant: new.tenant,
            name: new.name,
            scopes: new.scopes,
            imported: text.is_none(),
            created: by.now,
            expires: new.expires,
            disabled_since: None,
            last_used: None,
        };
        let mark = mark(&hash, &self.inner().key);
        let key = self.transact(move |tx| {
            if !rows::insert(tx, &key, &mark)? {
                return Err(Fault::Invalid("this key is registered already".into()));
            }
            deed.done(tx, &key.id)?;
            Ok(key)
        });
        Ok((key.await?, text))
    }

    /// What is wrong with a key that is to be, if anything.
    fn problem(&self, new: &NewApiKey, now: Timestamp) -> Option<String> {
        if new.name.is_empty()
            || new.name.len() > LONGEST_NAME
            || new.name.chars().any(char::is_control)
        {
            return Some(format!("a name is 1 to {LONGEST_NAME} bytes without control characters"));
        }
        if new.scopes.is_empty() || new.scopes.len() > MOST_SCOPES {
            return Some(format!("a key has 1 to {MOST_SCOPES} scopes"));
        }
        let registry = &self.contracts().registry;
        for pattern in &new.scopes {
            let mut scopes = pattern.expand(registry);
            if scopes.is_empty() {
                return Some(format!("'{pattern}' is no scope that exists"));
            }
            if let Some(own) = &new.tenant {
                scopes = scopes.unqualified(own);
            }
            if scopes.foreign(new.tenant.as_ref()).is_some() {
                return Some(format!("'{pattern}' is about another tenant"));
            }
        }
        if new.expires.is_some_and(|expires| expires <= now) {
            return Some("the key would have ended already".into());
        }
        let tenant = new.tenant.as_ref()?;
        self.tenant(tenant).is_none().then(|| format!("there is no tenant {tenant}"))
    }

    /// All keys, oldest first.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Fault> {
        Ok(self.inner().store.read(rows::all).await?)
    }

    /// Those of a tenant that are in force.
    pub async fn api_keys_of(&self, tenant: &Tenant, now: Timestamp) -> Result<Vec<ApiKey>, Fault> {
        let mut keys = self.api_keys().await?;
        keys.retain(|key| key.tenant.as_ref() == Some(tenant) && key.ended(now).is_none());
        Ok(keys)
    }

    /// It opens nothing from now on, and neither does what was made of it.
    pub async fn disable_api_key(&self, by: Acting<'_>, id: &str) -> Result<ApiKey, Fault> {
        let now = by.now;
        self.changed(by, (Action::ApiKeyDisable, id), move |tx, key| {
            if key.disabled_since.is_some() {
                return Ok(false);
            }
            rows::set_disabled(tx, &key.id, Some(now))?;
            grant::revoke(tx, RevocationKind::Person, key.sub.as_str(), now)?;
            Ok(true)
        })
        .await
    }

    /// It opens again. What was made of it before stays ended.
    pub async fn enable_api_key(&self, by: Acting<'_>, id: &str) -> Result<ApiKey, Fault> {
        self.changed(by, (Action::ApiKeyEnable, id), |tx, key| {
            rows::set_disabled(tx, &key.id, None)?;
            Ok(key.disabled_since.is_some())
        })
        .await
    }

    /// It is gone, and what was made of it is ended.
    pub async fn remove_api_key(&self, by: Acting<'_>, id: &str) -> Result<ApiKey, Fault> {
        let now = by.now;
        self.changed(by, (Action::ApiKeyRemove, id), move |tx, key| {
            rows::delete(tx, &key.id)?;
            grant::revoke(tx, RevocationKind::Person, key.sub.as_str(), now)?;
            Ok(true)
        })
        .await
    }

    /// Changes a key that there is, and says so where something changed. Answers with the key as it was.
    async fn changed(
        &self,
        mut by: Acting<'_>,
        (action, id): (Action, &str),
        change: impl FnOnce(&mut Tx<'_>, &ApiKey) -> Result<bool, Fault> + Send + 'static,
    ) -> Result<ApiKey, Fault> {
        let deed = Deed::new(&mut by, action);
        let id = id.to_owned();
        let key = self.transact(move |tx| {
            let key = rows::one(tx, &id)?;
            let unknown = || Fault::Invalid(format!("there is no API key {}", excerpt(&id)));
            let key = key.ok_or_else(unknown)?;
            if change(tx, &key)? {
                let deed = deed.with("name", key.name.clone());
                deed.with("tenant", key.tenant.as_ref().map(ToString::to_string))
                    .done(tx, &key.id)?;
            }
            Ok(key)
        });
        let key = key.await?;
        self.publish().await?;
        Ok(key)
    }
}
