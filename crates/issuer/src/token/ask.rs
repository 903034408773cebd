//! A request for a token on behalf of a person, decided in one transaction: what is used up, what is granted and
//! the record of it.

use super::{
    Course, Due, Fault, Holder, TokenError, authorization_code, device_code, form::TokenRequest,
    refresh_token,
};
use crate::{policy, server::State};
use portcullis_directory::{
    Authenticated, Client, GrantType,
    grant::{self, RefreshRandom},
    person_in,
};
use portcullis_policy::Point;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, GrantedFault, Random, Ruled};
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// Everything that the decision needs.
pub(super) struct Ask {
    pub(super) state: Arc<State>,
    pub(super) client: Arc<Client>,
    pub(super) request: TokenRequest,
    pub(super) holder: Holder,
    pub(super) random: RefreshRandom,
    /// What a policy said of what the request shows, if one is asked.
    pub(super) ruled: Option<Ruled>,
    grant_type: GrantType,
}

impl Ask {
    pub(super) fn new(
        state: &Arc<State>,
        client: &Authenticated,
        (grant_type, request): (GrantType, TokenRequest),
        holder: Holder,
    ) -> Self {
        let random = Random::draw(&mut *(state.entropy)());
        let (state, client) = (state.clone(), client.client.clone());
        Self { state, client, request, holder, random, ruled: None, grant_type }
    }

    /// The transaction, and then, if something was ended, the news of it.
    pub(super) async fn settle(
        mut self,
        client: Authenticated,
        mut course: Course,
    ) -> Result<Due, TokenError> {
        let state = self.state.clone();
        if policy::judge(&state, Point::Token).is_some() {
            self.ruled = self.ask_policy(&course).await?;
            course.ruled = self.ruled.clone().map(Box::new);
        }
        let (sender, failed) = std::sync::mpsc::channel();
        let written = state.store.write(move |tx| {
            self.decide(tx, &client, course).map_err(|fault| match fault {
                Fault::Store(fault) => fault,
                // Undoes it all; the fault itself goes another way.
                other => {
                    let rejected = StoreFault::rejected(&other);
                    let _ = sender.send(other);
                    rejected
                }
            })
        });
        let verdict =
            written.await.map_err(|fault| failed.try_recv().unwrap_or(Fault::Store(fault)))?;
        let ended = match &verdict {
            Ok(due) => due.ended_another,
            Err(denial) => {
                matches!(denial, Denial::BadGranted { fault: GrantedFault::Used { .. }, .. })
            }
        };
        if ended && let Err(fault) = state.directory.publish().await {
            tracing::warn!(%fault, "revocations are told later");
        }
        Ok(verdict?)
    }

    /// Before the transaction, in which nobody waits for anybody. Of what is unknown or used up nobody is asked.
    async fn ask_policy(&self, course: &Course) -> Result<Option<Ruled>, Fault> {
        let request = &self.request;
        let shown = request.code.as_ref().or(request.refresh_token.as_ref());
        let Some(shown) = shown.or(request.device_code.as_ref()).cloned() else { return Ok(None) };
        let looked = move |tx: &mut Tx<'_>| {
            let Some(granted) = grant::look(tx, shown.expose_secret())? else { return Ok(None) };
            Ok(person_in(tx, &granted.person)?.map(|person| (granted, person)))
        };
        let Some((granted, person)) = self.state.store.read(looked).await? else { return Ok(None) };
        let asked = (&*request.grant_type, request.scope.as_deref(), course);
        Ok(policy::of_a_person(&self.state, &self.client, (&granted, &person), asked).await)
    }

    fn decide(
        &self,
        tx: &mut Tx<'_>,
        client: &Authenticated,
        mut course: Course,
    ) -> Result<Result<Due, Denial>, Fault> {
        let verdict = match client.spend(tx)?.and(self.holder.spend(tx)?) {
            Err(replayed) => {
                course = course.back_to(&replayed);
                Err(replayed)
            }
            Ok(()) => match self.granted(tx, &mut course) {
                Ok(due) => Ok(due),
                // What was used up stays so.
                Err(TokenError::Denied(denial)) => Err(*denial),
                Err(TokenError::Fault(fault)) => return Err(fault),
            },
        };
        if let Ok(due) = &verdict {
            due.insert(tx)?;
            course.due(due);
        }
        course.append(tx, verdict.as_ref().err())?;
        Ok(verdict)
    }

    fn granted(&self, tx: &mut Tx<'_>, course: &mut Course) -> Result<Due, TokenError> {
        match self.grant_type {
            GrantType::RefreshToken => refresh_token::refresh(tx, self, course),
            GrantType::DeviceCode => device_code::ask(tx, self, course),
            _ => authorization_code::redeem(tx, self, course),
        }
    }
}
