//! What the policy is asked before something is told or done here: one question, in one place.

use super::{call::Call, refusal::Refusal};
use crate::{policy, remote, server::State};
use portcullis_policy::{Actor, Behaviour, Caller, Input, ManageInput, Point, Sighting, Target};
use portcullis_types::{Denial, Tenant, Timestamp};
use portcullis_verify::Claims;
use serde_json::Value;

/// An act of management.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act<'a> {
    /// What, as the scope that it takes.
    pub(super) action: &'static str,
    /// What kind of thing: `tenant`, `client`, `decision`.
    pub(super) kind: &'static str,
    /// Which one.
    pub(super) id: &'a str,
    /// Whose.
    pub(super) tenant: Option<&'a Tenant>,
    /// Whether something becomes other than it was.
    pub(super) effect: Effect,
}

/// What an act leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Reads,
    /// A change, which the log explains: by whom, with which token, and by which ruling.
    Changes,
}

impl Call {
    /// Whether it may be done. The record of it is on the disk before it is.
    pub(super) async fn may(&mut self, act: Act<'_>) -> Result<(), Refusal> {
        self.ruled = match &self.state.judge {
            Some(judge) if judge.is_asked(Point::Manage) => {
                let settings = &self.state.settings;
                let ip = remote::address(
                    &self.parts.extensions,
                    &self.parts.headers,
                    &settings.trusted_proxies,
                );
                let claims = self.claims();
                let country = ip.and_then(|ip| judge.surroundings().country(ip));
                let sighting = Sighting { ip, country, prompt: None };
                let behaviour: Behaviour<'_> =
                    judge.recent().saw(subject(claims), &sighting, self.now);
                let own = claims.tenant.as_ref().and_then(|id| self.state.directory.tenant(id));
                let input = ManageInput {
                    caller: caller(&self.state, claims),
                    tenant: own.as_deref().map(|own| policy::tenant(&self.state, own)),
                    action: act.action.into(),
                    target: Target {
                        kind: act.kind.into(),
                        id: act.id.into(),
                        tenant: act.tenant.map(|tenant| tenant.as_str().into()),
                        in_service: false,
                    },
                    context: judge.surroundings().context(self.now, ip),
                    behaviour,
                };
                let input = Input::new(&input);
                let ruled = judge.rule(&input).await;
                if !ruled.ruling.allow {
                    judge.recent().refused(subject(claims), self.now);
                }
                Some(ruled)
            }
            _ => None,
        };
        if let Some(ruled) = self.ruled.as_ref().filter(|ruled| !ruled.ruling.allow) {
            let reasons = ruled.ruling.grounds();
            return Err(Denial::PolicyRefused { inbound: None, reasons }.into());
        }
        if act.effect == Effect::Changes {
            self.record(None).await?;
        }
        Ok(())
    }
}

fn caller<'a>(state: &State, claims: &'a Claims) -> Caller<'a> {
    let all: Value = serde_json::from_slice(claims.json()).unwrap_or_default();
    let list = |name: &str| {
        let items = all.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(|item| item.to_owned().into()).collect()
    };
    Caller {
        sub: claims.sub.as_str().into(),
        client_id: claims.client_id.as_str().into(),
        tenant: claims.tenant.as_ref().map(|tenant| tenant.as_str().into()),
        roles: list("roles"),
        groups: list("groups"),
        scopes: policy::held(state, &claims.scope),
        acr: claims.acr.as_deref().map(Into::into),
        amr: list("amr"),
        auth_time: claims.auth_time.map(Timestamp::seconds),
        act: actors(all.get("act")),
    }
}

/// By which behaviour is counted, as where tokens are issued.
fn subject(claims: &Claims) -> (Option<&str>, &str) {
    (claims.tenant.as_ref().map(Tenant::as_str), &claims.sub)
}

/// The one acting now first.
fn actors<'a>(act: Option<&Value>) -> Vec<Actor<'a>> {
    let text = |act: &Value, name: &str| act.get(name).and_then(Value::as_str).map(str::to_owned);
    let chain = std::iter::successors(act, |act| act.get("act"));
    let actor = |act: &Value| Actor {
        sub: text(act, "sub").unwrap_or_default().into(),
        client_id: text(act, "client_id").map(Into::into),
        iss: text(act, "iss").map(Into::into),
    };
    chain.map(actor).collect()
}
