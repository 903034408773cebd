//! Check 1 and 2: exactly one credential, in the header, and it is a token (RFC 6750 §2).

use crate::Holder;
use portcullis_types::Denial;
use std::fmt;

/// The largest `Authorization` header that is looked at, in bytes.
pub const CREDENTIAL_LIMIT: usize = 8 * 1024;

/// A credential, taken out of a request, and what came with it to show whose it is. It does not print.
pub struct Presented<'a> {
    scheme: Scheme,
    token: &'a str,
    holder: Holder<'a>,
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449 §7.1: with a proof in the `DPoP` header.
    Dpop,
}

impl Scheme {
    /// Its name in challenges and credentials.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// Compared without case (RFC 9110 §11.1).
    pub fn named(name: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop].into_iter().find(|it| name.eq_ignore_ascii_case(it.name()))
    }
}

/// What some kinds of credential begin with, and what they are.
const KINDS: &[(&str, &str)] = &[
    ("pcs_", "a Portcullis client secret"),
    ("sk-ant-", "an Anthropic API key"),
    ("sk-", "an OpenAI-style API key"),
    ("AIza", "a Google API key"),
    ("ghp_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("hf_", "a Hugging Face token"),
];

impl<'a> Presented<'a> {
    /// Reads the values of all `Authorization` headers. A token in the query is never read (OAuth 2.1
    /// §5.2); `query` is looked at only to say so.
    pub fn take(
        headers: impl IntoIterator<Item = &'a [u8]>,
        query: Option<&str>,
    ) -> Result<Self, Denial> {
        let mut headers = headers.into_iter();
        let Some(header) = headers.next() else {
            let in_query = query.is_some_and(names_a_token);
            return Err(Denial::NoCredential { scheme: None, in_query });
        };
        match headers.count() {
            // It would go on to whoever reads the query next.
            0 if query.is_some_and(names_a_token) => Err(Denial::ManyCredentials { found: 2 }),
            0 => Self::from_header(header),
            more => Err(Denial::ManyCredentials { found: more + 1 }),
        }
    }

    /// A token that was given by hand or by another library, without its header: as a bearer.
    pub fn token(token: &'a str) -> Result<Self, Denial> {
        Self::under(Scheme::Bearer, token)
    }

    /// The same, under a scheme.
    pub fn under(scheme: Scheme, token: &'a str) -> Result<Self, Denial> {
        if token.len() > CREDENTIAL_LIMIT {
            return Err(Denial::CredentialTooLarge { bytes: token.len(), limit: CREDENTIAL_LIMIT });
        }
        if token.is_empty() {
            return Err(Denial::NoCredential { scheme: None, in_query: false });
        }
        Ok(Self { scheme, token, holder: Holder::default() })
    }

    /// With what the request brings along to show that it comes from the token's holder.
    #[must_use]
    pub const fn by(self, holder: Holder<'a>) -> Self {
        Self { holder, ..self }
    }

    /// RFC 6750 §2.1, RFC 9449 §7.1; the scheme is compared without case (RFC 9110 §11.1).
    fn from_header(header: &'a [u8]) -> Result<Self, Denial> {
        let size = header.len();
        if size > CREDENTIAL_LIMIT {
            return Err(Denial::CredentialTooLarge { bytes: size, limit: CREDENTIAL_LIMIT });
        }
        let text = std::str::from_utf8(header).unwrap_or("");
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let Some(accepted) = Scheme::named(scheme) else {
            // Whatever stands there may be a bare secret: only a plausible scheme is repeated.
            let known = ["basic", "digest", "negotiate", "token", "apikey"];
            let scheme = known.iter().find(|known| scheme.eq_ignore_ascii_case(known));
            return Err(Denial::NoCredential {
                scheme: Some(scheme.map_or("unknown", |scheme| scheme).into()),
                in_query: false,
            });
        };
        // RFC 9110 §5.3: a list in one field is the same as two fields.
        match rest.split(',').count() {
            1 => Self::under(accepted, rest.trim()),
            found => Err(Denial::ManyCredentials { found }),
        }
    }

    /// How it was shown.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What came with it.
    pub(crate) const fn holder(&self) -> &Holder<'a> {
        &self.holder
    }

    /// The credential itself, for hashing and parsing.
    pub fn as_str(&self) -> &'a str {
        self.token
    }

    /// Check 2: another kind of credential is recognised by its looks, so that the answer helps.
    pub(crate) fn kind(&self) -> Result<(), Denial> {
        let looks_like = KINDS.iter().find(|(prefix, _)| self.token.starts_with(prefix));
        match looks_like {
            Some((_, kind)) => Err(Denial::NotAToken { looks_like: (*kind).into() }),
            None if !self.token.contains('.') => {
                Err(Denial::NotAToken { looks_like: "an opaque string".into() })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}

fn names_a_token(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("access_token="))
}
