//! A request for authorization that waits for a person: until they have signed in and agreed, it lies in
//! the store, so that any node can go on with it.
//!
//! Its name goes through the browser as `flow`. It is good in the browser in which it began and in no
//! other: whoever sends somebody a link into a flow of their own would get that person's answer (session
//! fixation, RFC 9700 §4.2, §4.11).

use crate::{authorize::AuthorizationRequest, upstream::Demand};
use aws_lc_rs::{constant_time, digest};
use portcullis_directory::Session;
use portcullis_jose::b64;
use portcullis_store::{Row, Store, StoreFault, Tx};
use portcullis_types::{Acr, ClientId, Entropy, Jti, Random, SessionId, Timestamp, Ttl};
use portcullis_web::csrf::BrowserId;
use secrecy::{ExposeSecret as _, SecretString};

/// For as long as somebody may look for their authenticator.
pub(crate) const LIFE: Ttl = Ttl::seconds(30 * 60);

/// The name of a flow with its secret, as it stands in addresses of ours.
#[derive(Clone, Debug)]
pub(crate) struct Flow(SecretString);

impl Flow {
    /// The name by which a request came back.
    pub(crate) fn again(flow: &str) -> Self {
        Self(flow.into())
    }

    /// As it stands in `flow`.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A request that waits.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    id: String,
    /// Which app asks.
    pub(crate) client_id: ClientId,
    /// What it asks for.
    pub(crate) request: AuthorizationRequest,
    /// When it began: a sign-in from then on is a new one.
    pub(crate) created: Timestamp,
    /// The session that began, or was renewed, for this request at another provider, which did what was asked
    /// of it.
    signed_in: Option<String>,
}

impl Interaction {
    /// What the app says the person is called (OpenID Connect Core §3.1.2.1).
    pub(crate) fn login_hint(&self) -> Option<&str> {
        self.request.login_hint.as_deref()
    }

    /// The languages that the app prefers, best first.
    pub(crate) fn ui_locales(&self) -> impl Iterator<Item = &str> {
        self.request.ui_locales.iter().map(String::as_str)
    }

    /// How strong the sign-in must be at least; `None` if any will do.
    pub(crate) fn wanted_acr(&self) -> Option<Acr> {
        self.request.wanted_acr().iter().min().copied()
    }

    /// What another provider must see to, where the person signs in there.
    pub(crate) fn demand(&self) -> Demand {
        // Whoever is signed in there, the app wants the person to sign in, or to choose.
        let anew = self.request.prompt.sign_in().then_some(Ttl::seconds(0));
        Demand {
            max_age: anew.or(self.request.max_age),
            acr: self.wanted_acr(),
            login_hint: self.login_hint().map(str::to_owned),
        }
    }

    /// Whether this session was signed in for this very request: by the clock for sign-ins here, by a mark for
    /// those at another provider, whose time lies before if its own session was new enough.
    pub(crate) fn has_signed_in(&self, session: &Session) -> bool {
        session.authentication.at >= self.created
            || self.signed_in.as_deref() == Some(session.id.as_str())
    }
}

/// Keeps a request for the browser. The answer names it.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    request: &AuthorizationRequest,
    browser: &BrowserId,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> Result<Flow, StoreFault> {
    let id = Jti::fresh(now, &Random::draw(entropy)).as_str().to_owned();
    let secret = Random::<32>::draw(entropy);
    let json = serde_json::to_string(request).map_err(StoreFault::rejected)?;
    tx.execute(
        "INSERT INTO interaction (id, secret, browser, client_id, pushed, request, created) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            (&id).into(),
            sha256(secret.bytes()).as_ref().into(),
            sha256(browser.as_str().as_bytes()).as_ref().into(),
            request.client_id.as_str().into(),
            request.came.pushed.as_deref().map(pushed_id).into(),
            json.into(),
            now.into(),
        ],
    )?;
    let secret = b64::encode(secret.bytes());
    Ok(Flow(format!("{id}.{secret}").into()))
}

