//! Our keys in a real store, their keys from a real server; only the time is made up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ours;
mod rotation;
mod server;
mod theirs;
