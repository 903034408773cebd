//! JOSE over its public interface: RFC vectors, round trips, attacks.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compact;
