//! The chain under attack, under load and under `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "how the child of the crash test reports")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod attacks;
mod crash;
mod cutting;
mod exports;
mod journal;
mod look_up;
mod packing;
mod rulings;
mod several_writers;
mod support;
