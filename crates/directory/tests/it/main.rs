//! The directory on a real store.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod admin;
mod authenticate;
mod certificate;
mod house;
mod people;
mod sessions;
