//! Apps hear that a session ended: a loop of its own, since an app may be slow to answer.

use portcullis_issuer::{State, deliver};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the stop. A round that fails is logged; what it left is there for the next.
pub(super) async fn run(state: State, mut stopped: watch::Receiver<bool>) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Whoever could tell is gone: that is a stop too.
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = rounds.tick() => {}
        }
        if let Err(fault) = deliver(&state).await {
            tracing::warn!(%fault, "cannot deliver notices of logout");
        }
    }
}
