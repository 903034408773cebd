//! Who is known: clients, their credentials and what they may ask for.
//!
//! Clients live in the store; every process keeps an immutable copy of all of them in memory, so that
//! authenticating one reads no database. Each administrative change names who made it, and its audit
//! record is written in the same transaction.

mod admin;
mod argon;
mod assertion;
mod authenticate;
mod authorization;
mod certificate;
mod client;
mod directory;
mod excerpt;
mod fault;
mod keys;
mod migrations;
mod person;
mod registration;
mod rows;
mod secret;
mod session;
mod throttle;

pub use admin::{Acting, Added, NewAuth, NewClient};
pub use authenticate::{Attempt, AuthMethod, Authenticated, Credentials, Proven};
pub use authorization::{Authorization, ClaimsAsked};
pub use certificate::{CertificateMatcher, MatcherFault, NameKind};
pub use client::{Client, ClientAuth, GrantType, SecretFacts};
pub use directory::Directory;
pub use excerpt::{excerpt, without_secrets};
pub use fault::Fault;
pub use keys::{ClientKeys, ClientKeysFault};
pub use migrations::MIGRATIONS;
pub use person::{Address, Factors, Person, Profile};
pub use registration::{Fapi2, Origin, Pkce, Registration, Shape, SubjectType};
pub use secret::{ClientSecret, SecretFault, SecretHashKey};
pub use session::{Session, UpstreamSession};
