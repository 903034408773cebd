//! What is asked for (RFC 8693 §2.1).

use crate::token::form::{Exchanged, TokenRequest, bad};
use portcullis_directory::excerpt;
use portcullis_types::{Denial, Details};
use portcullis_verify::subject::TokenKind;

/// A request that can be judged.
pub(super) struct ExchangeRequest<'r> {
    pub(super) subject_token: &'r str,
    pub(super) subject_kind: TokenKind,
    /// Who acts, if not the client.
    pub(super) actor: Option<(&'r str, TokenKind)>,
    pub(super) details: Details,
    /// Which API, by its identifier or by its name.
    pub(super) target: Option<&'r str>,
}

impl<'r> ExchangeRequest<'r> {
    pub(super) fn of(request: &'r TokenRequest) -> Result<Self, Denial> {
        use secrecy::ExposeSecret as _;
        let missing = |name| bad(Some(name), "the parameter is missing");
        let sent = request.exchange.as_deref().ok_or_else(|| missing("subject_token"))?;
        let subject = sent.subject_token.as_ref().ok_or_else(|| missing("subject_token"))?;
        let kind = sent.subject_token_type.as_deref();
        let kind = kind.ok_or_else(|| missing("subject_token_type"))?;
        requested(sent)?;
        let actor = match (&sent.actor_token, &sent.actor_token_type) {
            (None, None) => None,
            (Some(token), Some(kind)) => {
                Some((token.expose_secret(), token_kind("actor_token_type", kind)?))
            }
            (Some(_), None) => return Err(missing("actor_token_type")),
            (None, Some(_)) => {
                let problem = "there is no actor_token that it would be the type of";
                return Err(bad(Some("actor_token_type"), problem));
            }
        };
        Ok(Self {
            subject_token: subject.expose_secret(),
            subject_kind: token_kind("subject_token_type", kind)?,
            actor,
            details: details(sent)?,
            target: target(request, sent)?,
        })
    }
}

/// RFC 8693 §3.
fn token_kind(parameter: &str, urn: &str) -> Result<TokenKind, Denial> {
    let kind = TokenKind::of_urn(urn).filter(|kind| *kind != TokenKind::IdJag);
    kind.ok_or_else(|| {
        let known =
            [TokenKind::AccessToken, TokenKind::IdToken, TokenKind::Jwt].map(TokenKind::urn);
        bad(Some(parameter), &format!("'{}' is none of {}", excerpt(urn), known.join(", ")))
    })
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
pub(super) fn details(sent: &Exchanged) -> Result<Details, Denial> {
    let Some(text) = &sent.authorization_details else { return Ok(Details::default()) };
    Details::parse(text).map_err(|fault| Denial::BadDetails { fault })
}

/// RFC 8693 §2.1.1: one, however it is said.
pub(super) fn target<'r>(
    request: &'r TokenRequest,
    sent: &'r Exchanged,
) -> Result<Option<&'r str>, Denial> {
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
