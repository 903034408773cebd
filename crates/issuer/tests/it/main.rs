//! The issuer over real HTTP, on a real store: the tree mirrors the URLs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod apps;
mod authorize;
mod authzen;
mod browser;
mod budget;
mod client_document;
mod device;
mod elsewhere;
mod house;
mod https;
mod introspect;
mod jwks;
mod language;
mod logo;
mod logout;
mod mail;
mod manage;
mod pages;
mod people;
mod register;
mod revoke;
mod scim;
mod token;
mod upstream;
mod userinfo;
mod well_known;
