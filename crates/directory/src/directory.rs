//! The clients in memory: an immutable snapshot, replaced as a whole.

use crate::{
    Client, Fault, GrantSettings, PeopleSettings, SecretHashKey, Unproven,
    argon::Gate,
    assertion::NobodysKeys,
    budget::Budgets,
    documents::Documents,
    doors::{self, Doors},
    dynamic::{self, Quota},
    grant,
    jwks_uri::Published,
    passkey, rows,
    secret::Stored,
    tenant::Tenants,
    throttle::Throttle,
    tier::Contracts,
};
use arc_swap::ArcSwap;
use portcullis_store::{Store, Tx};
use portcullis_types::{ClientId, Issuer, Timestamp, Ttl};
use portcullis_verify::{RevocationPage, Revocations};
use rustls_pki_types::TrustAnchor;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::{Mutex, watch};
use webauthn_rs::Webauthn;

/// Of grants, which may be a million and live for months, a job looks at so many portions at a time.
const GRANT_PORTIONS: u32 = 50;

/// How exactly the last use of a secret is remembered, in milliseconds: a write each time would be one
/// too many.
const USE_GRAIN: i64 = 60_000;

/// Every known client. Cheap to clone.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) key: SecretHashKey,
    pub(crate) issuer: Issuer,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) throttle: Throttle,
    pub(crate) argon: Gate,
    pub(crate) nobody: NobodysKeys,
    /// Whose certificates are believed, of clients.
    pub(crate) authorities: ArcSwap<Vec<TrustAnchor<'static>>>,
    pub(crate) people: ArcSwap<PeopleSettings>,
    pub(crate) tenants: ArcSwap<Tenants>,
    /// How the rows of tenants were when they were read.
    pub(crate) tenants_seen: Mutex<Option<[i64; 3]>>,
    pub(crate) contracts: ArcSwap<Contracts>,
    pub(crate) published: Published,
    pub(crate) doors: Doors,
    pub(crate) code_doors: Doors,
    pub(crate) webauthn: Option<Webauthn>,
    pub(crate) documents: Documents,
    pub(crate) quota: Quota,
    pub(crate) budgets: Budgets,
    revocations: watch::Sender<Arc<Revocations>>,
    /// Held from reading to publishing, so that an older copy never replaces a newer one.
    reloading: Mutex<Told>,
    /// For how long access tokens live, if they are issued here.
    token_life: OnceLock<Ttl>,
    /// Where the walk of the job over all grants goes on.
    pub(crate) purged: std::sync::Mutex<String>,
}

/// What was ended, up to that place in the log.
struct Told {
    list: Revocations,
    cursor: Option<String>,
}

#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) clients: HashMap<ClientId, Arc<Entry>>,
}

/// A client with what proves it.
pub(crate) struct Entry {
    pub(crate) client: Arc<Client>,
    /// Newest first.
    pub(crate) secrets: Vec<LiveSecret>,
}

pub(crate) struct LiveSecret {
    pub(crate) number: u32,
    pub(crate) stored: Stored,
    pub(crate) expires: Option<Timestamp>,
    /// In milliseconds; the smallest number if never.
    pub(crate) last_used: AtomicI64,
}

impl Entry {
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = &LiveSecret> {
        self.secrets.iter().filter(move |secret| secret.expires.is_none_or(|expires| expires > now))
    }
}

impl LiveSecret {
    /// Whether this use is to be written down. Says so once per [`USE_GRAIN`].
    pub(crate) fn is_news(&self, now: Timestamp) -> bool {
        let last = self.last_used.load(Ordering::Relaxed);
        let old = now.millis().saturating_sub(last) >= USE_GRAIN;
        let swap =
            |new| self.last_used.compare_exchange(last, new, Ordering::Relaxed, Ordering::Relaxed);
        old && swap(now.millis()).is_ok()
    }
}

