//! The app of the demo that people sign in to.

use super::{clients::EVERYTHING, clients::Visitor};
use crate::cli::Stop;
use portcullis_notebook::{Settings, router};
use std::net::TcpListener;
use tokio::{sync::oneshot, task::JoinHandle};
use url::Url;

/// It runs.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What the app is told, as far as it is known before it is a client.
pub(super) fn settings(issuer: &str, app: &str, api: &str) -> Result<Settings, Stop> {
    let url = |text: &str| Url::parse(text).map_err(Stop::cannot_run);
    Ok(Settings {
        issuer: issuer.to_owned(),
        client_id: String::new(),
        client_secret: String::new().into(),
        url: url(app)?,
        api: url(api)?,
        scopes: EVERYTHING.split(' ').map(str::to_owned).collect(),
    })
}

/// Serves it.
pub(super) fn start(
    listener: TcpListener,
    settings: Settings,
    client: &Visitor,
) -> Result<Running, Stop> {
    let settings = Settings {
        client_id: client.id.to_string(),
        client_secret: client.secret.expose().to_owned().into(),
        ..settings
    };
    let router = router(settings).map_err(Stop::cannot_run)?;
    listener.set_nonblocking(true).map_err(Stop::cannot_run)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(Stop::cannot_run)?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
        if let Err(fault) = serving.await {
            tracing::error!(%fault, "the notebook stopped");
        }
    });
    Ok(Running { stop, task })
}

impl Running {
    /// Ends it.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
