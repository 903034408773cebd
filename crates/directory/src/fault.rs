//! What can go wrong here that is not the caller's doing, or is the operator's.

use crate::TenantProblem;
use portcullis_store::StoreFault;
use portcullis_types::{ClientId, Tenant, Ttl};

/// Why an administrative change was not made, or a client could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreFault),
    /// A row that this program cannot have written.
    #[error("the row of client {client} is damaged: {problem}")]
    Row {
        /// Whose row, as far as it can be read.
        client: String,
        /// What is wrong.
        problem: String,
    },
    /// A tenant's row that this program cannot have written.
    #[error("the row of tenant {tenant} is damaged: {problem}")]
    TenantRow {
        /// Whose row.
        tenant: String,
        /// What is wrong.
        problem: String,
    },
    /// No such tenant.
    #[error("there is no tenant {0}")]
    UnknownTenant(Tenant),
    /// What was said of a tenant cannot be so.
    #[error("the tenant cannot be so: {}", told(.0))]
    TenantProblems(Vec<TenantProblem>),
    /// No such client.
    #[error("there is no client {0}")]
    UnknownClient(ClientId),
    /// The id is taken.
    #[error("there is a client {0} already; choose another id")]
    Taken(ClientId),
    /// No such person.
    #[error("there is no person {0}")]
    UnknownPerson(String),
    /// The login is taken.
    #[error("somebody signs in as {0} already; choose another login")]
    LoginTaken(String),
    /// No such group.
    #[error("there is no group {0}")]
    UnknownGroup(String),
    /// The name of the group is taken.
    #[error("there is a group {0} already; choose another name")]
    GroupTaken(String),
    /// No such session.
    #[error("there is no session {0}")]
    UnknownSession(String),
    /// The person has no such passkey.
    #[error("there is no such passkey")]
    UnknownPasskey,
    /// The change would leave the person no way to sign in.
    #[error("it is the only way in that they have; set a password or add a passkey first")]
    LastMeans,
    /// It is not what the caller saw last.
    #[error("it changed meanwhile; read it again")]
    Stale,
    /// The change makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Too many secrets are being checked at once; nothing was decided.
    #[error("too many secrets are being checked at once; try again")]
    Busy,
    /// Somebody who proves nothing asks for too much; nothing was decided.
    #[error("too many requests from one address that prove nothing; try again in {retry_after}")]
    TooMany {
        /// How long to wait.
        retry_after: Ttl,
    },
    /// The cryptographic library failed.
    #[error("the secret could not be hashed")]
    Hash,
}

fn told(problems: &[TenantProblem]) -> String {
    let all: Vec<_> =
        problems.iter().map(|found| format!("{}: {}", found.field, found.problem)).collect();
    all.join("; ")
}
