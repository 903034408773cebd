//! What is asked for (RFC 8693 §2.1, RFC 7523 §2.1).

use crate::token::form::{Exchanged, TokenRequest, bad};
use portcullis_directory::{GrantType, excerpt};
use portcullis_types::{Denial, Details, Inbound};
use portcullis_verify::subject::TokenKind;
use secrecy::ExposeSecret as _;

/// `subject_token_type` of an API key of somebody who has no tokens yet.
pub(crate) const API_KEY: &str = "urn:portcullis:params:oauth:token-type:api_key";

/// A request that can be judged.
pub(super) struct ExchangeRequest<'r> {
    /// In `subject_token` or in `assertion`.
    pub(super) token: &'r str,
    pub(super) came: Came,
    /// Who acts, if not the client.
    pub(super) actor: Option<(&'r str, TokenKind)>,
    pub(super) details: Details,
    /// Which API, by its identifier or by its name.
    pub(super) target: Option<&'r str>,
}

/// As what the token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A `subject_token` of that type.
    Token(TokenKind),
    /// A `subject_token` that is no token.
    ApiKey,
    /// An `assertion`.
    Assertion,
}

impl Came {
    /// In which parameter whoever acts is named: where there is none, it is the client.
    pub(super) const fn actor(self) -> Inbound {
        match self {
            Self::Token(_) | Self::ApiKey => Inbound::ActorToken,
            Self::Assertion => Inbound::Assertion,
        }
    }
}

impl<'r> ExchangeRequest<'r> {
    pub(super) fn of(grant: GrantType, request: &'r TokenRequest) -> Result<Self, Denial> {
        let missing = |name| bad(Some(name), "the parameter is missing");
        let sent = match (&request.exchange, grant) {
            (Some(sent), _) => sent,
            (None, GrantType::JwtBearer) => return Err(missing("assertion")),
            (None, _) => return Err(missing("subject_token")),
        };
        let (token, came, actor) = if grant == GrantType::JwtBearer {
            (sent.assertion.as_ref().ok_or_else(|| missing("assertion"))?, Came::Assertion, None)
        } else {
            let token = sent.subject_token.as_ref().ok_or_else(|| missing("subject_token"))?;
            let kind = sent.subject_token_type.as_deref();
            let kind = kind.ok_or_else(|| missing("subject_token_type"))?;
            requested(sent)?;
            (token, came(kind)?, actor(sent)?)
        };
        Ok(Self {
            token: token.expose_secret(),
            came,
            actor,
            details: details(sent)?,
            target: target(request, sent)?,
        })
    }
}

/// RFC 8693 §2.1: both or none.
fn actor(sent: &Exchanged) -> Result<Option<(&str, TokenKind)>, Denial> {
    const TYPE: &str = "actor_token_type";
    match (&sent.actor_token, &sent.actor_token_type) {
        (None, None) => Ok(None),
        (Some(token), Some(urn)) => {
            let kind = token_kind(urn).ok_or_else(|| unknown(TYPE, urn, &[]))?;
            Ok(Some((token.expose_secret(), kind)))
        }
        (Some(_), None) => Err(bad(Some(TYPE), "the parameter is missing")),
        (None, Some(_)) => {
            Err(bad(Some(TYPE), "there is no actor_token that it would be the type of"))
        }
    }
}

fn came(urn: &str) -> Result<Came, Denial> {
    if urn == API_KEY {
        return Ok(Came::ApiKey);
    }
    let kind = token_kind(urn).ok_or_else(|| unknown("subject_token_type", urn, &[API_KEY]))?;
    Ok(Came::Token(kind))
}

/// RFC 8693 §3.
fn token_kind(urn: &str) -> Option<TokenKind> {
    TokenKind::of_urn(urn).filter(|kind| *kind != TokenKind::IdJag)
}

fn unknown(parameter: &str, urn: &str, others: &[&str]) -> Denial {
    let kinds = [TokenKind::AccessToken, TokenKind::IdToken, TokenKind::Jwt].map(TokenKind::urn);
    let known: Vec<_> = kinds.iter().chain(others).copied().collect();
    bad(Some(parameter), &format!("'{}' is none of {}", excerpt(urn), known.join(", ")))
}

/// An access token is all that is issued.
fn requested(sent: &Exchanged) -> Result<(), Denial> {
    match sent.requested_token_type.as_deref() {
        None => Ok(()),
        Some(urn) if urn == TokenKind::AccessToken.urn() => Ok(()),
        Some(urn) => {
            let problem = format!("'{}' is not issued here; leave it out", excerpt(urn));
            Err(bad(Some("requested_token_type"), &problem))
        }
    }
}

/// RFC 9396 §6.
fn details(sent: &Exchanged) -> Result<Details, Denial> {
    let Some(text) = &sent.authorization_details else { return Ok(Details::default()) };
    Details::parse(text).map_err(|fault| Denial::BadDetails { fault })
}

/// RFC 8693 §2.1.1: one, however it is said.
fn target<'r>(request: &'r TokenRequest, sent: &'r Exchanged) -> Result<Option<&'r str>, Denial> {
    let mut all = request.resource.iter().chain(&sent.audience);
    match (all.next(), all.next()) {
        (one, None) => Ok(one.map(String::as_str)),
        (Some(one), Some(other)) if one == other && all.next().is_none() => Ok(Some(one)),
        _ => {
            let found = request.resource.iter().chain(&sent.audience).take(8);
            let found = found.map(|name| excerpt(name)).collect();
            Err(Denial::BadTarget { found, allowed: Vec::new() })
        }
    }
}
