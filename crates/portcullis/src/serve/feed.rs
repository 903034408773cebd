//! What issuers elsewhere have revoked: asked for every second, and handed on to the gateway.

use crate::{
    cli::Stop,
    clock::{self, Clock},
    config::{Hears, Trust},
};
use portcullis_keyring::Circle;
use portcullis_types::{Issuer, Timestamp, Ttl};
use portcullis_verify::{Heard, KnownRevocations, RevocationPage, Revocations};
use portcullis_web::{Outgoing, OutgoingPolicy};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use url::Url;

/// Between two questions.
const ASK: Duration = Duration::from_secs(1);
/// The longest page that is read, in bytes. However much there is to tell, an issuer of ours makes pages of less.
const LONGEST: usize = 8 * 1024 * 1024;
/// Between two looks for what no token can outlive any more.
const FORGET: Ttl = Ttl::seconds(60);

/// One issuer's revocations, as they come in.
pub(super) struct Feed {
    url: Url,
    max_age: Ttl,
    outgoing: Outgoing,
    list: Arc<Revocations>,
    /// Up to where it was heard.
    cursor: Option<String>,
    heard_at: Option<Timestamp>,
    forgot_at: Timestamp,
    /// Why the last question had no answer; said once.
    trouble: Option<String>,
}

/// What there is to hear after a page.
enum Rest {
    More,
    None,
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
            cursor: None,
            heard_at: None,
            forgot_at: clock::now(),
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

    /// Asks until all is heard that there was at the question. `now` is the time of it: the answer is no newer.
    async fn ask(&mut self, circle: &Circle, now: Timestamp) {
        let heard = loop {
            match self.page().await {
                // What is known is said at once, also if there is more to come.
                Ok(Rest::More) => circle.hear(&self.known()),
                Ok(Rest::None) => break Ok(()),
                Err(trouble) => break Err(trouble),
            }
        };
        if now >= self.forgot_at.plus(FORGET) {
            Arc::make_mut(&mut self.list).forget(now);
            self.forgot_at = now;
        }
        match heard {
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

    async fn page(&mut self) -> Result<Rest, String> {
        let mut url = self.url.clone();
        if let Some(cursor) = &self.cursor {
            url.query_pairs_mut().append_pair("after", cursor);
        }
        let fetched = self.outgoing.get_json(&url, LONGEST).await;
        let fetched = fetched.map_err(|fault| fault.to_string())?;
        if fetched.status != 200 {
            return Err(format!("{} answers {}", self.url, fetched.status));
        }
        let page: RevocationPage = serde_json::from_slice(&fetched.body)
            .map_err(|fault| format!("{} sends no page of revocations: {fault}", self.url))?;
        if page.issuer != self.list.issuer {
            return Err(format!("{} speaks for {}", self.url, page.issuer));
        }
        // Whoever says that there is more must bring us further, or we would ask for ever.
        if !page.complete && page.revocations.is_empty() {
            return Err(format!("{} sends an empty page and says that there is more", self.url));
        }
        if !page.revocations.is_empty() {
            let list = Arc::make_mut(&mut self.list);
            page.revocations.iter().for_each(|revocation| list.add(revocation));
        }
        self.cursor = Some(page.cursor);
        Ok(if page.complete { Rest::None } else { Rest::More })
    }

    fn known(&self) -> KnownRevocations {
        let heard = Heard::Last { at: self.heard_at, max_age: self.max_age };
        KnownRevocations { list: self.list.clone(), heard }
    }
}
