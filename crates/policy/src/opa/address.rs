//! Where a policy server listens: on a socket of this machine, or at a URL.

use reqwest::Url;
use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

/// `http://127.0.0.1:8181`, `https://opa.example`, or `unix:///run/opa.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpaAddress {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A URL, without user, query and fragment.
    Url(Url),
}

/// A text that is no address of a policy server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{seen}' is no address of a policy server: {problem}; it is 'http://127.0.0.1:8181', 'https://opa.example' or 'unix:///run/opa.sock'"
)]
pub struct NoAddress {
    seen: String,
    problem: &'static str,
}

impl OpaAddress {
    /// What paths are put behind.
    pub(super) fn base(&self) -> Url {
        match self {
            Self::Url(url) => url.clone(),
            // No name is looked up and none matters.
            Self::Unix(_) => localhost(),
        }
    }
}

#[expect(clippy::expect_used, reason = "a constant, and a test reads it")]
fn localhost() -> Url {
    Url::parse("http://localhost/").expect("a URL")
}

impl FromStr for OpaAddress {
    type Err = NoAddress;
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let refuse = |problem| {
            // A password may stand in it.
            let seen = text.rsplit('@').next().unwrap_or_default().chars().take(128).collect();
            Err(NoAddress { seen, problem })
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                refuse("the path of a socket is absolute")
            };
        }
        let Ok(url) = Url::parse(text) else { return refuse("it is no URL") };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return refuse("only http, https and unix are spoken");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("what it knows us by is a setting of its own");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("it has a query or a fragment");
        }
        if url.scheme() == "http" && !is_here(&url) {
            return refuse(
                "without TLS anybody on the way could decide; use https beyond this machine",
            );
        }
        Ok(Self::Url(url))
    }
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    ip.map_or(host == "localhost", |ip| ip.is_loopback())
}

impl fmt::Display for OpaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Url(url) => f.write_str(url.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_url_that_nobody_else_can_answer_for() {
        for good in [
            "http://127.0.0.1:8181",
            "http://localhost:8181/prefix",
            "http://[::1]:8181",
            "https://opa.example",
            "unix:///run/opa.sock",
        ] {
            assert!(good.parse::<OpaAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8181",
            "unix://opa.sock",
            "unix:",
            "ftp://127.0.0.1",
            "http://opa.example",
            "http://localhost.example",
            "https://user:secret@opa.example",
            "https://opa.example?x",
        ] {
            let fault = bad.parse::<OpaAddress>().unwrap_err().to_string();
            assert!(!fault.contains("secret"), "{fault}");
        }
        assert_eq!(localhost().host_str(), Some("localhost"));
    }
}
