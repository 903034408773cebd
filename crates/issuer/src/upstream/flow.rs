//! A sign-in that is under way at another provider: what must come back, and to whom.
//!
//! It is good once, in the browser in which it began, for the provider it began with (RFC 9700 §4.4, §4.7).

use crate::{
    interaction::{fits, part, sha256},
    pages::query,
};
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
    /// To get to a page of ours.
    Page {
        /// Its name, as in `return`.
        name: Option<String>,
    },
    /// To link that account to a person who is signed in.
    Link {
        /// Who.
        person: PersonId,
    },
}

impl Purpose {
    /// Where another way to the same can be chosen, below the issuer's path.
    pub(crate) fn again(&self) -> String {
        match self {
            Self::Flow { flow } => format!("/sign-in{}", query(Some(flow), None)),
            Self::Page { name } => format!("/sign-in{}", query(None, name.as_deref())),
            Self::Link { .. } => "/account".to_owned(),
        }
    }
}

/// What is remembered meanwhile. Without `Debug`: it holds secrets.
pub(crate) struct Pending {
    pub(crate) provider: String,
    pub(crate) nonce: String,
    pub(crate) code_verifier: String,
    pub(crate) errand: Errand,
}

/// What the person was sent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) purpose: Purpose,
    /// How old their sign-in there may be.
    pub(crate) max_age: Option<Ttl>,
    /// When they were sent.
    pub(crate) begun: Timestamp,
}

impl Pending {
    /// With fresh secrets.
    pub(crate) fn draw(provider: &str, errand: Errand, entropy: &mut dyn Entropy) -> Self {
        let mut secret = || b64::encode(Random::<32>::draw(&mut *entropy).bytes());
        let (nonce, code_verifier) = (secret(), secret());
        Self { provider: provider.to_owned(), nonce, code_verifier, errand }
    }
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
    let errand = serde_json::to_string(&pending.errand).map_err(StoreFault::rejected)?;
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
            errand.into(),
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
    // Nobody can go on with the row of an older program.
    let errand = serde_json::from_str(row.text(5)?).ok().filter(|_| ours);
    let Some(errand) = errand else { return Ok(None) };
    Ok(Some(Pending {
        provider: provider.to_owned(),
        nonce: row.text(3)?.to_owned(),
        code_verifier: row.text(4)?.to_owned(),
        errand,
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
