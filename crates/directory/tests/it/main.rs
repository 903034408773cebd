//! The directory on a real store.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod admin;
mod api_keys;
mod authenticate;
mod authenticator;
mod certificate;
mod codes;
mod dynamic;
mod grants;
mod house;
mod links;
mod passkeys;
mod passwords;
mod people;
mod policies;
mod provisioning;
mod sessions;
mod tenants;
