//! The log, on standard error: for people on a terminal, JSON for everybody else.

use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts it. `PORTCULLIS_LOG` says how much: `info`, `debug`, `portcullis_issuer=debug`.
pub(crate) fn start(usual: &str) {
    let filter =
        EnvFilter::try_from_env("PORTCULLIS_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Whoever started a log before is a test in this process: then that one stays.
    let _ = if std::io::stderr().is_terminal() {
        log.with_target(false).compact().try_init()
    } else {
        log.json().flatten_event(true).with_current_span(false).try_init()
    };
}
