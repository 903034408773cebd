//! Bundles as people and attackers write them, and the policies of the repository.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod checks;
mod differential;
mod engine;
mod hostile;
mod inputs;
mod library;
mod support;
mod tools;
