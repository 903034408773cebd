//! A sign-in that is under way at another provider: what must come back, and to whom.
//!
//! It is good once, in the browser in which it began, for the provider it began with (RFC 9700 §4.4, §4.7).

use crate::interaction::{fits, part, sha256};
use portcullis_jose::b64;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Entropy, Jti, PersonId, Random, Timestamp, Ttl};
use portcullis_web::csrf::BrowserId;
use serde::{Deserialize, Serialize};

/// For signing in over there.
const LIFE: Ttl = Ttl::seconds(30 * 60);

/// What the sign-in is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// To go on with what an app asked for.
    Flow {
        /// The interaction.
        flow: String,
    },
    /// To get to the account page.
    Account,
    /// To link that account to a person who is signed in.
    Link {
        /// Who.
        person: PersonId,
    },
}

/// What is remembered meanwhile. Without `Debug`: it holds secrets.
pub(crate) struct Pending {
    pub(crate) provider: String,
    pub(crate) nonce: String,
    pub(crate) code_verifier: String,
    pub(crate) purpose: Purpose,
}

/// A fresh `state`: an id and a secret.
pub(crate) struct FreshState {
    id: String,
    secret: Random<32>,
}

impl FreshState {
    pub(crate) fn draw(now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        let id = Jti::fresh(now, &Random::draw(entropy)).to_string();
        Self { id, secret: Random::draw(entropy) }
    }

    /// The value of `state`.
    pub(crate) fn text(&self) -> String {
        format!("{}.{}", self.id, b64::encode(self.secret.bytes()))
    }
}

/// Remembers a sign-in that begins.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    state: &FreshState,
    browser: &BrowserId,
    pending: &Pending,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let purpose = serde_json::to_string(&pending.purpose).map_err(StoreFault::rejected)?;
    tx.execute(
        "INSERT INTO upstream_flow (id, secret, browser, provider, nonce, code_verifier, purpose, expires) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            (&state.id).into(),
            sha256(state.secret.bytes()).as_ref().into(),
            sha256(browser.as_str().as_bytes()).as_ref().into(),
            (&pending.provider).into(),
            (&pending.nonce).into(),
            (&pending.code_verifier).into(),
            purpose.into(),
            now.plus(LIFE).into(),
        ],
    )?;
    Ok(())
}

/// Takes it back, once. `None`: there is none, or it belongs to another browser or another provider.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    state: &str,
    browser: &BrowserId,
    provider: &str,
    now: Timestamp,
) -> Result<Option<Pending>, StoreFault> {
    let Some((id, secret)) = part(state) else { return Ok(None) };
    let row = tx.query_row(
        "DELETE FROM upstream_flow WHERE id = $1 \
         RETURNING secret, browser, provider, nonce, code_verifier, purpose, expires",
        &[id.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let ours = fits(row.blob(0)?, &secret)
        && fits(row.blob(1)?, browser.as_str().as_bytes())
        && row.text(2)? == provider
        && now < row.time(6)?;
    if !ours {
        return Ok(None);
    }
    Ok(Some(Pending {
        provider: provider.to_owned(),
        nonce: row.text(3)?.to_owned(),
        code_verifier: row.text(4)?.to_owned(),
        purpose: serde_json::from_str(row.text(5)?).map_err(StoreFault::rejected)?,
    }))
}

/// Notes a logout token as seen. False if it was before.
pub(crate) fn first_use(
    tx: &mut Tx<'_>,
    issuer: &str,
    jti: &str,
    expires: Timestamp,
) -> Result<bool, StoreFault> {
    let seen = tx.execute(
        "INSERT INTO logout_token_use (issuer, jti, expires) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
        &[issuer.into(), jti.into(), expires.into()],
    )?;
    Ok(seen == 1)
}

/// Job: forgets what nobody came back with.
pub(crate) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    let flows = tx.execute("DELETE FROM upstream_flow WHERE expires <= $1", &[now.into()])?;
    let uses = tx.execute("DELETE FROM logout_token_use WHERE expires <= $1", &[now.into()])?;
    Ok(flows + uses)
}
