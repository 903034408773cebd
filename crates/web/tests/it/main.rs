//! The outgoing client against real servers on loopback that misbehave in every way they can.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guard;
mod server;
