//! What one request's record will say, filled while the request is decided.

use super::{form::TokenRequest, mint::Minted};
use crate::{remote, server::State};
use axum::extract::Request;
use portcullis_audit::{self as audit, Event, Grant, Record};
use portcullis_directory::{Credentials, excerpt};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Check, DecisionId, Denial, Jti, Random, Stage, Timestamp, Trace};
use std::{borrow::Cow, net::IpAddr};

/// The course of one decision at the token endpoint.
pub(crate) struct Course {
    pub(crate) id: DecisionId,
    pub(crate) now: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) remote: Option<IpAddr>,
    /// The `jti` of the token, if there will be one.
    pub(crate) jti: Jti,
    pub(crate) record: Grant<'static>,
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
            record: Grant {
                remote: remote.map(|remote| remote.to_string().into()),
                ..Grant::default()
            },
        }
    }

    /// Notes what was asked for, apart from scopes, which must be parsed first.
    pub(crate) fn asked(&mut self, request: &TokenRequest) {
        self.record.grant_type = excerpt(&request.grant_type).into();
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

    /// The client's proof turned out to be used up: whatever came after it does not count.
    pub(crate) fn back_to_the_client(self, denial: &Denial) -> Self {
        let mut trace = Trace::new(Stage::Grant);
        for check in [Check::Request, Check::Throttle] {
            let _ = trace.step(check, Ok(()));
        }
        let _ = trace.step(Check::Client, Err::<(), _>(denial.clone()));
        let record = Grant {
            resource: None,
            api: None,
            granted: None,
            dropped: Vec::new(),
            jti: None,
            exp: None,
            kid: None,
            ..self.record
        };
        Self { trace, record, ..self }
    }

    /// Writes the record.
    pub(crate) fn append(self, tx: &mut Tx<'_>, denial: Option<&Denial>) -> Result<(), StoreFault> {
        let record = Record {
            id: self.id,
            at: self.now,
            trace: self.trace,
            denial: denial.map(Cow::Borrowed),
            event: Event::Grant(self.record),
        };
        audit::append(tx, &record)
    }
}
