//! Sockets to listen on. A port that is taken is explained: which setting asked for it, and who has it.

use crate::{cli::Stop, config::Config};
use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
};

/// Connections that may wait to be accepted.
const WAITING: i32 = 1024;

/// The sockets of everything that a configuration describes.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) issuer: Option<TcpListener>,
    /// The issuer's, where certificates are asked for.
    pub(crate) mtls: Option<TcpListener>,
    pub(crate) gateway: Option<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
}

/// Where the wish for an address comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A key of the configuration.
    Key(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl Listeners {
    /// Binds everything that `config` asks for.
    pub(crate) fn bind(config: &Config) -> Result<Self, Stop> {
        let bind = |address: Option<SocketAddr>, key| {
            address.map(|address| bind(address, Place::Key(key))).transpose()
        };
        let mtls = config.issuer.as_ref().and_then(|issuer| issuer.mtls.as_ref()?.listen);
        Ok(Self {
            mtls: bind(mtls, "[issuer] mtls_listen")?,
            issuer: bind(config.issuer.as_ref().map(|issuer| issuer.listen), "[issuer] listen")?,
            gateway: bind(
                config.gateway.as_ref().map(|gateway| gateway.listen),
                "[gateway] listen",
            )?,
            admin: bind(config.admin.as_ref().map(|admin| admin.listen), "[admin] listen")?,
        })
    }

    /// What listens where.
    pub(super) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let all = [
            ("issuer", &self.issuer),
            ("issuer with certificates", &self.mtls),
            ("gateway", &self.gateway),
            ("admin", &self.admin),
        ];
        let bound = all.into_iter().filter_map(|(what, listener)| Some((what, listener.as_ref()?)));
        bound.filter_map(|(what, listener)| Some((what, listener.local_addr().ok()?))).collect()
    }
}

/// Binds one address.
pub(crate) fn bind(address: SocketAddr, place: Place) -> Result<TcpListener, Stop> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        // The standard library lets 128 connections wait, which a burst of clients passes.
        rustix::net::listen(&listener, WAITING)?;
        Ok(listener)
    });
    bound.map_err(|fault| {
        let wish = match place {
            Place::Key(key) => key,
            Place::Flag(flag) => flag,
        };
        let stop = match fault.kind() {
            io::ErrorKind::AddrInUse => {
                let holder = holder(address.port()).unwrap_or_else(|| "another program".to_owned());
                format!("{address} ({wish}) is taken: {holder} listens there")
            }
            io::ErrorKind::PermissionDenied => {
                format!("{address} ({wish}) may not be listened on by this user")
            }
            _ => format!("cannot listen on {address} ({wish}): {fault}"),
        };
        Stop::cannot_run(stop).hint(match place {
            Place::Key(key) => format!("stop it, or change {key} in the configuration"),
            Place::Flag(flag) => {
                format!("stop it, or choose another port: {flag} PORT; 0 takes any that is free")
            }
        })
    })
}

/// The process that listens on `port`, as far as this user may know.
fn holder(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| fs::read_to_string(table).unwrap_or_default());
    let inode = tables.iter().flat_map(|table| table.lines().skip(1)).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        let (_, number) = local.rsplit_once(':')?;
        let listens = state == "0A" && u16::from_str_radix(number, 16) == Ok(port);
        listens.then(|| fields.nth(5)).flatten()
    })?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let holds = |process: &fs::DirEntry| {
        let open = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        open.filter_map(|fd| fs::read_link(fd.path()).ok())
            .any(|link| link.as_os_str() == socket.as_str())
    };
    let process = processes.into_iter().find(holds)?;
    let name = fs::read_to_string(process.path().join("comm")).ok()?;
    Some(format!("{} (process {})", name.trim(), process.file_name().to_string_lossy()))
}
