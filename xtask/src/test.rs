//! `cargo xtask test`

use crate::{
    debian,
    house::House,
    python::Venv,
    steps::Steps,
    trouble::{Outcome, Trouble},
};
use serde_json::Value;
use std::path::Path;
use xshell::cmd;

/// What can be tested by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Rust,
    Python,
    E2e,
}

const PARTS: [(&str, Part); 3] =
    [("rust", Part::Rust), ("python", Part::Python), ("e2e", Part::E2e)];

/// Rooms whose tests open a database of the kind that the environment names.
const KEEP: [&str; 4] = ["audit", "directory", "keyring", "issuer"];

/// Installs what the tests need, builds once, and runs the parts named, or all.
pub(crate) fn run(house: &House, names: &[&str]) -> Outcome {
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == *name)) {
        return Err(Trouble::new(format!("'{unknown}' is no part of the tests"))
            .hint("one of: rust, python, e2e"));
    }
    let wanted =
        |part| names.is_empty() || PARTS.iter().any(|(name, p)| *p == part && names.contains(name));
    let mut steps = Steps::default();
    // First what fails first: a machine without Python is told so before minutes of compiling.
    if wanted(Part::E2e) {
        let hint = "as root: apt-get install chromium";
        steps.take("Chromium", hint, || debian::need(house, &[("chromium", "chromium")]))?;
        let hint = "as root: apt-get install apache2-bin libapache2-mod-auth-openidc";
        steps.take("Apache", hint, || apache(house))?;
    }
    let venv = if wanted(Part::Python) || wanted(Part::E2e) {
        let hint = "read what pip says; delete the directory 'venv' in the target directory to start afresh";
        Some(steps.take("Python packages", hint, || packages(house))?)
    } else {
        None
    };
    if wanted(Part::Rust) {
        steps.take("PostgreSQL", "as root: apt-get install postgresql", || postgres(house))?;
    }
    build(house, &mut steps)?;
    if wanted(Part::Rust) {
        steps.take("Rust tests", "cargo test -p PACKAGE NAME runs one", || {
            Ok(cmd!(house.sh, "cargo test --workspace --locked").run()?)
        })?;
        let hint = "PORTCULLIS_TEST_STORE=postgres cargo test -p PACKAGE NAME runs one";
        steps.take("Rust tests on PostgreSQL", hint, || on_postgres(house))?;
    }
    if let Some(venv) = venv {
        steps.take("the Python package", "it is in sdk/python", || sdk(house, &venv))?;
        if wanted(Part::Python) {
            let hint = "cargo xtask test python runs only these";
            steps.take("Python tests", hint, || {
                pytest(house, &venv, &["sdk/python/tests", "examples/fastapi"])
            })?;
        }
        if wanted(Part::E2e) {
            let hint = "cargo xtask test e2e runs only these";
            steps.take("end-to-end tests", hint, || pytest(house, &venv, &["e2e"]))?;
        }
    }
    steps.summary();
    Ok(())
}

/// Programs and tests together, so that both are compiled with the same features, once.
fn build(house: &House, steps: &mut Steps) -> Outcome {
    steps.take("build", "if it misses cc or a linker: apt-get install build-essential", || {
        Ok(cmd!(house.sh, "cargo build --workspace --bins --tests --examples --locked").run()?)
    })
}

/// A relying party that nobody here wrote. Tests start a server of their own; the system's is left alone.
fn apache(house: &House) -> Outcome {
    if Path::new("/usr/lib/apache2/modules/mod_auth_openidc.so").exists() {
        return Ok(());
    }
    debian::install(house, &["apache2-bin", "libapache2-mod-auth-openidc"])
}

/// The server's programs, which Debian keeps apart for each version. Tests start a server of their own.
fn postgres(house: &House) -> Outcome {
    let there = || cmd!(house.sh, "sh -c 'ls /usr/lib/postgresql/*/bin/initdb'");
    if there().quiet().ignore_stdout().ignore_stderr().run().is_ok() || house.has("pg_config") {
        return Ok(());
    }
    debian::install(house, &["postgresql"])
}

/// The tests of rooms that keep something, once more over the other database. (The store's own tests run over
/// both at once.) The programs are those that were built, so that nothing is compiled again.
fn on_postgres(house: &House) -> Outcome {
    let built = cmd!(house.sh, "cargo test --workspace --locked --no-run --message-format json");
    let built = built.quiet().ignore_stderr().read()?;
    let mut ran = 0;
    for artifact in built.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |path| artifact.pointer(path).and_then(Value::as_str);
        let Some((program, manifest)) = text("/executable").zip(text("/manifest_path")) else {
            continue;
        };
        let folder = Path::new(manifest).parent().unwrap_or(&house.root);
        let keeps = KEEP.iter().any(|room| folder == house.root.join("crates").join(room));
        if keeps && text("/target/name") == Some("it") {
            let _there = house.sh.push_dir(folder);
            cmd!(house.sh, "{program} --quiet").env("PORTCULLIS_TEST_STORE", "postgres").run()?;
            ran += 1;
        }
    }
    if ran == KEEP.len() {
        return Ok(());
    }
    Err(Trouble::new(format!("{ran} of {} test programs were found", KEEP.len())))
}

fn packages(house: &House) -> Outcome<Venv> {
    let venv = Venv::ready(house, "venv")?;
    venv.install(house, &house.root.join("e2e/requirements.txt"))?;
    Ok(venv)
}

/// Builds `sdk/python` and installs the wheel, as its users would.
fn sdk(house: &House, venv: &Venv) -> Outcome {
    let sh = &house.sh;
    let wheels = house.target.join("python-wheel");
    sh.remove_path(&wheels)?;
    let (maturin, python) = (venv.program("maturin"), venv.program("python"));
    let target = &house.target;
    cmd!(sh, "{maturin} build --quiet --locked --manifest-path sdk/python/Cargo.toml --interpreter {python} --out {wheels}")
        .env("CARGO_TARGET_DIR", target)
        .run()?;
    let wheel = sh.read_dir(&wheels)?;
    Ok(cmd!(sh, "{python} -m pip install --quiet --no-deps --force-reinstall {wheel...}").run()?)
}

fn pytest(house: &House, venv: &Venv, folders: &[&str]) -> Outcome {
    let sh = &house.sh;
    let python = venv.program("python");
    let path = format!("{}:{}", venv.program("").display(), sh.var("PATH")?);
    let tests = cmd!(sh, "{python} -m pytest -p no:cacheprovider --durations=5 {folders...}");
    let tests =
        tests.env("PATH", path).env("VIRTUAL_ENV", venv.dir()).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(tests.env("PORTCULLIS_BIN", house.target.join("debug/portcullis")).run()?)
}
