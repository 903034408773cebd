//! Telling apps that a session ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! Whoever ends a session leaves a notice for each app that has a grant in it, in the same transaction. Any
//! node delivers it: taken for a while, sent, and taken out when the app has answered. What an app does not
//! take is tried again, ever more seldom, and given up after an hour.

use crate::{
    server::State,
    shape::{self, Recipient},
    subject,
};
use http::{Request, header};
use portcullis_directory::{Client, LogoutNotice, drop_notice, notices_due, take_notice};
use portcullis_store::StoreFault;
use portcullis_types::{Jti, Random, Timestamp, Ttl};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How long a logout token is good. §2.4 recommends at most two minutes.
const LIFE: Ttl = Ttl::seconds(120);
/// So many are delivered at a time.
const AT_ONCE: u32 = 16;
/// The longest answer that is read; nothing in it counts but its status.
const ANSWER: usize = 16 * 1024;
/// After the first failure; three times as long after each.
const PAUSE: Ttl = Ttl::seconds(10);
/// Then the notice is given up.
const TRIES: u32 = 6;
/// The member of `events`.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What came of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notified {
    /// Taken by their apps.
    pub delivered: usize,
    /// To be tried again.
    pub failed: usize,
}

/// §2.4. No `nonce`, or it could pass for an ID token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    events: serde_json::Value,
}

/// Job: delivers what is due. To be called about once a second; cheap when there is nothing to do.
pub async fn deliver(state: &State) -> Result<Notified, StoreFault> {
    let now = (state.clock)();
    let due = state.store.read(move |tx| notices_due(tx, now, AT_ONCE)).await?;
    let mut sending = JoinSet::new();
    for notice in due {
        let again = now.plus(pause(notice.tries));
        let ours = notice.clone();
        // Another node may be faster: then it is theirs.
        if state.store.write(move |tx| take_notice(tx, &ours, again)).await? {
            let state = state.clone();
            sending.spawn(async move { (attempt(&state, &notice, now).await, notice) });
        }
    }
    let mut notified = Notified::default();
    while let Some(done) = sending.join_next().await {
        let Ok((outcome, notice)) = done else { continue };
        match outcome {
            Ok(()) => notified.delivered += 1,
            Err(why) => {
                let client_id = &notice.client_id;
                notified.failed += 1;
                tracing::warn!(%client_id, tries = notice.tries + 1, why, "logout not delivered");
                if notice.tries + 1 < TRIES {
                    continue;
                }
            }
        }
        state.store.write(move |tx| drop_notice(tx, &notice)).await?;
    }
    Ok(notified)
}

fn pause(tries: u32) -> Ttl {
    let times = 3_u64.saturating_pow(tries.min(TRIES));
    Ttl::seconds(PAUSE.as_seconds().saturating_mul(times))
}

/// §2.5. An app that is gone, or wants to hear nothing, has been told.
async fn attempt(state: &State, notice: &LogoutNotice, now: Timestamp) -> Result<(), String> {
    let client = state.directory.find_client(&notice.client_id).await;
    let Some(client) = client.map_err(|fault| fault.to_string())? else { return Ok(()) };
    let Some(uri) = client.registration.backchannel_logout_uri.clone() else { return Ok(()) };
    let token = token(state, &client, notice, now).await?;
    let outgoing = state.directory.outgoing().ok_or("TLS is not usable on this machine")?;
    let request = Request::post(uri)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("logout_token={token}").into_bytes())
        .map_err(|fault| fault.to_string())?;
    let answer = outgoing.call(request, ANSWER).await.map_err(|fault| fault.to_string())?;
    match answer.status().as_u16() {
        200 | 204 => Ok(()),
        status => Err(format!("it answered {status}")),
    }
}

async fn token(
    state: &State,
    client: &Arc<Client>,
    notice: &LogoutNotice,
    now: Timestamp,
) -> Result<String, String> {
    let jti = Jti::fresh(now, &Random::draw(&mut *(state.entropy)()));
    let sub = subject::of(state, client, &notice.person);
    let sid = subject::session(state, client, &notice.session);
    let claims = Claims {
        iss: state.settings.issuer.as_str(),
        aud: client.id.as_str(),
        sub: &sub,
        sid: &sid,
        iat: now.seconds(),
        exp: now.plus(LIFE).seconds(),
        jti: jti.as_str(),
        events: json!({ EVENT: {} }),
    };
    let to = Recipient { client, now };
    let shape = &client.registration.id_token;
    let written = shape::write(state, to, shape, ("logout+jwt", &claims)).await;
    written.map_err(|fault| fault.to_string())
}
