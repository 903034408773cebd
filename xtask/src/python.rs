//! A virtual environment in the target directory.

use crate::{
    debian,
    house::House,
    trouble::{Outcome, Trouble},
};
use std::path::{Path, PathBuf};
use xshell::cmd;

/// The system's own first, then the newest.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
const NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 11))";

/// A virtual environment that exists and runs.
pub(crate) struct Venv {
    dir: PathBuf,
}

impl Venv {
    /// The environment called `name`, made if it is not there or its Python has gone.
    pub(crate) fn ready(house: &House, name: &str) -> Outcome<Self> {
        let sh = &house.sh;
        let venv = Self { dir: house.target.join(name) };
        let python = venv.program("python");
        if python.exists() && cmd!(sh, "{python} -c {NEW_ENOUGH}").quiet().run().is_ok() {
            return Ok(venv);
        }
        let system = system(house)?;
        if cmd!(sh, "{system} -c 'import ensurepip, venv'").quiet().ignore_stderr().run().is_err() {
            let package =
                if system == "python3" { "python3-venv" } else { &format!("{system}-venv") };
            debian::install(house, &[package])?;
        }
        let dir = &venv.dir;
        cmd!(sh, "{system} -m venv --clear {dir}").run()?;
        Ok(venv)
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Its directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Installs what a requirements file lists, unless the same text was installed before.
    pub(crate) fn install(&self, house: &House, requirements: &Path) -> Outcome {
        let sh = &house.sh;
        let wanted = sh.read_file(requirements)?;
        let name = requirements.strip_prefix(&house.root).unwrap_or(requirements);
        let stamp = self.dir.join(name.to_string_lossy().replace('/', "-"));
        if sh.read_file(&stamp).is_ok_and(|installed| installed == wanted) {
            println!("{} is installed", name.display());
            return Ok(());
        }
        let python = self.program("python");
        cmd!(sh, "{python} -m pip install --quiet --requirement {requirements}").run()?;
        Ok(sh.write_file(stamp, wanted)?)
    }
}

fn system(house: &House) -> Outcome<&'static str> {
    let sh = &house.sh;
    let new_enough = |python: &&&str| {
        house.has(python) && cmd!(sh, "{python} -c {NEW_ENOUGH}").quiet().run().is_ok()
    };
    if let Some(python) = PYTHONS.iter().find(new_enough) {
        return Ok(python);
    }
    debian::install(house, &["python3", "python3-venv"])?;
    PYTHONS.first().filter(|python| new_enough(python)).copied().ok_or_else(|| {
        Trouble::new("the tests need Python 3.11 or later")
            .hint("install it, so that python3.11 or a later one is found")
    })
}
