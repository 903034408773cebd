//! Names to addresses, once: what is judged here is what the connection is made to, so that a name
//! cannot change its mind between check and use (DNS rebinding).

use crate::{FetchFault, OutgoingPolicy, policy::is_localhost};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    sync::Arc,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// The addresses of a name, to come.
pub type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where the addresses of a name come from.
pub type LookUp = Arc<dyn Fn(String) -> LookingUp + Send + Sync>;

/// So many names are looked up at a time. Each look-up blocks a thread of the pool that passwords are hashed on, for
/// as long as the name's own server likes, whoever still waits for it.
const AT_ONCE: usize = 16;

/// The operating system's own look-up.
pub(crate) fn system() -> LookUp {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    Arc::new(move |name| {
        let places = Arc::clone(&places);
        Box::pin(async move {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let look_up = move || {
                let found = (name.as_str(), 0).to_socket_addrs()?;
                // Given back by the thread, not by who waits: that one may have gone.
                drop(place);
                Ok(found.map(|address| address.ip()).collect())
            };
            spawn_blocking(look_up).await.map_err(io::Error::other)?
        })
    })
}

/// Hands on only the addresses that the policy lets through.
pub(crate) struct Guarded {
    pub(crate) policy: Arc<OutgoingPolicy>,
    pub(crate) look_up: LookUp,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, look_up) = (Arc::clone(&self.policy), Arc::clone(&self.look_up));
        Box::pin(async move {
            let host = name.as_str();
            let found = if is_localhost(host) {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            } else {
                look_up(host.to_owned()).await.map_err(|error| FetchFault::Unresolved {
                    host: host.to_owned(),
                    why: error.to_string(),
                })?
            };
            let good = admitted(&policy, host, &found)?;
            Ok(Box::new(good.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// The addresses that may be called; if none is left, why the last one may not.
fn admitted(
    policy: &OutgoingPolicy,
    host: &str,
    found: &[IpAddr],
) -> Result<Vec<IpAddr>, FetchFault> {
    let mut refused =
        FetchFault::Unresolved { host: host.to_owned(), why: "it has no address".to_owned() };
    let mut good = Vec::new();
    for address in found {
        match policy.judge(host, *address) {
            Ok(()) => good.push(*address),
            Err(fault) => refused = fault,
        }
    }
    if good.is_empty() { Err(refused) } else { Ok(good) }
}
