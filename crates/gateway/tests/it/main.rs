//! The gateway over real sockets: a real upstream behind it, a real store beside it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod access;
mod client_tls;
mod credentials;
mod dpop;
mod house;
mod records;
mod rules;
mod shape;
mod streams;
mod upstream_tls;
