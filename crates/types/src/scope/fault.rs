//! Why a scope, a list of scopes, a pattern or an entry of the registry is refused.
//!
//! Each message says what was seen and what would be right, in the characters that
//! `error_description` may hold (RFC 6749 §5.2), whatever an attacker sent.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopePart {
    /// Before the first `:`.
    Family,
    /// After the first `:`.
    Verb,
    /// After the second `:`.
    Tenant,
    /// One segment after a `/`.
    Resource,
}

impl ScopePart {
    /// The longest such part, in characters (an encoded one counts once).
    pub(super) fn limit(self) -> usize {
        match self {
            Self::Family | Self::Verb => 32,
            Self::Tenant => 63,
            Self::Resource => super::MAX_SEGMENT,
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Family => {
                "a family is 1 to 32 lower-case letters, digits, '-' or '_' and starts with a letter"
            }
            Self::Verb => {
                "a verb is 1 to 32 lower-case letters, digits, '-' or '_' and starts with a letter"
            }
            Self::Tenant => {
                "a tenant is 1 to 63 lower-case letters, digits, '-' or '_' and starts with a letter or digit"
            }
            Self::Resource => {
                "a resource segment is 1 to 64 letters, digits, '.', '_', '-', '~', '@' or %-encoded characters"
            }
        }
    }
}

impl fmt::Display for ScopePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Family => "family",
            Self::Verb => "verb",
            Self::Tenant => "tenant",
            Self::Resource => "resource segment",
        })
    }
}

/// What is wrong with a scope and what would be right.
///
/// `seen` is what came, cut at 64 characters, with `?` for what may not stand in an
/// `error_description`; `at` is the position in it, in bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields are explained above and by the message of each variant"
)]
pub enum ScopeFault {
    /// More than 160 bytes.
    #[error("the scope '{seen}' is {bytes} bytes long; at most 160 are allowed")]
    TooLong { seen: String, bytes: usize },
    /// A scope of OpenID Connect, where one of ours is needed.
    #[error(
        "'{seen}' is a scope of OpenID Connect and grants no right here; ask for family:verb, as in 'generate:basic'"
    )]
    Reserved { seen: String },
    /// No `:`.
    #[error("the scope '{seen}' has no verb; write family:verb, as in 'generate:basic'")]
    NoVerb { seen: String },
    /// A part is empty.
    #[error("the scope '{seen}' has an empty {part} at byte {at}; {}", part.rule())]
    Empty { seen: String, part: ScopePart, at: usize },
    /// A character that may not stand there.
    #[error("the scope '{seen}' has '{found}' at byte {at}; {}", part.rule())]
    Character { seen: String, part: ScopePart, at: usize, found: String },
    /// A part is too long.
    #[error("the scope '{seen}' has a {part} of {length} characters at byte {at}; {}", part.rule())]
    PartTooLong { seen: String, part: ScopePart, at: usize, length: usize },
    /// A segment `.` or `..`.
    #[error("the scope '{seen}' has a segment '.' or '..' at byte {at}; name the resource itself")]
    DotSegment { seen: String, at: usize },
    /// A broken, lower-case or needless percent-encoding.
    #[error(
        "the scope '{seen}' has a wrong encoding at byte {at}; write '%' and two upper-case hex digits, and only for a character that cannot stand plainly"
    )]
    Encoding { seen: String, at: usize },
    /// More than eight segments.
    #[error("the scope '{seen}' has {segments} resource segments; at most 8 are allowed")]
    TooManySegments { seen: String, segments: usize },
    /// A wildcard, where a scope is needed.
    #[error(
        "the scope '{seen}' has a wildcard at byte {at}; only a client's allow-list may hold one: ask for each scope by name"
    )]
    Wildcard { seen: String, at: usize },

    /// Scopes of a list are not separated by exactly one space (RFC 6749 §3.3).
    #[error(
        "the list of scopes has a space too many at byte {at}; put exactly one between two scopes"
    )]
    Spacing { at: usize },
    /// More than 64 scopes.
    #[error(
        "{scopes} scopes are too many; at most 64 are allowed: use authorization_details for finer rights"
    )]
    TooMany { scopes: usize },
    /// More than 2048 bytes.
    #[error(
        "the list of scopes is {bytes} bytes long; at most 2048 are allowed: use authorization_details for finer rights"
    )]
    TooLarge { bytes: usize },

    /// The registry has no such family.
    #[error("the scope '{seen}' is of no known family; {}", hint(nearest.as_deref(), known))]
    UnknownFamily { seen: String, nearest: Option<String>, known: Vec<String> },
    /// The family has no such verb.
    #[error("the scope '{seen}' has no known verb; {}", hint(nearest.as_deref(), known))]
    UnknownVerb { seen: String, nearest: Option<String>, known: Vec<String> },

    /// `*:…`: every right there is.
    #[error("the pattern '{seen}' would grant every family; name the family, as in 'model:*'")]
    WildcardFamily { seen: String },
    /// `…:*` in the place of the tenant.
    #[error("the pattern '{seen}' would grant every tenant; name each tenant")]
    WildcardTenant { seen: String },
    /// A wildcard that is not the whole last part.
    #[error(
        "the pattern '{seen}' has a wildcard at byte {at}; it may only be the whole last part, as in 'model:*' or 'mcp:call/github/*'"
    )]
    WildcardPlace { seen: String, at: usize },
    /// A wildcard after a privileged verb.
    #[error(
        "the pattern '{seen}' has a wildcard after a privileged verb; name the scope in full, as in '{instead}'"
    )]
    WildcardPrivileged { seen: String, instead: String },

    /// The registry has that scope already.
    #[error("the scope '{seen}' is registered already; choose another verb")]
    Registered { seen: String },
    /// The registry holds families and verbs only.
    #[error(
        "'{seen}' cannot be registered; give family and verb alone, without tenant or resource"
    )]
    NotAName { seen: String },
    /// An ordinary verb may not bring a privileged one.
    #[error("'{seen}' may not imply '{implied}', which is privileged and must be granted by name")]
    ImpliesPrivileged { seen: String, implied: String },
}

