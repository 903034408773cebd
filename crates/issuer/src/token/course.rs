//! What one request's record will say, filled while the request is decided.

use super::{Due, form::TokenRequest, mint::Minted};
use crate::{remote, server::State};
use axum::extract::Request;
use portcullis_audit::{self as audit, Event, Grant, Record};
use portcullis_directory::{Authorization, Credentials, excerpt};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Check, DecisionId, Denial, GrantId, Jti, Random, Ruled, Stage, Timestamp, Trace,
};
use std::{borrow::Cow, net::IpAddr};

/// The course of one decision at the token endpoint.
pub(crate) struct Course {
    pub(crate) id: DecisionId,
    pub(crate) now: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) remote: Option<IpAddr>,
    /// The `jti` of the token, if there will be one.
    pub(crate) jti: Jti,
    /// On the heap: a request carries it through every step.
    pub(crate) record: Box<Grant<'static>>,
    /// What a policy said.
    pub(crate) ruled: Option<Box<Ruled>>,
}

impl Course {
    pub(crate) fn begin(state: &State, request: &Request) -> Self {
        let now = (state.clock)();
        let mut entropy = (state.entropy)();
        let trusted = &state.settings.trusted_proxies;
        let remote = remote::address(request.extensions(), request.headers(), trusted);
        Self {
            id: DecisionId::fresh(now, &Random::draw(&mut *entropy)),
            jti: Jti::fresh(now, &Random::draw(&mut *entropy)),
            now,
            trace: Trace::new(Stage::Grant),
            remote,
            record: Box::new(Grant {
                remote: remote.map(|remote| remote.to_string().into()),
                ..Grant::default()
            }),
            ruled: None,
        }
    }

    /// At another endpoint than `/token`: its name stands in the record where the grant type would, too.
    pub(crate) fn at(state: &State, request: &Request, endpoint: &'static str) -> Self {
        let mut course = Self::begin(state, request);
        course.record.endpoint = Some(endpoint.into());
        course
    }

    pub(super) fn is_of_token_endpoint(&self) -> bool {
        self.record.endpoint.is_none()
    }

    /// Notes what was asked for, apart from scopes, which must be parsed first.
    pub(crate) fn asked(&mut self, request: &TokenRequest) {
        let endpoint = self.record.endpoint.clone();
        self.record.grant_type = endpoint.unwrap_or_else(|| excerpt(&request.grant_type).into());
        self.record.requested_resource =
            request.resource.iter().take(8).map(|resource| excerpt(resource)).collect();
    }

    /// Notes who claims to ask, and how. The claim itself may be long, or a secret: it is for looking up only.
    pub(crate) fn claimed(&mut self, presented: &Credentials) -> Option<String> {
        let claimed = presented.claimed();
        self.record.client_id = claimed.as_deref().map(|id| excerpt(id).into());
        self.record.auth_method = presented.method().map(|method| method.name().into());
        claimed
    }

    /// Notes what is granted.
    pub(crate) fn granted(&mut self, minted: &Minted) {
        self.record.granted = Some(minted.scope.clone());
        self.record.jti = Some(minted.jti.clone());
        self.record.exp = Some(minted.expires.seconds());
        self.record.kid = Some(minted.kid.clone().into());
    }

    /// Notes on whose behalf the app asks, and by what right.
    pub(super) fn of_a_person(&mut self, grant: &GrantId, authorization: &Authorization) {
        self.record.grant = Some(grant.clone());
        self.record.person = Some(authorization.person.clone());
        self.record.session.clone_from(&authorization.session);
        self.record.identity = authorization.identity;
        self.record.acr = Some(authorization.authentication.acr);
    }

    /// Notes what is due to the app.
    pub(super) fn due(&mut self, due: &Due) {
        self.record.granted = Some(due.scope.clone());
        self.record.identity = due.identity;
        self.record.jti = Some(due.jti.clone());
        self.record.exp = Some(due.expires().seconds());
        self.record.kid = Some(due.key.kid().to_owned().into());
    }

    /// A proof turned out to be used up, the client's or that of its key: whatever came after it does not count.
    pub(crate) fn back_to(self, denial: &Denial) -> Self {
        let mut trace = Trace::new(Stage::Grant);
        let failed = denial.check();
        for check in Check::of(Stage::Grant).take_while(|check| *check != failed) {
            if self.trace.has_passed(check) {
                let _ = trace.step(check, Ok(()));
            }
        }
        let _ = trace.step(failed, Err::<(), _>(denial.clone()));
        let record = Box::new(Grant {
            resource: None,
            api: None,
            granted: None,
            dropped: Vec::new(),
            jti: None,
            exp: None,
            kid: None,
            ..*self.record
        });
        Self { trace, record, ruled: None, ..self }
    }

    /// Writes the record.
    pub(crate) fn append(self, tx: &mut Tx<'_>, denial: Option<&Denial>) -> Result<(), StoreFault> {
        let record = Record {
            id: self.id,
            at: self.now,
            trace: self.trace,
            denial: denial.map(Cow::Borrowed),
            ruled: self.ruled.map(|ruled| Cow::Owned(*ruled)),
            event: Event::Grant(*self.record),
        };
        audit::append(tx, &record)
    }
}
