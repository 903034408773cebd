//! One decision, one transaction: who is signed in and what they agreed to are read in it, so that a code stands for
//! what was so when it was made.

use super::{
    consent::{self, Agreed},
    decide::{self, Asked, Next, Present, Standing},
    present::{before, present, signed_in},
    walk::Walk,
};
use crate::{
    claims,
    interaction::{self, Flow, Interaction},
    server::State,
};
use portcullis_directory::{
    Authorization, Consent, Fault, Unproven, grant, remember_consent, touch_session,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, Random, Timestamp, Ttl};
use portcullis_web::csrf::BrowserId;
use secrecy::SecretString;
use std::sync::Arc;

/// How long a code is good (RFC 9700 §4.5, FAPI 2.0 §5.3.2.1).
const CODE_LIFE: Ttl = Ttl::seconds(60);

/// The interaction through which a request comes.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) flow: String,
    pub(crate) interaction: Interaction,
    pub(crate) agreed: Agreed,
    /// What the page asked, as its form says.
    pub(crate) seen: Option<String>,
}

/// What came of it.
pub(super) enum Outcome {
    /// The code, which nobody has yet.
    Code(grant::Code),
    /// To be told at the app, and who is there to be sent back to it.
    Refused(Denial, Presence),
    /// The interaction was answered before, in another tab perhaps.
    Over,
    /// Whoever is not signed in asked too often from their address.
    TooMany(Ttl),
    SignIn(Flow),
    Consent(Flow),
}

/// Whether somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Somebody,
    Nobody,
}

impl<T> From<&Option<T>> for Presence {
    fn from(present: &Option<T>) -> Self {
        if present.is_some() { Self::Somebody } else { Self::Nobody }
    }
}

/// What the transaction works with.
pub(super) struct Settling {
    pub(super) state: Arc<State>,
    pub(super) asked: Asked,
    pub(super) browser: BrowserId,
    pub(super) through: Option<Through>,
}

impl Settling {
    /// Decides and writes it down.
    pub(super) fn run(
        &self,
        tx: &mut Tx<'_>,
        mut walk: Walk,
        session: Option<&SecretString>,
    ) -> Result<Outcome, StoreFault> {
        walk.asked(&self.asked.client, &self.asked.request);
        // Of two answers to one request, one is the first.
        if let Some(through) = &self.through
            && !interaction::is_there(tx, &through.interaction)?
        {
            return Ok(Outcome::Over);
        }
        let present = present(tx, &self.state, &self.asked.client, session, walk.now)?;
        match &present {
            Some(present) => touch_session(tx, &present.session, walk.now)?,
            None if self.through.is_some() => {}
            None => {
                if let Some(wait) = too_many(&self.state, &walk) {
                    return Ok(Outcome::TooMany(wait));
                }
            }
        }
        match self.next(tx, &mut walk, present.as_ref())? {
            Err(denial) => {
                self.used_up(tx, walk.now)?;
                walk.append(tx, Some(&denial))?;
                Ok(Outcome::Refused(denial, Presence::from(&present)))
            }
            Ok(Next::SignIn) => Ok(Outcome::SignIn(self.wait(tx, walk.now)?)),
            Ok(Next::Consent) => Ok(Outcome::Consent(self.wait(tx, walk.now)?)),
            Ok(Next::Code(authorization)) => {
                if !self.used_up(tx, walk.now)? {
                    return Ok(Outcome::Over);
                }
                if self.agreed() == Agreed::Now {
                    self.remember(tx, &authorization, walk.now)?;
                }
                let code = self.code(tx, *authorization, walk.now)?;
                walk.append(tx, None)?;
                Ok(Outcome::Code(code))
            }
        }
    }

