//! Where the PostgreSQL database is, and how to get there. The password is in no text made here.

use super::{fault, tls};
use crate::StoreFault;
use postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Unless another is asked for.
const CONNECT: Duration = Duration::from_secs(5);
/// A server that does not acknowledge for this long is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// Where a PostgreSQL database is, as whom, and whom to believe there.
///
/// Beyond this machine a connection is TLS, and the server's certificate must be in the host's name and from
/// an authority that is trusted: `sslmode=disable` and `prefer` are for loopback and UNIX sockets, where the
/// default is `disable`. `prefer` verifies too, if the server speaks TLS.
#[derive(Clone)]
pub struct PostgresSettings {
    config: Config,
    ca_file: Option<PathBuf>,
}

impl PostgresSettings {
    /// From `postgres://user@host:port/database?…`, with the parameters of libpq that the driver knows, and
    /// `sslmode` and `sslrootcert`. Several hosts may be named, for a standby that takes over
    /// (`target_session_attrs=read-write`).
    pub fn parse(url: &str) -> Result<Self, StoreFault> {
        let refused = |reason: String| StoreFault::Settings(reason);
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refused(
                "this is no URL of a PostgreSQL database; expected postgres://user@host/database"
                    .into(),
            ));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (tls, others): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .partition(|pair| pair.starts_with("sslmode=") || pair.starts_with("sslrootcert="));
        let named =
            |key: &str| tls.iter().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        let mut config: Config =
            format!("{base}?{}", others.join("&")).parse().map_err(|error| {
                refused(format!("the URL of the database: {}", fault::text(&error)))
            })?;
        config.ssl_mode(ssl_mode(&config, named("sslmode"))?);
        config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE / 2);
        config.keepalives_interval(SILENCE / 6).keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("portcullis");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        Ok(Self { config, ca_file: named("sslrootcert").map(PathBuf::from) })
    }

    /// Proves who we are with `password`, in place of one in the URL.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// Believes the certificate authorities in that PEM file, and no others.
    #[must_use]
    pub fn with_ca_file(mut self, path: &Path) -> Self {
        self.ca_file = Some(path.to_owned());
        self
    }

    /// Waits that long for each host (5 seconds unless asked for).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout(timeout);
        self
    }

    /// Whether the URL held a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    pub(super) fn connect(&self) -> Result<Client, StoreFault> {
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            self.config.connect(NoTls)
        } else {
            self.config.connect(tls::verified(self.ca_file.as_deref())?)
        };
        client.map_err(|error| self.cannot(&fault::text(&error)))
    }

    pub(super) fn cannot(&self, reason: &dyn fmt::Display) -> StoreFault {
        StoreFault::Open { path: self.to_string(), reason: reason.to_string() }
    }
}

/// What the URL asks for, if the way to the server is safe with it.
fn ssl_mode(config: &Config, named: Option<&str>) -> Result<SslMode, StoreFault> {
    let near = is_near(config);
    match named {
        None | Some("disable") if near => Ok(SslMode::Disable),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        Some("prefer") if near => Ok(SslMode::Prefer),
        Some(weak @ ("disable" | "allow" | "prefer")) => Err(StoreFault::Settings(format!(
            "sslmode={weak} is for loopback and UNIX sockets; expected sslmode=verify-full, with the \
             server's certificate authority in a file or in the system"
        ))),
        Some(_) => Err(StoreFault::Settings(
            "sslmode is none that is known; expected disable, prefer or verify-full".to_owned(),
        )),
    }
}

/// Whether every host is this machine.
fn is_near(config: &Config) -> bool {
    let loopback = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(loopback)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// The URL, without the password.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "{comma}[{name}]")?,
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            let ports = self.config.get_ports();
            if let Some(port) = ports.get(index).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresSettings({self})")
    }
}