impl Directory {
    /// Reads all clients. `key` hashes their secrets; `issuer` is whom their assertions must address.
    pub async fn open(store: Store, key: SecretHashKey, issuer: Issuer) -> Result<Self, Fault> {
        let told = Told { list: Revocations::none_by(issuer.clone()), cursor: None };
        let revocations = watch::Sender::new(Arc::new(told.list.clone()));
        let webauthn = passkey::relying_party(&issuer);
        let directory = Self(Arc::new(Inner {
            store,
            key,
            published: Published::new(&issuer),
            documents: Documents::default(),
            quota: Quota::default(),
            issuer,
            snapshot: ArcSwap::default(),
            throttle: Throttle::new(),
            argon: Gate::new(),
            nobody: NobodysKeys::new(),
            authorities: ArcSwap::default(),
            people: ArcSwap::default(),
            tenants: ArcSwap::default(),
            tenants_seen: Mutex::default(),
            contracts: ArcSwap::default(),
            doors: Doors::new(doors::PASSWORDS),
            budgets: Budgets::default(),
            code_doors: Doors::new(doors::CODES),
            webauthn,
            revocations,
            reloading: Mutex::new(told),
            token_life: OnceLock::new(),
            purged: std::sync::Mutex::default(),
        }));
        directory.reload().await?;
        Ok(directory)
    }

    /// The client of that id, as of the last reload.
    pub fn client(&self, id: &ClientId) -> Option<Arc<Client>> {
        Some(self.known(id.as_str())?.client.clone())
    }

    /// As [`Directory::client`]; looks into the store for a client that another process may have
    /// registered just now, and into the document of one that is known by it.
    pub async fn find_client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, Fault> {
        Ok(self.entry(id).await?.map(|entry| entry.client.clone()))
    }

    /// As [`Directory::find_client`], for a caller who proved nothing yet: from one address only so many documents are
    /// fetched.
    pub async fn find_client_for(
        &self,
        id: &ClientId,
        (from, now): (Option<IpAddr>, Timestamp),
    ) -> Result<Option<Arc<Client>>, Fault> {
        Ok(self.entry_for(id, (from, now)).await?.map(|entry| entry.client.clone()))
    }

    pub(crate) async fn entry_for(
        &self,
        id: &ClientId,
        (from, now): (Option<IpAddr>, Timestamp),
    ) -> Result<Option<Arc<Entry>>, Fault> {
        if self.would_fetch(id, now) {
            self.unproven(Unproven::Document, from, now)?;
        }
        self.entry(id).await
    }

    pub(crate) async fn entry(&self, id: &ClientId) -> Result<Option<Arc<Entry>>, Fault> {
        if id.as_str().starts_with("https://") {
            return Ok(self.by_document(id).await);
        }
        if let Some(known) = self.known(id.as_str()) {
            return Ok(Some(known));
        }
        let key = id.clone();
        let Some(found) = self.0.store.read(move |tx| Ok(rows::find(tx, &key))).await?? else {
            return Ok(None);
        };
        let _reloading = self.0.reloading.lock().await;
        if let Some(newer) = self.known(id.as_str()) {
            return Ok(Some(newer));
        }
        let found = Arc::new(found);
        let mut clients = self.0.snapshot.load().clients.clone();
        clients.insert(id.clone(), found.clone());
        self.0.snapshot.store(Arc::new(Snapshot { clients }));
        Ok(Some(found))
    }

    /// As of the last reload, or as its document said.
    pub(crate) fn known(&self, id: &str) -> Option<Arc<Entry>> {
        if id.starts_with("https://") {
            return self.0.documents.find(id);
        }
        self.0.snapshot.load().clients.get(id).cloned()
    }

    /// Whose directory it is.
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// All clients in the order of their ids, as of the last reload.
    pub fn list(&self) -> Vec<Arc<Client>> {
        let snapshot = self.0.snapshot.load();
        let mut clients: Vec<_> =
            snapshot.clients.values().map(|entry| entry.client.clone()).collect();
        clients.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        clients
    }

    /// The clients whose tokens are ended, now and after every change.
    pub fn revocations(&self) -> watch::Receiver<Arc<Revocations>> {
        self.0.revocations.subscribe()
    }

    /// Whose certificates of clients are believed from now on (RFC 8705 §2.1); at first, nobody's.
    pub fn believe(&self, authorities: Vec<TrustAnchor<'static>>) {
        self.0.authorities.store(Arc::new(authorities));
    }

