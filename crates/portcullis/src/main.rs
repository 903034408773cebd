//! The `portcullis` command. It wires the rooms together and decides nothing.

mod certificate;
mod cli;
mod clock;
mod config;
mod demo;
mod serve;

/// Fewer and shorter system calls per request than the allocator of the C library. Without huge pages: they
/// would keep 16 MiB that nobody uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
