//! What stands behind the demo's gateway: a small text generator that has read our documentation.

use super::loopback;
use crate::{
    cli::Stop,
    clock,
    serve::{self, Place},
};
use portcullis_textgen::{BASIC, Generators, Model, Offer, PREMIUM, router};
use std::sync::Arc;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

/// What the model has read.
const TEXTS: &[&str] = &[include_str!("primer.md")];

/// It runs.
pub(super) struct Running {
    url: String,
    trained: oneshot::Receiver<()>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Serves both models on a free port. They are trained beside: whoever asks before that waits.
pub(super) fn start() -> Result<Running, Stop> {
    let listener = serve::bind(loopback(0), Place::Flag("the model's port"))?;
    listener.set_nonblocking(true).map_err(Stop::cannot_run)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(Stop::cannot_run)?;
    let url = format!("http://{}", listener.local_addr().map_err(Stop::cannot_run)?);
    let (stop, stopped) = oneshot::channel();
    let (tell, trained) = oneshot::channel();
    let task = tokio::spawn(async move {
        let Ok(generators) = spawn_blocking(train).await else { return };
        // Whoever does not wait for it has stopped.
        let _ = tell.send(());
        let serving = axum::serve(listener, router(Arc::new(generators)));
        let stopped = async { drop(stopped.await) };
        if let Err(fault) = serving.with_graceful_shutdown(stopped).await {
            tracing::error!(%fault, "the model stopped");
        }
    });
    Ok(Running { url, trained, stop, task })
}

fn train() -> Generators {
    let (basic, premium) = (Model::train(BASIC, 3, TEXTS), Model::train(PREMIUM, 5, TEXTS));
    let seed = u64::from_ne_bytes(*portcullis_types::Random::<8>::draw(&mut clock::Chance).bytes());
    // Routes guard paths: a model that needs another scope must not be had by its name.
    Generators::new(basic, premium, Offer::Basic, seed, || clock::now().seconds())
}

impl Running {
    /// Where it is.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns when it can answer.
    pub(super) async fn trained(&mut self) -> Result<(), Stop> {
        (&mut self.trained).await.map_err(|_| Stop::cannot_run("the model could not be trained"))
    }

    /// Ends it; the gateway in front has ended before.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
