//! Bundles as people and attackers write them, and the policies of the repository.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod answers;
mod bundles;
mod checks;
mod differential;
mod engine;
mod hostile;
mod inputs;
mod library;
mod opa;
mod opa_faults;
mod remote;
mod support;
mod tools;
