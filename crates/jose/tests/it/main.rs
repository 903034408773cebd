//! JOSE over its public interface: RFC vectors, round trips, attacks.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod attacks;
mod compact;
mod round_trips;
mod vectors;
