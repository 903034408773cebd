//! Where an app may be sent back to (RFC 6749 §3.1.2, RFC 8252, RFC 9700 §4.1.3).

use crate::IdFault;
use serde::{Deserialize, Deserializer, Serialize};
use std::{fmt, sync::Arc};
use url::{Host, Url};

const LIMIT: usize = 2000;

/// A redirect URI as a client registered it: `https`, `http` on a loopback host, or a private-use scheme
/// with a dot in it (RFC 8252 §7.1). Without fragment and user information.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RedirectUri(Arc<str>);

/// What kind of place a redirect URI is, for the person who is asked to consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A web site of this host.
    Site(&'a str),
    /// A program on this very machine: any program could listen there.
    ThisMachine,
    /// An app that claims this scheme.
    App(&'a str),
}

impl RedirectUri {
    /// Checks `text` and keeps it as it is: comparison is by bytes.
    pub fn new(text: &str) -> Result<Self, IdFault> {
        match problem(text) {
            Some(problem) => Err(IdFault { what: "redirect_uri", problem }),
            None => Ok(Self(text.into())),
        }
    }

    /// As it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request may name `asked`: the same string; on a loopback address, with any port
    /// (RFC 8252 §7.3).
    pub fn admits(&self, asked: &str) -> bool {
        if asked == &*self.0 {
            return true;
        }
        let parts = portless(&self.0);
        parts.is_some() && parts == portless(asked) && problem(asked).is_none()
    }

    /// Whom the answer goes to.
    pub fn place(&self) -> Place<'_> {
        let (scheme, rest) = self.0.split_once(':').unwrap_or((&self.0, ""));
        match scheme {
            "http" => Place::ThisMachine,
            "https" => {
                let authority = rest.trim_start_matches('/');
                Place::Site(authority.split(['/', '?']).next().unwrap_or(authority))
            }
            _ => Place::App(scheme),
        }
    }
}

/// The parts around the port of a loopback URI with `http`; `None` for any other.
fn portless(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse::<u16>().ok()?;
            host
        }
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "[::1]" | "localhost").then_some((host, path))
}

fn problem(text: &str) -> Option<&'static str> {
    if text.len() > LIMIT {
        return Some("must be at most 2000 bytes long");
    }
    if text.bytes().any(|b| !b.is_ascii_graphic() || b"\"<>\\^`{|}".contains(&b)) {
        return Some("must be a URI: printable ASCII, other characters percent-encoded");
    }
    let Ok(url) = Url::parse(text) else { return Some("must be an absolute URI") };
    if text.contains('#') {
        return Some("must have no fragment");
    }
    match url.scheme() {
        "https" | "http" if !url.username().is_empty() || url.password().is_some() => {
            Some("must carry no user name or password")
        }
        // Otherwise the browser would go elsewhere than the string says.
        "https" | "http" if has_dots(text) => Some("must have no dot segments"),
        "https" if !text.starts_with("https://") => Some("must begin with https://"),
        "https" if !says_its_host(text, &url) => Some("must spell its host as browsers do"),
        "https" => None,
        "http" if portless(text).is_some() && loopback(&url) => None,
        "http" => Some("must use https (http only on 127.0.0.1, [::1] or localhost)"),
        scheme if scheme.contains('.') => None,
        _ => Some("must use https, or a private scheme with a dot such as com.example.app"),
    }
}

/// Whether a segment before the query is `.` or `..`. Browsers read an escaped dot as a dot.
fn has_dots(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or(text).to_ascii_lowercase().replace("%2e", ".");
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Whether the host stands in `text` as the browser reads it, but for capitals. `https://@app.example`,
/// `https://%65vil.example` and `https://0x7f.1` do not tell a person who is asked where they lead.
fn says_its_host(text: &str, url: &Url) -> bool {
    let (Some(rest), Some(host)) = (text.strip_prefix("https://"), url.host_str()) else {
        return false;
    };
    rest.split_at_checked(host.len()).is_some_and(|(said, after)| {
        said.eq_ignore_ascii_case(host) && (after.is_empty() || after.starts_with([':', '/', '?']))
    })
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({:?})", &*self.0)
    }
}

impl std::str::FromStr for RedirectUri {
    type Err = IdFault;
    fn from_str(text: &str) -> Result<Self, IdFault> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, RedirectUri};

    fn admits(registered: &str, asked: &str) -> bool {
        RedirectUri::new(registered).unwrap().admits(asked)
    }

    #[test]
    fn only_the_very_string_is_admitted() {
        let registered = "https://app.example/back?x=1";
        assert!(admits(registered, registered));
        for other in [
            "https://app.example/back",
            "https://app.example/back?x=1&y=2",
            "https://app.example/back/?x=1",
            "https://APP.example/back?x=1",
            "https://app.example:443/back?x=1",
            "https://app.example/back?x=1#y",
            "https://app.example.evil.example/back?x=1",
            "http://app.example/back?x=1",
            "",
        ] {
            assert!(!admits(registered, other), "{other}");
        }
    }

    #[test]
    fn on_a_loopback_host_the_port_is_free_and_nothing_else() {
        for (registered, asked, fits) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:80/cb", "http://127.0.0.1/cb", true),
            ("http://[::1]:3000/cb", "http://[::1]:1/cb", true),
            ("http://localhost/cb", "http://localhost:8080/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb2", false),
            ("http://127.0.0.1/cb", "http://localhost:51004/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb#x", false),
            ("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
        ] {
            assert_eq!(admits(registered, asked), fits, "{registered} {asked}");
        }
    }

    #[test]
    fn a_browser_goes_where_the_string_says() {
        for bad in [
            "https://%65vil.example/",
            "https://@app.example/",
            "https://:@app.example/",
            "https:///app.example/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://[0:0::1]/",
            "https://app.example/a/%2E%2e/b",
            "https://app.example/a/.%2e",
            "https://app.example/a/..?x",
            "http://localhost/%2e/cb",
        ] {
            assert!(RedirectUri::new(bad).is_err(), "{bad}");
        }
        for good in [
            "https://App.example",
            "https://app.example:8443?x=@y/../z",
            "https://[2001:db8::1]:1/cb",
            "https://192.0.2.1/a%2eb/...",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(RedirectUri::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_a_browser_would_run_or_misread_is_refused() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://app.example/cb",
            "https://user@app.example/",
            "https://app.example/#",
            "https://app.example/a/../b",
            "https:app.example/cb",
            "/cb",
            "myapp:/cb",
            "https://app.example/ä",
            "https://app.example/\\evil",
        ] {
            assert!(RedirectUri::new(bad).is_err(), "{bad}");
        }
        let place = |uri: &str| format!("{:?}", RedirectUri::new(uri).unwrap().place());
        assert_eq!(place("https://app.example:8443/x"), "Site(\"app.example:8443\")");
        assert_eq!(place("com.example.app:/cb"), "App(\"com.example.app\")");
        assert_eq!(RedirectUri::new("http://[::1]:1/").unwrap().place(), Place::ThisMachine);
    }
}
