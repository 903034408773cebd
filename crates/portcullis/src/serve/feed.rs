//! What issuers elsewhere have revoked: asked for every second, and handed on to the gateway.

use crate::{
    cli::Stop,
    clock::{self, Clock},
    config::{Hears, Trust},
};
use portcullis_keyring::Circle;
use portcullis_types::{Issuer, Timestamp, Ttl};
use portcullis_verify::{Heard, KnownRevocations, Revocations};
use portcullis_web::{Outgoing, OutgoingPolicy};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use url::Url;

/// Between two questions.
const ASK: Duration = Duration::from_secs(1);
/// The longest list that is read, in bytes: some hundred thousand clients.
const LONGEST: usize = 16 * 1024 * 1024;

/// One issuer's revocations, as they come in.
pub(super) struct Feed {
    url: Url,
    max_age: Ttl,
    outgoing: Outgoing,
    list: Arc<Revocations>,
    etag: Option<String>,
    heard_at: Option<Timestamp>,
    /// Why the last question had no answer; said once.
    trouble: Option<String>,
}

impl Feed {
    /// The feeds that the trusts name, each asked once, so that the first request finds an answer. An
    /// issuer that does not answer keeps nobody from starting: its tokens are refused until it does.
    pub(super) async fn open(trusts: &[Trust], circle: &Arc<Circle>) -> Result<Vec<Self>, Stop> {
        let mut asked = Vec::new();
        for trust in trusts {
            let Hears::From { url, max_age } = &trust.revocations else { continue };
            let mut feed = Self::of(trust.issuer.clone(), url.clone(), *max_age)?;
            let circle = circle.clone();
            circle.hear(&feed.known());
            asked.push(tokio::spawn(async move {
                feed.ask(&circle, clock::now()).await;
                feed
            }));
        }
        let mut feeds = Vec::new();
        for feed in asked {
            feeds.push(feed.await.map_err(Stop::cannot_run)?);
        }
        Ok(feeds)
    }

    fn of(issuer: Issuer, url: Url, max_age: Ttl) -> Result<Self, Stop> {
        let policy = OutgoingPolicy { named: vec![url.origin()], ..OutgoingPolicy::default() };
        Ok(Self {
            url,
            max_age,
            outgoing: Outgoing::new(policy).map_err(Stop::cannot_run)?,
            list: Arc::new(Revocations::none_by(issuer)),
            etag: None,
            heard_at: None,
            trouble: None,
        })
    }

    /// Asks until the stop.
    pub(super) async fn run(
        mut self,
        circle: Arc<Circle>,
        clock: Clock,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut ask = interval(ASK);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = async {
                ask.tick().await;
                self.ask(&circle, clock()).await;
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                () = turn => {}
            }
        }
    }

    /// Asks once. `now` is the time of the question: the answer is no newer than that.
    async fn ask(&mut self, circle: &Circle, now: Timestamp) {
        match self.answer().await {
            Ok(()) => {
                self.heard_at = Some(now);
                if self.trouble.take().is_some() {
                    tracing::info!(issuer = %self.list.issuer, "revocations are heard again");
                }
                circle.hear(&self.known());
            }
            Err(trouble) if self.trouble.as_ref() == Some(&trouble) => {}
            Err(trouble) => {
                let max_age_seconds = self.max_age.as_seconds();
                tracing::warn!(
                    issuer = %self.list.issuer, fault = %trouble, max_age_seconds,
                    "revocations are not heard"
                );
                self.trouble = Some(trouble);
            }
        }
    }

    async fn answer(&mut self) -> Result<(), String> {
        let fetched = match &self.etag {
            Some(etag) => self.outgoing.get_json_unless(&self.url, LONGEST, etag).await,
            None => self.outgoing.get_json(&self.url, LONGEST).await,
        };
        let fetched = fetched.map_err(|fault| fault.to_string())?;
        match fetched.status {
            304 => return Ok(()),
            200 => {}
            status => return Err(format!("{} answers {status}", self.url)),
        }
        let list: Revocations = serde_json::from_slice(&fetched.body)
            .map_err(|fault| format!("{} sends no list of revocations: {fault}", self.url))?;
        if list.issuer != self.list.issuer {
            return Err(format!("{} speaks for {}", self.url, list.issuer));
        }
        self.list = Arc::new(list);
        self.etag = fetched.etag;
        Ok(())
    }

    fn known(&self) -> KnownRevocations {
        let heard = Heard::Last { at: self.heard_at, max_age: self.max_age };
        KnownRevocations { list: self.list.clone(), heard }
    }
}
