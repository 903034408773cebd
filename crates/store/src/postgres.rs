//! A PostgreSQL database, shared by any number of nodes.
//!
//! Each write batch takes one lock before it reads anything, and READ COMMITTED lets its statements see what
//! was committed until then: all nodes together behave as one writer, as `BEGIN IMMEDIATE` makes the
//! processes on one SQLite file do. The head of the audit chain is read and written under that lock.

mod convert;
mod dialect;
mod fault;
mod link;
mod migration;
mod reader;
mod session;
mod settings;
mod tls;
mod writer;

pub(crate) use reader::run as read;
pub(crate) use session::Session;
pub use settings::PostgresSettings;
pub(crate) use writer::{Writer, commits_elsewhere};

use crate::{Migration, StoreFault};
use link::Link;

/// Connects, looks whether the database fits, brings its tables up to date.
pub(crate) fn open(
    settings: PostgresSettings,
    migrations: &[Migration],
) -> Result<Writer, StoreFault> {
    let mut link = Link::new(settings, writer::SETUP);
    let session = link.session()?;
    migration::apply(session, migrations)?;
    let node = session.number("SELECT nextval('store_node')")?;
    Ok(Writer::new(link, node))
}

/// Connects and looks whether the database fits.
pub(crate) fn probe(
    settings: PostgresSettings,
    migrations: &[Migration],
) -> Result<(), StoreFault> {
    migration::look(Link::new(settings, writer::SETUP).session()?, migrations)
}
