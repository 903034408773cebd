//! `cargo xtask test`

use crate::{
    house::House,
    python::Venv,
    steps::Steps,
    trouble::{Outcome, Trouble},
};
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
    let venv = if wanted(Part::Python) || wanted(Part::E2e) {
        let hint = "read what pip says; delete the directory 'venv' in the target directory to start afresh";
        Some(steps.take("Python packages", hint, || packages(house))?)
    } else {
        None
    };
    build(house, &mut steps)?;
    if wanted(Part::Rust) {
        steps.take("Rust tests", "cargo test -p PACKAGE NAME runs one", || {
            Ok(cmd!(house.sh, "cargo test --workspace --locked").run()?)
        })?;
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