/// The fault at byte `at` of `whole`, where `part` is expected and does not go on.
#[cold]
pub(super) fn stray(whole: &str, part: ScopePart, at: usize) -> ScopeFault {
    let seen = excerpt(whole);
    match whole.get(at..).and_then(|rest| rest.chars().next()) {
        Some('*') => ScopeFault::Wildcard { seen, at },
        None | Some('/') => ScopeFault::Empty { seen, part, at },
        Some(':') if part != ScopePart::Resource => match at.checked_sub(1) {
            Some(before) if whole.as_bytes().get(before) != Some(&b':') => {
                ScopeFault::Character { seen, part, at, found: ":".into() }
            }
            _ => ScopeFault::Empty { seen, part, at },
        },
        Some(found) if allowed(found) => {
            ScopeFault::Character { seen, part, at, found: found.into() }
        }
        Some(found) => {
            let found = format!("U+{:04X}", u32::from(found));
            ScopeFault::Character { seen, part, at, found }
        }
    }
}

/// RFC 6749 §5.2: `%x20-21 / %x23-5B / %x5D-7E`.
fn allowed(found: char) -> bool {
    matches!(found, ' '..='~') && !matches!(found, '"' | '\\')
}

/// At most 64 characters of `text`, fit for a message.
#[cold]
pub(crate) fn excerpt(text: &str) -> String {
    let mut chars = text.chars().map(|c| if allowed(c) { c } else { '?' });
    let mut seen: String = chars.by_ref().take(64).collect();
    if chars.next().is_some() {
        seen.push_str("...");
    }
    seen
}

fn hint(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None => format!("known are {}", known.join(", ")),
    }
}
