//! All providers that people may sign in with, and what is known of each at the moment.

use super::{
    Provider,
    exchange::Talk,
    metadata::{Cache, Metadata, Want},
    provider::redirect_uri,
};
use crate::{Settings, pages::UpstreamLink};
use portcullis_types::Timestamp;
use portcullis_web::Outgoing;
use std::sync::Arc;

/// The providers. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams(Arc<Inner>);

struct Inner {
    all: Vec<Upstream>,
    outgoing: Outgoing,
}

/// One of them.
pub(crate) struct Upstream {
    pub(crate) provider: Provider,
    cache: Cache,
}

impl Upstreams {
    /// Those of the configuration, called through this guard.
    pub fn new(providers: Vec<Provider>, outgoing: Outgoing) -> Self {
        let all =
            providers.into_iter().map(|provider| Upstream { provider, cache: Cache::default() });
        Self(Arc::new(Inner { all: all.collect(), outgoing }))
    }

    /// The one of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Upstream> {
        self.0.all.iter().find(|upstream| upstream.provider.name == name)
    }

    /// Names and titles, for the sign-in page.
    pub(crate) fn offers(&self) -> Vec<UpstreamLink> {
        let offer = |upstream: &Upstream| UpstreamLink {
            name: upstream.provider.name.clone(),
            title: upstream.provider.title.clone(),
        };
        self.0.all.iter().map(offer).collect()
    }
}

impl Upstream {
    /// Where the provider sends people back to: another for each, so that no answer of one can pass for
    /// another's.
    pub(crate) fn redirect_uri(&self, settings: &Settings) -> String {
        redirect_uri(&self.provider, settings.issuer().as_str())
    }

    pub(crate) fn talk<'a>(
        &'a self,
        all: &'a Upstreams,
        redirect_uri: &'a str,
        now: Timestamp,
    ) -> Talk<'a> {
        let (provider, cache) = (&self.provider, &self.cache);
        Talk { provider, cache, outgoing: &all.0.outgoing, redirect_uri, now }
    }

    /// What it says about itself.
    pub(crate) async fn metadata(
        &self,
        all: &Upstreams,
        want: Want,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, super::MetadataFault> {
        self.cache.get(&self.provider, &all.0.outgoing, want, now).await
    }
}
