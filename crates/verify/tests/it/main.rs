//! The checks over their public interface: every one has its attack, and nothing a stranger can send gets
//! past them or makes them panic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod challenges;
mod dpop;
mod house;
mod noise;
mod peek;
mod revocation;
mod subject;
mod terms;
