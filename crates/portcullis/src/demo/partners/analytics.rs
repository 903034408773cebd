//! The service behind the gateway.

use super::super::{Taken, taken};
use crate::{cli::Stop, clock};
use portcullis_analytics::{Guard, Settings, router};
use portcullis_types::Audience;
use tokio::{sync::oneshot, task::JoinHandle};
use url::Url;

/// What the gateway calls it: `credential.identity` in the configuration.
const AUDIENCE: &str = "https://analytics.internal";

/// It runs.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Any free port.
pub(super) fn bind() -> Result<Taken, Stop> {
    let [service] = taken([("the service's port", 0)])?;
    Ok(service)
}

/// Serves it. The gateway need not be there yet.
pub(super) fn start(service: Taken, gateway: &str) -> Result<Running, Stop> {
    let settings = Settings {
        gateway: Url::parse(gateway).map_err(Stop::cannot_run)?,
        audience: Audience::new(AUDIENCE).map_err(Stop::cannot_run)?,
        clock: clock::now,
    };
    let router = router(Guard::new(settings).map_err(Stop::cannot_run)?);
    let listener = service.listener;
    listener.set_nonblocking(true).map_err(Stop::cannot_run)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(Stop::cannot_run)?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
        if let Err(fault) = serving.await {
            tracing::error!(%fault, "the analytics service stopped");
        }
    });
    Ok(Running { stop, task })
}

impl Running {
    /// Ends it; the gateway in front has ended before.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
