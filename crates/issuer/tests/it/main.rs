//! The issuer over real HTTP, on a real store: the tree mirrors the URLs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod house;
mod jwks;
mod pages;
mod token;
mod well_known;
