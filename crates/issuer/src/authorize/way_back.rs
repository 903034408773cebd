//! The way back to the app (RFC 6749 §3.1.2, §4.1.2): settled before anything else, since what is wrong
//! with the rest is told there. Nobody is ever sent to an address that the client did not register.

use super::parameters::{Parameters, unfit};
use portcullis_directory::{Client, Fapi2, excerpt};
use portcullis_types::{Denial, IdentityScope, IdentityScopes, RedirectUri};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How the answer travels (OAuth 2.0 Multiple Response Types, Form Post Response Mode, JARM §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ResponseMode {
    /// In the query of the redirect.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// In a form that the browser posts.
    #[serde(rename = "form_post")]
    FormPost,
    /// As a JWT in the query.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// As a JWT in a form.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// The values of `response_mode` that are understood.
    pub(crate) const NAMES: [&str; 5] = ["query", "form_post", "query.jwt", "form_post.jwt", "jwt"];

    /// Whether the answer is a signed JWT.
    pub(crate) const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FormPostJwt)
    }
}

impl FromStr for ResponseMode {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "query" => Ok(Self::Query),
            "form_post" => Ok(Self::FormPost),
            // JARM §2.3.4: for a code, the query.
            "jwt" | "query.jwt" => Ok(Self::QueryJwt),
            "form_post.jwt" => Ok(Self::FormPostJwt),
            _ => Err(()),
        }
    }
}

/// Where and how to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WayBack {
    pub(crate) redirect_uri: String,
    /// Whether the request named it: then the token request must, too (RFC 6749 §4.1.3).
    pub(crate) named: bool,
    pub(crate) mode: ResponseMode,
    /// Handed back as it came.
    pub(crate) state: Option<String>,
}

impl WayBack {
    /// Which of the registered redirect URIs it is. An error is shown to the person and redirects nowhere.
    pub(crate) fn find(parameters: &Parameters, client: &Client) -> Result<Self, Denial> {
        let registered = &client.registration.redirect_uris;
        let refuse = |found: Option<&str>| Denial::BadRedirect {
            client_id: excerpt(client.id.as_str()),
            found: found.map(excerpt),
            registered: registered.iter().map(|uri| excerpt(uri.as_str())).collect(),
        };
        let asked = parameters.get("redirect_uri")?;
        let redirect_uri = match (asked, registered.as_slice()) {
            (Some(asked), _) if registered.iter().any(|uri| uri.admits(asked)) => asked,
            // OpenID Connect Core §3.1.2.1 demands it; RFC 6749 §3.1.2.3 does not, if there is one.
            (None, [only]) if !is_openid(parameters) => only.as_str(),
            (None, [_]) => return Err(unfit("redirect_uri", "is missing; OpenID demands it")),
            (found, _) => return Err(refuse(found)),
        };
        Ok(Self {
            redirect_uri: redirect_uri.to_owned(),
            named: asked.is_some(),
            mode: mode(parameters, client),
            state: parameters.peek("state").map(str::to_owned),
        })
    }

    /// The registered URI behind it.
    pub(crate) fn registered<'c>(&self, client: &'c Client) -> Option<&'c RedirectUri> {
        client.registration.redirect_uris.iter().find(|uri| uri.admits(&self.redirect_uri))
    }
}

/// An unknown mode is refused later, in the mode that is the client's own.
fn mode(parameters: &Parameters, client: &Client) -> ResponseMode {
    let default = match client.registration.fapi2 {
        Fapi2::MessageSigning => ResponseMode::QueryJwt,
        Fapi2::Off | Fapi2::Security => ResponseMode::Query,
    };
    parameters.peek("response_mode").and_then(|mode| mode.parse().ok()).unwrap_or(default)
}

fn is_openid(parameters: &Parameters) -> bool {
    let (identity, _) = IdentityScopes::part(parameters.peek("scope").unwrap_or_default());
    identity.has(IdentityScope::Openid)
}