/// The request of that name. `None` if there is none any more, or if it began in another browser.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    flow: &str,
    browser: Option<&BrowserId>,
    now: Timestamp,
) -> Result<Option<Interaction>, StoreFault> {
    let (Some((id, secret)), Some(browser)) = (part(flow), browser) else { return Ok(None) };
    let row = tx.query_row(
        "SELECT id, secret, browser, request, created, signed_in FROM interaction WHERE id = $1",
        &[id.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let ours = fits(row.blob(1)?, &secret) && fits(row.blob(2)?, browser.as_str().as_bytes());
    let interaction = read(&row)?;
    Ok(interaction.filter(|found| ours && found.created.plus(LIFE) > now))
}

/// [`find`] in a transaction of its own.
pub(crate) async fn load(
    store: &Store,
    flow: &str,
    browser: Option<&BrowserId>,
    now: Timestamp,
) -> Result<Option<Interaction>, StoreFault> {
    let (flow, browser) = (flow.to_owned(), browser.cloned());
    store.read(move |tx| find(tx, &flow, browser.as_ref(), now)).await
}

/// Whether it still waits.
pub(crate) fn is_there(tx: &mut Tx<'_>, interaction: &Interaction) -> Result<bool, StoreFault> {
    let row =
        tx.query_row("SELECT 1 FROM interaction WHERE id = $1", &[(&interaction.id).into()])?;
    Ok(row.is_some())
}

/// Notes that a session was signed in for this request, elsewhere.
pub(crate) fn signed_in(
    tx: &mut Tx<'_>,
    flow: &str,
    session: &SessionId,
) -> Result<(), StoreFault> {
    let id = part(flow).map_or("", |(id, _)| id);
    let sql = "UPDATE interaction SET signed_in = $1 WHERE id = $2";
    tx.execute(sql, &[session.as_str().into(), id.into()])?;
    Ok(())
}

/// It is answered. False if it was before: of two answers, one is the first.
pub(crate) fn end(tx: &mut Tx<'_>, interaction: &Interaction) -> Result<bool, StoreFault> {
    let ended = tx.execute("DELETE FROM interaction WHERE id = $1", &[(&interaction.id).into()])?;
    Ok(ended == 1)
}

/// A pushed request is answered (RFC 9126 §2.2: once): whatever else waits because of it is over.
pub(crate) fn end_pushed(tx: &mut Tx<'_>, request_uri: &str) -> Result<(), StoreFault> {
    let id = pushed_id(request_uri);
    tx.execute("DELETE FROM interaction WHERE pushed = $1", &[id.into()])?;
    Ok(())
}

/// Job: forgets what nobody came back for. Says how many.
pub(crate) fn purge(tx: &mut Tx<'_>, oldest: &Jti) -> Result<u64, StoreFault> {
    tx.execute("DELETE FROM interaction WHERE id < $1", &[oldest.as_str().into()])
}

/// `None` for a row of an older program, which nobody can go on with.
fn read(row: &Row) -> Result<Option<Interaction>, StoreFault> {
    let Ok(request) = serde_json::from_str::<AuthorizationRequest>(row.text(3)?) else {
        return Ok(None);
    };
    Ok(Some(Interaction {
        id: row.text(0)?.to_owned(),
        client_id: request.client_id.clone(),
        request,
        created: row.time(4)?,
        signed_in: row.opt_text(5)?.map(str::to_owned),
    }))
}

/// The part of a `request_uri` that is no secret.
fn pushed_id(request_uri: &str) -> &str {
    let last = request_uri.rsplit(':').next().unwrap_or_default();
    last.split('.').next().unwrap_or_default()
}

pub(crate) fn part(flow: &str) -> Option<(&str, [u8; 32])> {
    let (id, secret) = flow.split_once('.')?;
    // A database may refuse other letters with an error.
    let id = Some(id).filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))?;
    Some((id, b64::decode(secret).ok()?.try_into().ok()?))
}

pub(crate) fn fits(kept: &[u8], presented: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(kept, sha256(presented).as_ref()).is_ok()
}

pub(crate) fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}
