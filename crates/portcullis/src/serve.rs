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
mod tls;

pub(crate) use by_hand::{ByHand, by_hand};
pub(crate) use listen::{Listeners, Place, bind};
pub(crate) use log::start as start_log;

use crate::{
    cli::{House, Stop},
    clock,
};
use http::{Limits, Server};
use portcullis_audit::Journal;
use portcullis_gateway::Gateway;
use prometheus_client::registry::Registry;
use std::{net::SocketAddr, sync::Arc};
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
    let mut registry = Registry::default();
    let mut servers = Vec::new();
    let (journal, task) = gateway::journal(&house);
    let mut tasks = vec![tokio::spawn(task)];

    let issuing = match &house.config.issuer {
        Some(issuing) => Some(issuer::open(&house, issuing).await?),
        None => None,
    };
    if let (Some(issuing), Some(listener)) = (&issuing, listeners.issuer) {
        let router = issuer::router(&house, issuing, &mut registry);
        let tls = house.config.issuer.as_ref().and_then(|issuer| issuer.tls.as_ref());
        let tls = tls.map(tls::server).transpose()?;
        servers.push(Server::start((listener, tls), router, Limits::USUAL, stopped.clone())?);
    }
    let mut guarding = gateway::open(&house, issuing.as_ref()).await?;
    let gateway = match (&guarding, listeners.gateway) {
        (Some(guarding), Some(listener)) => {
            Some(gateway::start((&house, guarding), listener, journal.clone(), &mut registry)?)
        }
        _ => None,
    };
    if let Some(listener) = listeners.admin {
        let admin = admin::Admin::new(&house, journal.clone(), issuing.as_ref(), registry);
        let router = admin::router(admin);
        servers.push(Server::start((listener, None), router, Limits::USUAL, stopped.clone())?);
    }
    if let Some(guarding) = &mut guarding {
        for feed in std::mem::take(&mut guarding.feeds) {
            let circle = guarding.circle.clone();
            tasks.push(tokio::spawn(feed.run(circle, clock::clock(), stopped.clone())));
        }
    }
    let jobs = jobs::Jobs { store: house.store.clone(), issuing, guarding };
    tasks.push(tokio::spawn(jobs.run(clock::clock(), stopped)));
    Ok(Running { addresses, servers, gateway, journal, stop, tasks, _house: house })
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
