//! The claims of a partner's token whose signature is verified, typed as strictly as our own.

use super::{CheckedTrust, ClaimPath, IssRule, TokenKind};
use crate::{
    Confirmation,
    claims::{self as common, Claim, audiences, bad, confirmation, date, id, missing, text},
    time::Dates,
};
use portcullis_jose::json::{self, Member};
use portcullis_types::{
    Actor, ActorFault, Denial, FormatFault, InboundFault, Jti, MayAct, Timestamp,
};
use serde_json::Value;

const MOST_AMR: usize = 16;

/// Everything that a token says, each member once. `null` is no value: it reads as absent.
pub(super) struct Said<'a>(Vec<Member<'a>>);

impl<'a> Said<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Self, Denial> {
        json::members(json).map(Self).map_err(|fault| Denial::Format {
            fault: FormatFault::Payload { problem: fault.to_string() },
        })
    }

    /// The member of that name as it was written.
    pub(super) fn raw(&self, name: &str) -> Claim<'a> {
        let found = self.0.iter().find(|member| member.name == name);
        found.map(|member| member.value).filter(|value| *value != "null")
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Denial> {
        self.raw(name).map(|raw| text(name, Some(raw))).transpose()
    }

    /// The member of that name. It was valid JSON when the token was read.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// What lies at that path.
    pub(super) fn at(&self, path: &ClaimPath) -> Option<Value> {
        path.within(self.value(path.first())?).filter(|value| !value.is_null())
    }

    /// The first claim that only another kind of token has.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        self.0.iter().find_map(|member| common::foreign(&member.name, member.value))
    }
}

/// What every token says, whatever its provider.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) kind: TokenKind,
    /// Every value of `aud`; empty if there is none and none is needed.
    pub(super) aud: Vec<String>,
    pub(super) dates: Dates,
    pub(super) jti: Option<Jti>,
    pub(super) azp: Option<String>,
    pub(super) client: Option<String>,
    pub(super) acr: Option<String>,
    pub(super) amr: Vec<String>,
    pub(super) auth_time: Option<Timestamp>,
    pub(super) cnf: Option<Box<Confirmation>>,
}

impl Claims {
    pub(super) fn typed(
        said: &Said<'_>,
        kind: TokenKind,
        trust: &CheckedTrust,
    ) -> Result<Self, InboundFault> {
        issued(said, trust)?;
        trust.terms().guards.iter().try_for_each(|guard| guard.check(said, kind))?;
        alone(said, kind, trust)?;
        for name in trust.terms().id_claims {
            said.raw(name).ok_or_else(|| missing(name))?;
        }
        let client = client(said, kind, trust)?;
        let aud = match said.raw("aud") {
            None if trust.terms().aud.may_be_absent(kind) => Vec::new(),
            aud => audiences(aud)?,
        };
        let exp = date("exp", said.raw("exp"))?.ok_or_else(|| missing("exp"))?;
        let iat = date("iat", said.raw("iat"))?;
        if iat.is_none() && needs_iat(kind, trust) {
            return Err(missing("iat").into());
        }
        Ok(Self {
            kind,
            aud,
            dates: Dates { exp, nbf: date("nbf", said.raw("nbf"))?, iat },
            jti: jti(said, kind, trust)?,
            azp: said.text("azp")?,
            client,
            acr: said.text("acr")?,
            amr: said.raw("amr").map(amr).transpose()?.unwrap_or_default(),
            auth_time: date("auth_time", said.raw("auth_time"))?,
            cnf: said.raw("cnf").map(confirmation).transpose()?,
        })
    }
}

/// The issuer again, now that it is signed.
fn issued(said: &Said<'_>, trust: &CheckedTrust) -> Result<(), Denial> {
    match (said.text("iss")?, trust.terms().iss) {
        // RFC 7519 §4.1.1 leaves it out, and so do JWT-SVIDs: the trust domain in `sub` is the issuer.
        (_, IssRule::TrustDomain) => Ok(()),
        (None, _) => Err(missing("iss")),
        (Some(iss), _) if trust.is_named(&iss) => Ok(()),
        (Some(_), _) => Err(bad("iss", "the issuer's identifier")),
    }
}

/// RFC 8725 §3.12: what one kind of token holds, another does not.
fn alone(said: &Said<'_>, kind: TokenKind, trust: &CheckedTrust) -> Result<(), Denial> {
    let guarded = trust.terms().guards.iter().any(|guard| guard.parts_kinds);
    let foreign = match kind {
        // A provider that says which is which may put a nonce into either.
        TokenKind::IdToken | TokenKind::AccessToken if guarded => {
            said.raw("events").map(|_| "events")
        }
        TokenKind::IdToken => ["events", "scp"].into_iter().find(|name| said.raw(name).is_some()),
        TokenKind::Jwt | TokenKind::AccessToken | TokenKind::IdJag => said.foreign(),
    };
    match foreign {
        Some(claim) => Err(Denial::WrongPurpose { claim: claim.into() }),
        None => Ok(()),
    }
}

/// An access token is given to a client, and says to which.
fn client(
    said: &Said<'_>,
    kind: TokenKind,
    trust: &CheckedTrust,
) -> Result<Option<String>, Denial> {
    let names: Vec<&str> = match kind {
        TokenKind::IdJag => vec!["client_id"],
        _ => trust.client_claims().iter().map(|name| &**name).collect(),
    };
    let found = names.iter().find(|name| said.raw(name).is_some());
    match (found, kind) {
        (Some(name), _) => said.text(name),
        (None, TokenKind::AccessToken | TokenKind::IdJag) => {
            Err(missing(names.first().unwrap_or(&"client_id")))
        }
        (None, TokenKind::IdToken | TokenKind::Jwt) => Ok(None),
    }
}

fn needs_iat(kind: TokenKind, trust: &CheckedTrust) -> bool {
    matches!(kind, TokenKind::IdToken | TokenKind::IdJag) || trust.max_age(kind).is_some()
}

fn jti(said: &Said<'_>, kind: TokenKind, trust: &CheckedTrust) -> Result<Option<Jti>, Denial> {
    let name = if kind == TokenKind::IdJag { "jti" } else { trust.terms().jti };
    match said.raw(name) {
        None if kind == TokenKind::IdJag => Err(missing(name)),
        None => Ok(None),
        jti => id(name, jti).map(Some),
    }
}

/// RFC 8176 §1.
fn amr(raw: &str) -> Result<Vec<String>, Denial> {
    common::strings(raw, MOST_AMR).ok_or_else(|| bad("amr", "a list of at most 16 texts"))
}

/// `act` and `may_act` (RFC 8693 §4.1, §4.4), as the token says them.
pub(super) fn actors(said: &Said<'_>) -> Result<(Option<Actor>, Option<MayAct>), ActorFault> {
    let act = said.value("act").as_ref().map(Actor::of).transpose()?;
    let may_act = said.value("may_act").as_ref().map(MayAct::of).transpose()?;
    Ok((act, may_act))
}