    fn next(
        &self,
        tx: &mut Tx<'_>,
        walk: &mut Walk,
        present: Option<&Present>,
    ) -> Result<Result<Next, Denial>, StoreFault> {
        let mut standing = Standing {
            signed_in: signed_in(self.through.as_ref().map(|it| &it.interaction), present),
            agreed: self.agreed(),
            now: walk.now,
        };
        let present = match decide::signed_in(walk, &self.asked, present, standing) {
            Ok(Some(present)) => present,
            Ok(None) => return Ok(self.offered_to_anybody(walk).map(|()| Next::SignIn)),
            Err(denial) => return Ok(Err(denial)),
        };
        let roles = self.state.directory.roles();
        let settings = &self.state.settings;
        let offer = match decide::granted(walk, &self.asked, (settings, &roles), present) {
            Ok(offer) => offer,
            Err(denial) => return Ok(Err(denial)),
        };
        let before = before(tx, &self.asked, present, offer.resource())?;
        // Attack: somebody else signs in, or more is asked for, under a page that is open. An answer counts for
        // what its own page asked, and whom.
        let asks = self.through.as_ref().map(|through| {
            (
                through.seen.as_deref(),
                consent::seal(&through.flow, &consent::shown(&offer, present)),
            )
        });
        if asks.is_none_or(|(seen, now)| seen != Some(&now)) && standing.agreed == Agreed::Now {
            standing.agreed = Agreed::Before;
        }
        Ok(decide::agreed(walk, &self.asked, (offer, &before), present, standing))
    }

    /// Nobody is made to sign in for what the app may not have from anybody.
    fn offered_to_anybody(&self, walk: &mut Walk) -> Result<(), Denial> {
        let Asked { client, request } = &self.asked;
        let offer = super::Offer::to_app(&self.state.settings, client, request.wanted());
        offer.map(drop).map_err(|denial| {
            let failed = walk.step(denial.check(), Err::<(), _>(denial.clone()));
            failed.err().unwrap_or(denial)
        })
    }

    fn agreed(&self) -> Agreed {
        self.through.as_ref().map_or(Agreed::Before, |through| through.agreed)
    }

    /// The request waits for the person, as before if it does already.
    fn wait(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Flow, StoreFault> {
        if let Some(through) = &self.through {
            return Ok(Flow::again(&through.flow));
        }
        let mut entropy = (self.state.entropy)();
        interaction::begin(tx, &self.asked.request, &self.browser, now, &mut *entropy)
    }

    /// Ends the interaction and the pushed request behind it. False if one of them was used before.
    fn used_up(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, StoreFault> {
        let Asked { client, request } = &self.asked;
        let mut first = true;
        if let Some(through) = &self.through {
            first = interaction::end(tx, &through.interaction)?;
        }
        if let Some(uri) = &request.came.pushed {
            let taken = grant::take_pushed(tx, uri, &client.id, now)?.is_some();
            // An interaction has a copy of its own, which outlives the pushed request.
            first = first && (taken || self.through.is_some());
            interaction::end_pushed(tx, uri)?;
        }
        Ok(first)
    }

    fn remember(
        &self,
        tx: &mut Tx<'_>,
        authorization: &Authorization,
        now: Timestamp,
    ) -> Result<(), StoreFault> {
        let consent = Consent {
            identity: authorization.identity.or(claims::scopes_of(&authorization.claims)),
            scope: authorization.scope.clone(),
            resource: authorization.resource.clone(),
            given: now,
        };
        let (person, client_id) = (&authorization.person, &authorization.client_id);
        remember_consent(tx, person, client_id, &consent)?;
        match consent::place(&self.asked) {
            Some(place) => consent::remember_place(tx, person, client_id, (place, now)),
            None => Ok(()),
        }
    }

    fn code(
        &self,
        tx: &mut Tx<'_>,
        authorization: Authorization,
        now: Timestamp,
    ) -> Result<grant::Code, StoreFault> {
        let request = &self.asked.request;
        let way_back = &request.way_back;
        let new = grant::NewCode {
            authorization,
            redirect_uri: way_back.named.then(|| way_back.redirect_uri.clone()),
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            expires: now.plus(CODE_LIFE),
        };
        grant::issue_code(tx, new, now, &Random::draw(&mut *(self.state.entropy)()))
    }
}

/// How long whoever is not signed in must wait, if they asked too often from their address: each time something is
/// kept for them, and recorded.
pub(super) fn too_many(state: &State, walk: &Walk) -> Option<Ttl> {
    match state.directory.unproven(Unproven::Page, walk.remote, walk.now) {
        Err(Fault::TooMany { retry_after }) => Some(retry_after),
        _ => None,
    }
}