    /// Reads all clients anew: after a change of ours, and when another process changed the store.
    pub async fn reload(&self) -> Result<(), Fault> {
        let mut told = self.0.reloading.lock().await;
        let clients = self.0.store.read(|tx| Ok(rows::all(tx))).await??;
        let clients =
            clients.into_iter().map(|entry| (entry.client.id.clone(), Arc::new(entry))).collect();
        self.0.snapshot.store(Arc::new(Snapshot { clients }));
        self.reload_tenants().await?;
        self.tell(&mut told).await
    }

    /// Tells gateways what was revoked since it was last told: after each transaction that revokes something.
    pub async fn publish(&self) -> Result<(), Fault> {
        let mut told = self.0.reloading.lock().await;
        self.tell(&mut told).await
    }

    async fn tell(&self, told: &mut Told) -> Result<(), Fault> {
        loop {
            let cursor = told.cursor.clone();
            let read = move |tx: &mut Tx<'_>| grant::revoked_since(tx, cursor.as_deref());
            let (_, new) = self.0.store.read(read).await?;
            let Some(last) = new.last() else { return Ok(()) };
            told.cursor = Some(last.cursor());
            for row in &new {
                told.list.add(&row.revocation);
            }
            self.0.revocations.send_replace(Arc::new(told.list.clone()));
        }
    }

    /// A page of what was revoked after `cursor`, which an earlier page gave; from the start without one, or with
    /// one that is not of this store. For gateways elsewhere.
    pub async fn revocations_after(&self, cursor: Option<String>) -> Result<RevocationPage, Fault> {
        let issuer = self.0.issuer.clone();
        let page = move |tx: &mut Tx<'_>| grant::revoked_page(tx, issuer, cursor.as_deref());
        Ok(self.0.store.read(page).await?)
    }

    /// Says for how long access tokens live at most that are issued here from now on. What ends one is remembered
    /// for as long; [`Directory::purge`] says it again. Never said: a day, the longest that is allowed.
    pub async fn limit_tokens(&self, life: Ttl, now: Timestamp) -> Result<(), Fault> {
        let life = *self.0.token_life.get_or_init(|| life);
        Ok(self.0.store.write(move |tx| grant::note_life(tx, life, now)).await?)
    }

    /// How long what people grant lives from now on.
    pub fn limit_grants(&self, settings: GrantSettings) {
        self.0.store.attach(settings);
    }

    /// Job: forgets assertions that have expired, clients that ended long ago, and what was granted and is
    /// over: in portions, between which others have their turn. Says how many.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, Fault> {
        let store = &self.0.store;
        if let Some(life) = self.0.token_life.get() {
            self.limit_tokens(*life, now).await?;
        }
        self.forget(now).await;
        let mut purged = 0;
        loop {
            let some =
                move |tx: &mut Tx<'_>| Ok(rows::purge_uses(tx, now)? + grant::purge(tx, now)?);
            let some = store.write(some).await?;
            purged += some;
            if some < grant::PORTION.unsigned_abs() {
                break;
            }
        }
        self.purge_grants(now).await?;
        let clients = store.write(move |tx| dynamic::purge(tx, now)).await?;
        if clients > 0 {
            self.reload().await?;
        }
        Ok(purged + clients)
    }

    async fn forget(&self, now: Timestamp) {
        let mut told = self.0.reloading.lock().await;
        told.list.forget(now);
        self.0.revocations.send_replace(Arc::new(told.list.clone()));
    }

    /// Goes on along the grants where it stopped the last time.
    async fn purge_grants(&self, now: Timestamp) -> Result<(), Fault> {
        for _ in 0..GRANT_PORTIONS {
            let after = self.0.purged.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let next = self.0.store.write(move |tx| grant::purge_some(tx, &after, now)).await?;
            let done = next.is_none();
            *self.0.purged.lock().unwrap_or_else(PoisonError::into_inner) =
                next.unwrap_or_default();
            if done {
                break;
            }
        }
        Ok(())
    }

    /// How many passwords of people were checked since the start: for metrics.
    pub fn passwords_checked(&self) -> u64 {
        self.0.argon.checked()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let clients = self.0.snapshot.load().clients.len();
        f.debug_struct("Directory").field("clients", &clients).finish_non_exhaustive()
    }
}
