//! Whom the operator lets in without registering them: apps that register themselves, and apps that are
//! known by a document of their own. Nobody, unless it is said.

use portcullis_directory::{AuthMethod, Fapi2, GrantType, Pkce};
use portcullis_types::{Audience, IdentityScopes, Pattern, Ttl};
use url::Url;

/// What such apps may have at most. What they ask for beyond it, they do not get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// What they may learn about people.
    pub identity: IdentityScopes,
    /// What they may ask for at the APIs.
    pub scopes: Vec<Pattern>,
    /// For which APIs.
    pub resources: Vec<Audience>,
    /// How they may prove themselves; the first is the usual one.
    pub auth_methods: Vec<AuthMethod>,
    /// Which grants they may use.
    pub grant_types: Vec<GrantType>,
    /// Whether confidential ones may leave PKCE out.
    pub pkce: Pkce,
    /// What all of them have to obey.
    pub profile: Fapi2,
}

/// Dynamic registration (RFC 7591).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrations {
    /// Who may register.
    pub mode: Registering,
    /// What a registered app may have.
    pub ceiling: Ceiling,
    /// How long a registration is good; `None` for ever.
    pub client_ttl: Option<Ttl>,
}

/// Who may register an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registering {
    /// Whoever has an initial access token.
    Invited,
    /// Anybody.
    Anybody {
        /// So many an hour from each address.
        per_hour: u32,
        /// So many such clients in all.
        most: usize,
    },
}

/// Client-id metadata documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    /// Whose documents are read.
    pub trusted: Trusted,
    /// What such an app may have.
    pub ceiling: Ceiling,
}

/// Whose documents are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// Those on these hosts; `*.example.com` stands for every host below it.
    Hosts(Vec<String>),
    /// Everybody's.
    Everybody,
}

impl Trusted {
    /// Whether a document there is read at all.
    pub(crate) fn includes(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(parent) => host
                .strip_suffix(parent)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => host == pattern,
        };
        match self {
            Self::Everybody => true,
            Self::Hosts(hosts) => hosts.iter().any(is),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_listed_by_name_or_by_what_it_lies_below() {
        let trusted = Trusted::Hosts(vec!["app.example".into(), "*.tools.example".into()]);
        let is = |url: &str| trusted.includes(&Url::parse(url).unwrap());
        assert!(is("https://app.example/c") && is("https://app.example:8443/c"));
        assert!(is("https://a.tools.example/c") && is("https://a.b.tools.example/c"));
        for other in [
            "https://tools.example/c",
            "https://eviltools.example/c",
            "https://x.app.example/c",
            "https://app.example.evil.example/c",
            "https://app.example@evil.example/c",
        ] {
            assert!(!is(other), "{other}");
        }
    }
}
