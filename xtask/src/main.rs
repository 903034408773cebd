//! `cargo xtask COMMAND`: what developers and CI run, written down once.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this command talks to a terminal")]

mod bench;
mod check;
mod debian;
mod fuzz;
mod house;
mod python;
mod steps;
mod test;
mod trouble;

use house::House;
use std::process::ExitCode;
use trouble::{Outcome, Trouble};

const HELP: &str = "\
cargo xtask COMMAND

  check                        formatting, clippy and rustdoc, with warnings denied
  test [rust|python|e2e]...    install what the tests need, build once, run them all, or those named
  bench [quick] [gateway|token|documents|people|idle]...
                               measure the release build, or PORTCULLIS_BIN, against HAProxy, nginx, Envoy and,
                               if PORTCULLIS_BEFORE names one, an earlier build
  fuzz [SECONDS]               run every fuzz target for SECONDS (default 60); needs a nightly toolchain

Everything that is built or installed lies in the target directory: CARGO_TARGET_DIR if it is set,
~/.cache/portcullis/target if CI is set, ./target otherwise.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("\n{trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Outcome {
    match args {
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        ["check"] => check::run(&House::find()?),
        ["test", parts @ ..] => test::run(&House::find()?, parts),
        ["bench", parts @ ..] => bench::run(&House::find()?, parts),
        ["fuzz"] => fuzz::run(&House::find()?, "60"),
        ["fuzz", seconds] => fuzz::run(&House::find()?, seconds),
        _ => Err(Trouble::new(format!("'{}' is no command of xtask", args.join(" "))).hint(HELP)),
    }
}
