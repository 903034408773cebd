//! What comes next: a sign-in, a consent, a code, or a refusal (OpenID Connect Core §3.1.2.3, §3.1.2.4,
//! RFC 9470 §5). Pure: looks at what is there and writes nothing.

use super::{
    consent::{self, Agreed},
    offer::Offer,
    parameters::refuse,
    prompt::Prompt,
    request::AuthorizationRequest,
    walk::Walk,
};
use crate::Settings;
use portcullis_directory::{Authorization, Client, Consent, Person, Roles, Session};
use portcullis_types::{Acr, AuthorizationError as Error, Check, Denial, Timestamp};
use std::sync::Arc;

/// A request of a known client, which may ask in this way.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) client: Arc<Client>,
    pub(crate) request: AuthorizationRequest,
}

/// Who is there.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) session: Session,
    pub(crate) person: Person,
    /// What the app knows them by.
    pub(crate) sub: String,
}

/// What was agreed to before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    pub(crate) consent: Option<Consent>,
    /// Whether they agreed to this way back, where that is asked.
    pub(crate) place: bool,
}

/// How far the person has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Whether they signed in for this very request.
    pub(crate) signed_in: SignedIn,
    /// Whether they agree, here and now.
    pub(crate) agreed: Agreed,
    pub(crate) now: Timestamp,
}

/// When somebody who is signed in did so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignedIn {
    /// Before the request came, or nobody did.
    Before,
    /// For this request: they are not asked a second time.
    ForThis,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    SignIn,
    Consent,
    Code(Box<Authorization>),
}

/// What the person must do first, if anything.
pub(crate) fn signed_in<'p>(
    walk: &mut Walk,
    asked: &Asked,
    present: Option<&'p Present>,
    standing: Standing,
) -> Result<Option<&'p Present>, Denial> {
    let who = who(&asked.request, present, standing);
    let Some(present) = walk.step(Check::SignedIn, who)? else { return Ok(None) };
    walk.person(&present.person.id, &present.session.id);
    let strong = strong(&asked.request, present, standing);
    Ok(walk.step(Check::Strength, strong)?.then_some(present))
}

/// What the app may have for this person, and whether they are asked first.
pub(crate) fn granted<'s>(
    walk: &mut Walk,
    asked: &Asked,
    (settings, roles): (&'s Settings, &Roles),
    present: &Present,
) -> Result<Offer<'s>, Denial> {
    let Asked { client, request } = asked;
    let offer = walk.step(Check::Target, Offer::to_app(settings, client, request.wanted()))?;
    let person = &present.person;
    let offer = offer.for_person(&roles.scopes(&person.roles), person, settings);
    let offer = walk.step(Check::Offer, offer)?;
    walk.offered(&offer);
    Ok(offer)
}

/// Whether the person has to agree first.
pub(crate) fn agreed(
    walk: &mut Walk,
    asked: &Asked,
    (offer, before): (Offer<'_>, &Before),
    present: &Present,
    standing: Standing,
) -> Result<Next, Denial> {
    if standing.agreed == Agreed::No {
        return walk.step(Check::Consent, Err(said_no()));
    }
    let open = standing.agreed != Agreed::Now && consent::is_needed(asked, &offer, before);
    if open && asked.request.prompt.has(Prompt::None) {
        let refused = refuse(Error::ConsentRequired, "prompt", "the person must agree first");
        return walk.step(Check::Consent, Err(refused));
    }
    if open {
        return Ok(Next::Consent);
    }
    walk.step(Check::Consent, Ok(()))?;
    let authorization = authorization(asked, &offer, present);
    walk.granted(&authorization);
    Ok(Next::Code(Box::new(authorization)))
}

fn said_no() -> Denial {
    let (error, parameter) = (Error::AccessDenied, None);
    Denial::BadAuthorization { error, parameter, problem: "the person said no".to_owned() }
}

/// The person of the session, if they are the one and signed in lately enough.
fn who<'p>(
    request: &AuthorizationRequest,
    present: Option<&'p Present>,
    standing: Standing,
) -> Result<Option<&'p Present>, Denial> {
    let quiet = request.prompt.has(Prompt::None);
    let nobody = |problem: &str| {
        if quiet { Err(refuse(Error::LoginRequired, "prompt", problem)) } else { Ok(None) }
    };
    let Some(present) = present else { return nobody("nobody is signed in") };
    let is_new = standing.signed_in == SignedIn::ForThis;
    if request.sub.as_ref().is_some_and(|sub| *sub != present.sub) {
        let problem = "another person is signed in than the app asks for";
        if is_new {
            return Err(refuse(Error::LoginRequired, "id_token_hint", problem));
        }
        return nobody(problem);
    }
    if is_new {
        return Ok(Some(present));
    }
    // By the second, as tokens tell it: what a gateway finds too old, is too old here (RFC 9470 §4).
    let at = Timestamp::from_seconds(present.session.authentication.at.seconds());
    let too_old = request
        .max_age
        .is_some_and(|limit| limit.as_seconds() == 0 || at.plus(limit) < standing.now);
    if too_old {
        return nobody("the person signed in longer ago than max_age");
    }
    Ok(Some(present).filter(|_| !request.prompt.sign_in()))
}

/// Whether the sign-in is as strong as one of those wanted. A stronger one will do.
fn strong(
    request: &AuthorizationRequest,
    present: &Present,
    standing: Standing,
) -> Result<bool, Denial> {
    let unmet =
        |problem: &str| Err(refuse(Error::UnmetAuthenticationRequirements, "acr_values", problem));
    let wanted = request.wanted_acr();
    let Some(least) = wanted.iter().min() else {
        return match request.essential_acr {
            None => Ok(true),
            Some(_) => unmet("no acr that the app insists on is known here"),
        };
    };
    if present.session.authentication.acr >= *least {
        return Ok(true);
    }
    if request.prompt.has(Prompt::None) || standing.signed_in == SignedIn::ForThis {
        return unmet("the sign-in is weaker than the app wants");
    }
    Ok(false)
}

fn authorization(asked: &Asked, offer: &Offer<'_>, present: &Present) -> Authorization {
    let Asked { client, request } = asked;
    let mut authentication = present.session.authentication.clone();
    authentication.acr = told(authentication.acr, request.wanted_acr());
    Authorization {
        client_id: client.id.clone(),
        person: present.person.id.clone(),
        session: Some(present.session.id.clone()),
        authentication,
        identity: offer.identity,
        scope: offer.scope.clone(),
        resource: offer.resource().cloned(),
        resource_named: offer.named,
        tenant: offer.tenant.clone(),
        nonce: request.nonce.clone(),
        claims: offer.claims.clone(),
    }
}

/// The `acr` that the app is told: of those it wants, the strongest that was reached; an app that asks for
/// `mfa` knows no `phr` (OpenID Connect Core §5.5.1.1).
fn told(reached: Acr, wanted: &[Acr]) -> Acr {
    wanted.iter().filter(|acr| **acr <= reached).max().copied().unwrap_or(reached)
}
