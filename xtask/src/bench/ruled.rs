//! Our gateway with policies that are asked of every request.

use super::{Bench, free_port, keys, server::Server};
use crate::trouble::Outcome;
use serde_json::Value;
use std::{collections::BTreeMap, ffi::OsStr, path::PathBuf, rc::Rc};
use xshell::cmd;

/// One that asks the shipped policies of each request, and knows a thousand tenants.
pub(super) fn start(
    bench: &Bench<'_>,
    mut values: BTreeMap<&'static str, String>,
) -> Outcome<(Rc<Server>, u16)> {
    let (sh, portcullis) = (&bench.house.sh, &bench.portcullis);
    let [port, admin, issuer] = [free_port()?, free_port()?, free_port()?];
    for (name, port) in [("port", port), ("admin", admin), ("issuer_port", issuer)] {
        values.insert(name, port.to_string());
    }
    values.insert("token_cache", "50000".to_owned());
    values.insert("policies", policies(bench)?.display().to_string());
    let config = bench.configure("gateway-ruled.toml", "gateway-ruled", &values)?;
    let mut files = Vec::new();
    for number in 0..keys::TOKENS {
        let id = keys::tenant(number);
        let file = bench.dir.join(format!("gateway-ruled/{id}.toml"));
        let record = format!("name = \"{id}\"\ntier = \"team\"\ndatasets = [\"ds_{id}\"]\n");
        sh.write_file(&file, record)?;
        files.push(file);
    }
    cmd!(sh, "{portcullis} tenant apply {files...} --config {config}")
        .quiet()
        .ignore_stderr()
        .run()?;
    let [serve, file] = ["serve", "--config"].map(OsStr::new);
    let command = [portcullis.as_os_str(), serve, file, config.as_os_str()];
    Ok((Rc::new(Server::start(bench, "gateway-ruled", &command, port)?), port))
}

/// The shipped policies. Their brakes take no more than 1,200 requests a minute from one person, and here everybody
/// sends more: the number is another one, nothing else.
fn policies(bench: &Bench<'_>) -> Outcome<PathBuf> {
    let sh = &bench.house.sh;
    let (from, to) = (bench.house.root.join("policies"), bench.dir.join("policies"));
    cmd!(sh, "cp -r {from} {to}").quiet().run()?;
    let data = to.join("data.json");
    let mut numbers: Value = serde_json::from_str(&sh.read_file(&data)?)?;
    if let Some(most) = numbers.pointer_mut("/brakes/requests_per_minute") {
        *most = 1_000_000_000.into();
    }
    sh.write_file(&data, numbers.to_string())?;
    Ok(to)
}
