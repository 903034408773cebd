//! A SQLite file.

mod checkpoint;
mod connection;
mod migration;
mod reader;
mod statement;
mod writer;

pub(crate) use connection::{reader as open_reader, writer as open_writer};
pub(crate) use migration::{apply, check};
pub(crate) use statement::{execute, rows};
pub(crate) use {checkpoint::run as keep_checkpoints, reader::run as read, writer::run as write};
