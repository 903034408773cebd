//! `cargo xtask check`

use crate::{house::House, steps::Steps, trouble::Outcome};
use xshell::cmd;

/// Formatting, clippy and rustdoc: what can be said without running anything.
pub(crate) fn run(house: &House) -> Outcome {
    let sh = &house.sh;
    let mut steps = Steps::default();
    steps.take("formatting", "run cargo fmt", || Ok(cmd!(sh, "cargo fmt --all --check").run()?))?;
    steps.take(
        "clippy",
        "mend what it names; an exception is #[expect(lint, reason = \"…\")]",
        || Ok(cmd!(sh, "cargo clippy --workspace --all-targets --locked -- -D warnings").run()?),
    )?;
    steps.take("rustdoc", "mend the link or the comment that it names", || {
        let doc = cmd!(sh, "cargo doc --workspace --no-deps --locked");
        Ok(doc.env("RUSTDOCFLAGS", "-D warnings").run()?)
    })?;
    steps.summary();
    Ok(())
}
