//! The OAuth 2.1 authorization server: discovery, keys and the token endpoint.
//!
//! A file is named after what it serves and reads like its RFC. Whatever the token endpoint decides,
//! grant or refusal, is on disk before it is answered.

mod account;
mod admission;
mod arrival;
mod authorize;
mod authzen;
mod certificate;
mod claims;
mod client_document;
mod client_metadata;
mod device;
mod device_authorization;
mod dpop;
mod elsewhere;
#[cfg(fuzzing)]
pub mod fuzzed;
mod head;
mod id_token;
mod interaction;
mod introspect;
mod jobs;
mod jwks;
mod logo;
mod logout;
pub mod mail;
mod manage;
mod metadata;
mod migrations;
mod own;
mod pages;
mod partners;
mod policy;
mod register;
mod remote;
mod revoke;
mod scim;
mod server;
mod settings;
mod shape;
mod sign_in;
mod step_up;
mod subject;
mod target;
mod token;
mod tokens_metadata;
pub mod trial;
pub mod upstream;
mod userinfo;
mod visit;

pub use admission::{Ceiling, Documents, Registering, Registrations, Trusted};
pub use certificate::{Certificates, Shown, Vouched};
pub use device::Guesses;
pub use jobs::purge;
pub use logo::Logos;
pub use logout::{Notified, deliver};
pub use migrations::MIGRATIONS;
pub use partners::Partners;
pub use server::{Clock, EntropySource, State, router};
pub use settings::{Api, DpopNonce, Settings, SettingsFault};
pub use subject::SubjectKey;
