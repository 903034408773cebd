//! A sign-in that is under way at another provider: what must come back, and to whom.

use crate::pages::query;
use portcullis_jose::b64;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Entropy, PersonId, Random, Timestamp, Ttl};
use serde::{Deserialize, Serialize};

/// For signing in over there.
pub(crate) const LIFE: Ttl = Ttl::seconds(30 * 60);

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

/// What the browser takes along, sealed, and brings back. Without `Debug`: it holds secrets.
#[derive(Serialize, Deserialize)]
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

/// Job: forgets logout tokens that nobody would take any more.
pub(crate) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute("DELETE FROM logout_token_use WHERE expires <= $1", &[now.into()])
}
