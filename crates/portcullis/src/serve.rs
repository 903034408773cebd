//! Wiring: the rooms of one house, started together, stopped together.

mod admin;
mod by_hand;
mod feed;
mod gateway;
mod http;
mod issuer;
mod jobs;
mod listen;
mod log;
mod notices;
mod policy;
mod tls;

pub(crate) use by_hand::{ByHand, by_hand};
pub(crate) use issuer::outgoing;
pub(crate) use listen::{Listeners, Place, bind};
pub(crate) use log::start as start_log;

use crate::{
    cli::{House, Stop},
    clock,
    config::{ClientCertificates, Issuing, Tls},
};
use http::{Limits, Server, Speaks};
use ipnet::IpNet;
use portcullis_audit::Journal;
use portcullis_gateway::Gateway;
use prometheus_client::registry::Registry;
use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};
use tokio::{sync::watch, task::JoinHandle};

/// Everything that runs.
pub(crate) struct Running {
    addresses: Vec<(&'static str, SocketAddr)>,
    servers: Vec<Server>,
    gateway: Option<Gateway>,
    journal: Journal,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Last, so that the database closes after everybody who writes to it.
    _house: Arc<House>,
}

/// Starts what the configuration of `house` describes, on sockets that are bound already. Requests are
/// answered from the moment this returns.
pub(crate) async fn start(house: House, listeners: Listeners) -> Result<Running, Stop> {
    let house = Arc::new(house);
    let addresses = listeners.addresses();
    let (stop, stopped) = watch::channel(false);
    let mut watches = Vec::new();
    let mut registry = Registry::default();
    let mut servers = Vec::new();
    let (journal, task) = gateway::journal(&house);
    let mut tasks = vec![tokio::spawn(task)];

    let (live, polls) = Box::pin(policy::Live::open(&house, &mut registry)).await?.unzip();
    let judge = live.as_ref().map(policy::Live::judge);
    let issuing = match &house.config.issuer {
        Some(issuing) => Some(issuer::open(&house, issuing).await?),
        None => None,
    };
    if let (Some(issuing), Some(config)) = (&issuing, &house.config.issuer) {
        watches.extend(issuer::authorities(config, issuing)?);
        let state = issuer::state(&house, issuing, judge.clone());
        tasks.push(tokio::spawn(notices::run(state.clone(), stopped.clone())));
        let router = issuer::router(state, &mut registry);
        for (listener, speaks) in
            issuer_listeners((listeners.issuer, listeners.mtls), config, &mut watches)?
        {
            let (router, stopped) = (router.clone(), stopped.clone());
            servers.push(Server::start((listener, speaks), router, Limits::USUAL, stopped)?);
        }
    }
    let mut guarding = gateway::open(&house, issuing.as_ref()).await?;
    let gateway = match (&guarding, listeners.gateway) {
        (Some(guarding), Some(listener)) => {
            let seen = (&mut registry, &mut watches);
            Some(gateway::start((&house, guarding, judge), listener, journal.clone(), seen)?)
        }
        _ => None,
    };
    let admin = house.config.admin.as_ref().zip(listeners.admin);
    let admin = admin.map(|(admin, listener)| {
        let tls = (admin.tls.as_ref(), &admin.trusted_proxies[..]);
        speaks("admin", tls, &mut watches).map(|speaks| (listener, speaks))
    });
    let watches = tls::Watches::new(watches, &mut registry);
    if let Some(listening) = admin.transpose()? {
        let (watches, policies) = (watches.clone(), live.clone());
        let seen = admin::Seen { journal: journal.clone(), watches, policies };
        let admin = admin::Admin::new(&house, seen, issuing.as_ref(), registry);
        let router = admin::router(admin);
        servers.push(Server::start(listening, router, Limits::USUAL, stopped.clone())?);
    }
    tasks.extend(listening(guarding.as_mut(), polls.unwrap_or_default(), &stopped));
    let store = house.store.clone();
    let jobs = jobs::Jobs { store, issuing, guarding, watches, policies: live };
    tasks.push(tokio::spawn(jobs.run(clock::clock(), stopped)));
    Ok(Running { addresses, servers, gateway, journal, stop, tasks, _house: house })
}

/// Everything that listens to others until the stop: to issuers, and to sources of policies.
fn listening(
    guarding: Option<&mut gateway::Guard>,
    polls: Vec<policy::Poll>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let polls = polls.into_iter().map(|poll| tokio::spawn(poll.run(stopped.clone())));
    let mut tasks: Vec<_> = polls.collect();
    if let Some(guarding) = guarding {
        for feed in std::mem::take(&mut guarding.feeds) {
            let circle = guarding.circle.clone();
            tasks.push(tokio::spawn(feed.run(circle, clock::clock(), stopped.clone())));
        }
    }
    tasks
}

/// How the issuer's listeners speak: where it has one of its own for them, certificates are asked for.
fn issuer_listeners(
    (usual, mtls): (Option<TcpListener>, Option<TcpListener>),
    config: &Issuing,
    watches: &mut Vec<tls::Watch>,
) -> Result<Vec<(TcpListener, Speaks)>, Stop> {
    let mut all = Vec::new();
    if let Some(listener) = usual {
        let tls = (config.tls.as_ref(), &config.trusted_proxies[..]);
        all.push((listener, speaks("issuer", tls, watches)?));
    }
    if let (Some(listener), Some(tls)) = (mtls, &config.tls) {
        let client_certificates = match tls.client_certificates {
            ClientCertificates::None | ClientCertificates::Ask => ClientCertificates::Ask,
            ClientCertificates::Require => ClientCertificates::Require,
        };
        let tls = Tls { client_certificates, ..tls.clone() };
        all.push((listener, speaks("mtls", (Some(&tls), &[]), watches)?));
    }
    Ok(all)
}

fn speaks(
    listener: &'static str,
    (tls, proxies): (Option<&Tls>, &[IpNet]),
    watches: &mut Vec<tls::Watch>,
) -> Result<Speaks, Stop> {
    match tls {
        Some(tls) => tls::server(listener, tls, watches).map(Speaks::Tls),
        None => Ok(Speaks::Clear(proxies.to_vec())),
    }
}

impl Running {
    /// What listens where.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.addresses.iter().copied()
    }

    /// Accepts no more, lets requests under way end, and writes the last audit record.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        let gateway =
            self.gateway.map(|gateway| tokio::task::spawn_blocking(move || gateway.stop()));
        for server in self.servers {
            server.drained().await;
        }
        if let Some(gateway) = gateway {
            let _ = gateway.await;
        }
        self.journal.close().await;
        for task in self.tasks {
            let _ = task.await;
        }
    }
}
