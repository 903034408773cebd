//! Why nothing was fetched: which guard refused, and what would be right. Never a word of a body.

use crate::TIME_OUT;
use std::net::IpAddr;

/// Nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// Not https.
    #[error("the URL uses {found}; use https (http only for localhost, where loopback is allowed)")]
    Scheme {
        /// The URL's scheme.
        found: String,
    },
    /// A name or password in the URL would end up in logs.
    #[error("the URL carries a user name or a password; remove it")]
    UserInfo,
    /// No host, or no port that belongs to the scheme.
    #[error("the URL names no host; use https://HOST/PATH")]
    NoHost,
    /// The URL is longer than any honest one.
    #[error("the URL is longer than {limit} bytes")]
    LongUrl {
        /// In bytes.
        limit: usize,
    },
    /// See [`crate::Ports`].
    #[error("port {found} may not be called; allowed are {allowed:?}")]
    Port {
        /// The URL's port.
        found: u16,
        /// The policy's ports.
        allowed: Vec<u16>,
    },
    /// See [`crate::special_use`].
    #[error(
        "{host} leads to {address}, which is not public: {kind}; \
         an operator can allow a private network for outgoing calls"
    )]
    Address {
        /// Name or literal, as in the URL.
        host: String,
        /// What it leads to.
        address: IpAddr,
        /// What kind of special-use address that is.
        kind: &'static str,
    },
    /// The name has no address, or nobody could be asked.
    #[error("{host} cannot be resolved: {why}")]
    Unresolved {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// Redirects are never followed: each would be a new address to judge, chosen by the other side.
    #[error("the answer is a redirect ({status}{}), which is not followed; give the final URL",
        .origin.as_deref().map(|to| format!(" to {to}")).unwrap_or_default())]
    Redirect {
        /// HTTP status.
        status: u16,
        /// Scheme, host and port that it points to, if it can be read.
        origin: Option<String>,
    },
    /// More than the caller is willing to read.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// All in all, look-up to last byte.
    #[error("no complete answer within {} s", TIME_OUT.as_seconds())]
    TimedOut,
    /// No connection, or none that can be trusted.
    #[error("no connection to {host}: {why}")]
    Unreachable {
        /// As in the URL.
        host: String,
        /// What the system or TLS said.
        why: String,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("the answer of {host} broke off: {why}")]
    Interrupted {
        /// As in the URL.
        host: String,
        /// What the HTTP library said.
        why: String,
    },
    /// A success without JSON.
    #[error("the answer is not JSON (content type {content_type})")]
    NotJson {
        /// As the server calls it, `unknown` if it does not.
        content_type: String,
    },
}

impl FetchFault {
    /// Whether a guard of ours refused: [`crate::OutgoingPolicy`] or the URL must change, waiting will not help.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Scheme { .. }
                | Self::UserInfo
                | Self::NoHost
                | Self::LongUrl { .. }
                | Self::Port { .. }
                | Self::Address { .. }
                | Self::Redirect { .. }
        )
    }

    /// What happened, from the client's error and everything beneath it.
    pub(crate) fn from_error(host: &str, error: &reqwest::Error) -> Self {
        let mut innermost: &(dyn std::error::Error + 'static) = error;
        loop {
            if let Some(ours) = innermost.downcast_ref::<Self>() {
                return ours.clone();
            }
            match innermost.source() {
                Some(source) => innermost = source,
                None => break,
            }
        }
        let (host, why) = (host.to_owned(), innermost.to_string());
        match error {
            e if e.is_timeout() && !e.is_connect() => Self::TimedOut,
            e if e.is_connect() => Self::Unreachable { host, why },
            _ => Self::Interrupted { host, why },
        }
    }
}
