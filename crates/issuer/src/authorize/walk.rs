//! The course of one authorization: what its record will say, filled while it is decided.

use super::{offer::Offer, request::AuthorizationRequest};
use crate::{claims, remote, server::State};
use http::request::Parts;
use portcullis_audit::{self as audit, Event, Grant, Record};
use portcullis_directory::{Authorization, Client, excerpt};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Check, DecisionId, Denial, PersonId, Random, SessionId, Stage, Timestamp, Trace,
};
use std::{borrow::Cow, net::IpAddr};

/// One decision at the authorization endpoint, or where people come by as well, from the first look to the record.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) id: DecisionId,
    pub(crate) now: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) remote: Option<IpAddr>,
    pub(crate) record: Grant<'static>,
}

impl Walk {
    /// Begins with who asks from where.
    pub(crate) fn begin(state: &State, parts: &Parts) -> Self {
        Self::at(state, parts, "authorization")
    }

    /// The same at another endpoint, as metadata names it.
    pub(crate) fn at(state: &State, parts: &Parts, endpoint: &'static str) -> Self {
        let now = (state.clock)();
        let remote =
            remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
        Self {
            id: DecisionId::fresh(now, &Random::draw(&mut *(state.entropy)())),
            now,
            trace: Trace::new(Stage::Authorize),
            remote,
            record: Grant {
                endpoint: Some(endpoint.into()),
                grant_type: "authorization_code".into(),
                remote: remote.map(|remote| remote.to_string().into()),
                ..Grant::default()
            },
        }
    }

    /// Notes how a check went.
    pub(crate) fn step<T>(
        &mut self,
        check: Check,
        outcome: Result<T, Denial>,
    ) -> Result<T, Denial> {
        self.trace.step(check, outcome)
    }

    /// Notes who asks.
    pub(crate) fn app(&mut self, client_id: &str) {
        self.record.client_id = Some(excerpt(client_id).into());
    }

    /// Notes what is asked for, and that the app may ask at all.
    pub(crate) fn asked(&mut self, client: &Client, request: &AuthorizationRequest) {
        self.app(client.id.as_str());
        self.record.requested_resource =
            request.resource.iter().map(|resource| excerpt(resource)).collect();
        let before = [Check::Asked, Check::App, Check::Redirect, Check::Demand];
        self.trace.passed_before(&before);
    }

    /// Notes who is signed in.
    pub(crate) fn person(&mut self, person: &PersonId, session: &SessionId) {
        self.record.person = Some(person.clone());
        self.record.session = Some(session.clone());
    }

    /// Notes what could be granted.
    pub(crate) fn offered(&mut self, offer: &Offer<'_>) {
        self.record.resource = offer.resource().map(|resource| resource.to_string().into());
        self.record.api = offer.api.map(|api| api.name.to_string().into());
        self.record.dropped.clone_from(&offer.dropped);
    }

    /// Notes what is granted.
    pub(crate) fn granted(&mut self, authorization: &Authorization) {
        self.record.granted = Some(authorization.scope.clone());
        self.record.identity = authorization.identity.or(claims::scopes_of(&authorization.claims));
        self.record.acr = Some(authorization.authentication.acr);
    }

    /// Writes the record.
    pub(crate) fn append(self, tx: &mut Tx<'_>, denial: Option<&Denial>) -> Result<(), StoreFault> {
        let record = Record {
            id: self.id,
            at: self.now,
            trace: self.trace,
            denial: denial.map(Cow::Borrowed),
            ruled: None,
            event: Event::Grant(self.record),
        };
        audit::append(tx, &record)
    }
}
