//! The program as its users meet it: started, asked, stopped.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod certificates;
mod commands;
mod configuration;
mod demo;
mod explain;
mod people;
mod policies;
mod postgres;
mod program;
mod serving;
