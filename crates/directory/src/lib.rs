//! Who is known: clients, their credentials and what they may ask for.
//!
//! Clients live in the store; every process keeps an immutable copy of all of them in memory, so that
//! authenticating one reads no database. Each administrative change names who made it, and its audit
//! record is written in the same transaction.

mod admin;
mod argon;
mod assertion;
mod authenticate;
mod client;
mod directory;
mod excerpt;
mod fault;
mod keys;
mod migrations;
mod rows;
mod secret;
mod throttle;

pub use admin::{Acting, Added, NewAuth, NewClient};
pub use authenticate::{Attempt, AuthMethod, Authenticated, Credentials, Proven};
pub use client::{Client, ClientAuth, GrantType, SecretFacts};
pub use directory::Directory;
pub use excerpt::{excerpt, without_secrets};
pub use fault::Fault;
pub use keys::{ClientKeys, ClientKeysFault};
pub use migrations::MIGRATIONS;
pub use secret::{ClientSecret, SecretFault, SecretHashKey};
