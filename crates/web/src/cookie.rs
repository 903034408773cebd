//! Cookies: read strictly, set so that neither a script nor a neighbouring host can reach them.

use http::{HeaderMap, HeaderValue, header};
use portcullis_types::Ttl;

/// Longer than all our cookies together.
const LIMIT: usize = 8 * 1024;

/// Whether browsers reach us by https. On a loopback address without it, cookies go without `Secure` and
/// its prefix, since some browsers would drop them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `https`: names get `__Host-`, which no other host and no plain connection can set.
    Secure,
    /// `http` on this very machine.
    Loopback,
}

/// One of our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: &'static str,
    secure_name: &'static str,
    age: Option<Ttl>,
}

impl Cookie {
    /// A cookie that ends with the browser. `secure_name` is `__Host-` and `name`.
    pub const fn of_the_browser(name: &'static str, secure_name: &'static str) -> Self {
        Self { name, secure_name, age: None }
    }

    /// A cookie that outlives the browser's window.
    pub const fn lasting(name: &'static str, secure_name: &'static str, age: Ttl) -> Self {
        Self { name, secure_name, age: Some(age) }
    }

    const fn name(self, transport: Transport) -> &'static str {
        match transport {
            Transport::Secure => self.secure_name,
            Transport::Loopback => self.name,
        }
    }

    /// Its value in a request. `None` if it is missing, or there twice: then one of them is not ours.
    pub fn read(self, headers: &HeaderMap, transport: Transport) -> Option<&str> {
        let wanted = self.name(transport);
        let mut found = None;
        for value in headers.get_all(header::COOKIE) {
            let text = value.to_str().ok().filter(|text| text.len() <= LIMIT)?;
            for pair in text.split(';') {
                let Some((name, value)) = pair.trim().split_once('=') else { continue };
                if name == wanted && found.replace(value).is_some() {
                    return None;
                }
            }
        }
        found.filter(|value| !value.is_empty())
    }

    /// The value of `Set-Cookie`. `None` if `value` has a character that no cookie of ours has.
    pub fn set(self, value: &str, transport: Transport) -> Option<HeaderValue> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        if !value.bytes().all(fits) {
            return None;
        }
        let age = self.age.map(|age| format!("; Max-Age={}", age.as_seconds())).unwrap_or_default();
        self.header(value, &age, transport)
    }

    /// The value of `Set-Cookie` that makes a browser forget it.
    pub fn forget(self, transport: Transport) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0", transport)
    }

    fn header(self, value: &str, age: &str, transport: Transport) -> Option<HeaderValue> {
        let secure = if transport == Transport::Secure { "; Secure" } else { "" };
        let name = self.name(transport);
        // Lax: a person who comes from an app's link is still signed in; a form elsewhere is not theirs.
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        let mut header = HeaderValue::try_from(text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Cookie = Cookie::of_the_browser("session", "__Host-session");

    fn read(cookies: &[&str], transport: Transport) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().unwrap());
        }
        SESSION.read(&headers, transport).map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_read_by_its_exact_name() {
        let found = read(&["a=b; __Host-session=x.y", "c=d"], Transport::Secure);
        assert_eq!(found.as_deref(), Some("x.y"));
        assert_eq!(read(&["session=x"], Transport::Secure), None);
        assert_eq!(
            read(&["__Host-sessions=x; session=1"], Transport::Loopback).as_deref(),
            Some("1")
        );
        assert_eq!(read(&["session="], Transport::Loopback), None);
    }

    #[test]
    fn a_cookie_that_is_there_twice_is_not_believed() {
        assert_eq!(read(&["session=a; session=b"], Transport::Loopback), None);
        assert_eq!(read(&["session=a", "session=b"], Transport::Loopback), None);
    }

    #[test]
    fn no_script_and_no_other_host_reaches_it() {
        let secure = SESSION.set("a.b", Transport::Secure).unwrap();
        assert_eq!(secure, "__Host-session=a.b; Path=/; HttpOnly; SameSite=Lax; Secure");
        let lasting = Cookie::lasting("known", "__Host-known", Ttl::seconds(60));
        let local = lasting.set("a", Transport::Loopback).unwrap();
        assert_eq!(local, "known=a; Path=/; HttpOnly; SameSite=Lax; Max-Age=60");
        assert!(secure.is_sensitive());
        assert_eq!(SESSION.set("a; Domain=evil.example", Transport::Secure), None);
        assert!(SESSION.forget(Transport::Secure).unwrap().to_str().unwrap().contains("Max-Age=0"));
    }
}
