//! `portcullis serve`

use super::{Exit, Globals, House, Outcome, Stop, house};
use crate::{
    config::Purpose,
    serve::{self, Listeners, Running},
};
use std::time::{Duration, Instant};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

/// Run the issuer, the gateway or both, as the configuration says.
///
/// Runs until SIGTERM or SIGINT, then lets requests under way end; a second signal ends them too.
///
/// Commands that change clients or keys work on the same database: a running server takes their changes
/// over within a second.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis serve
  PORTCULLIS_LOG=debug portcullis serve --config /etc/portcullis/portcullis.toml")]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(globals: &Globals) -> Outcome {
        serve::start_log("info");
        let config = house::config(&globals.config, Purpose::Serve)?;
        let listeners = Listeners::bind(&config)?;
        let house = House::of(config)?;
        let runtime = runtime()?;
        let outcome = runtime.block_on(async {
            let mut signals = Signals::listen()?;
            let running = serve::start(house, listeners).await?;
            tell(&running);
            signals.next().await;
            tracing::info!("stopping: requests under way may end");
            tokio::select! {
                () = running.stop() => tracing::info!("stopped"),
                () = signals.again() => tracing::warn!("stopped at once"),
            }
            Ok(Exit::Done)
        });
        runtime.shutdown_background();
        outcome
    }
}

fn tell(running: &Running) {
    for (what, address) in running.addresses() {
        tracing::info!(%address, "{what} is ready");
    }
}

/// Two threads for the control plane; the gateway brings its own.
pub(super) fn runtime() -> Result<Runtime, Stop> {
    // More than the cores at hand would only take turns with each other.
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(2);
    let builder =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    builder.map_err(|fault| Stop::cannot_run(format!("cannot start threads: {fault}")))
}

/// How soon after a signal the same one is only its echo.
const ECHO: Duration = Duration::from_millis(300);

/// The signals that ask a program to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on they do not end the program by themselves.
    pub(super) fn listen() -> Result<Self, Stop> {
        let listen = |kind| {
            signal(kind)
                .map_err(|fault| Stop::cannot_run(format!("cannot listen for signals: {fault}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) {
        self.number().await;
    }

    /// Waits for another one: not for the echo of the first, which a process group may get twice.
    pub(super) async fn again(&mut self) {
        let start = Instant::now();
        while start.elapsed() < ECHO {
            self.next().await;
        }
    }

    /// Waits for one and says which.
    pub(super) async fn number(&mut self) -> rustix::process::Signal {
        tokio::select! {
            _ = self.interrupt.recv() => rustix::process::Signal::INT,
            _ = self.terminate.recv() => rustix::process::Signal::TERM,
            _ = self.hang_up.recv() => rustix::process::Signal::HUP,
        }
    }
}
