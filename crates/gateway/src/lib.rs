//! The reverse proxy that lets a request through only with a token that may do it.
//!
//! A request's way: `shape` → `routes` → the credential leaves it (`request`) → the verifier admits it →
//! the decision is recorded (`decision`) → it is sent on (`forward`, `pool`) → the answer streams back
//! (`relay`). What is not mapped is denied; nothing is buffered; a client that leaves takes its upstream
//! request along.

mod connect;
mod content;
mod decision;
mod forward;
mod forwarded;
mod identity;
mod metadata;
mod metrics;
mod open;
mod pool;
mod reads;
mod record;
mod refuse;
mod relay;
mod request;
mod routes;
mod rules;
mod serve;
pub mod settings;
mod shape;
mod shared;
mod tap;
mod upload;
mod worker;

pub use record::{claimed, verified};
pub use routes::{Matched, RouteFault, Routes};
pub use rules::Tenants;
pub use serve::{Gateway, Parts, StartFault};
pub use shape::unambiguous_path;
