//! Programs that come as Debian packages.

use crate::{
    house::House,
    trouble::{Outcome, Trouble},
};
use xshell::cmd;

/// Installs the packages of those programs that are missing; `programs` are (program, package).
pub(crate) fn need(house: &House, programs: &[(&str, &str)]) -> Outcome {
    let missing = programs.iter().filter(|(program, _)| !house.has(program));
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() { Ok(()) } else { install(house, &packages) }
}

/// `apt-get install`, as root or by sudo without a password.
pub(crate) fn install(house: &House, packages: &[&str]) -> Outcome {
    let sh = &house.sh;
    let by_hand = format!("as root: apt-get install {}", packages.join(" "));
    if !house.has("apt-get") {
        let names = packages.join(", ");
        return Err(Trouble::new(format!("these are missing here, and apt-get too: {names}"))
            .hint("install them with the package manager of this system"));
    }
    let root = cmd!(sh, "id -u").quiet().read()? == "0";
    if !root && cmd!(sh, "sudo -n true").quiet().ignore_stderr().run().is_err() {
        return Err(Trouble::new(format!("missing: {}", packages.join(", "))).hint(by_hand));
    }
    let sudo: &[&str] = if root { &[] } else { &["sudo", "-n"] };
    let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"];
    let get = |rest: &[&str]| {
        let all: Vec<&str> = sudo.iter().chain(&apt).chain(rest).copied().collect();
        let (program, args) = all.split_first().ok_or_else(|| Trouble::new("no command"))?;
        cmd!(sh, "{program} {args...}").run().map_err(|fault| Trouble::new(fault).hint(&by_hand))
    };
    get(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    get(&[&install[..], packages].concat())
}
