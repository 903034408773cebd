//! `cargo xtask fuzz`

use crate::{
    house::House,
    steps::Steps,
    trouble::{Outcome, Trouble},
};
use xshell::cmd;

/// Runs every target in `fuzz/`, one after the other; a crash ends it.
pub(crate) fn run(house: &House, seconds: &str) -> Outcome {
    let sh = &house.sh;
    let seconds: u32 = seconds
        .parse()
        .map_err(|_| Trouble::new(format!("'{seconds}' is no number of seconds")))?;
    if cmd!(sh, "rustup run nightly rustc --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_err()
    {
        return Err(Trouble::new("fuzzing needs a nightly toolchain, for the sanitizer")
            .hint("rustup toolchain install nightly --profile minimal"));
    }
    if cmd!(sh, "cargo fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        return Err(
            Trouble::new("cargo-fuzz is not installed").hint("cargo install cargo-fuzz --locked")
        );
    }
    let target = house.target.join("fuzz");
    let _target = sh.push_env("CARGO_TARGET_DIR", target);
    let targets = cmd!(sh, "rustup run nightly cargo fuzz list").read()?;
    let mut steps = Steps::default();
    for name in targets.lines() {
        let (corpus, seeds) = (format!("fuzz/corpus/{name}"), format!("fuzz/seeds/{name}"));
        sh.create_dir(&corpus)?;
        // What is found goes into the first folder; the others are only read.
        let seeds = sh.path_exists(&seeds).then_some(seeds);
        let limits = ["-rss_limit_mb=2048", "-timeout=10"];
        let time = format!("-max_total_time={seconds}");
        steps.take("fuzz target", "the input that did it lies in fuzz/artifacts", || {
            println!("{name}");
            let fuzz = cmd!(sh, "rustup run nightly cargo fuzz run {name} {corpus} {seeds...}");
            Ok(fuzz.args(["--", &time]).args(limits).run()?)
        })?;
    }
    steps.summary();
    Ok(())
}
