//! Signing in with a passkey (WebAuthn §7.2), without a login: the authenticator names the person. Never throttled:
//! there is nothing to guess.

use super::{CEREMONY, LARGEST, NoPasskeys, PasskeyOptions, person, rows};
use crate::{
    Action, Directory, Fault, person_in,
    sign_in::{Proven, Proving, Refusal, Visitor, authentication},
    ticket::{Purpose, Ticket},
};
use portcullis_jose::b64;
use portcullis_store::Tx;
use portcullis_types::{Amr, PersonId, Random, SignInFault};
use webauthn_rs::prelude::{AuthenticationResult, DiscoverableAuthentication, PublicKeyCredential};

impl Directory {
    /// Begins a sign-in with a passkey. Writes nothing: each view of the sign-in page may begin one.
    pub fn begin_passkey_sign_in(
        &self,
        visitor: &mut Visitor<'_>,
    ) -> Result<Result<PasskeyOptions, NoPasskeys>, Fault> {
        let Some(webauthn) = &self.inner().webauthn else { return Ok(Err(NoPasskeys)) };
        let begun = webauthn.start_discoverable_authentication();
        let (mut options, state) = begun.map_err(|_| Fault::Hash)?;
        options.mediation = None;
        let options = serde_json::to_value(&options).map_err(|_| Fault::Hash)?;
        let (expires, random) = (visitor.now.plus(CEREMONY), Random::draw(visitor.entropy));
        let ticket = Ticket::new(visitor.browser, None, state, expires, &random);
        let ticket = ticket.seal(&self.inner().key, Purpose::PasskeySignIn).ok_or(Fault::Hash)?;
        Ok(Ok(PasskeyOptions { ticket, options }))
    }

    /// Ends it with the authenticator's answer, the JSON of `PublicKeyCredential.toJSON()`.
    pub async fn sign_in_with_passkey(
        &self,
        visitor: &mut Visitor<'_>,
        ticket: &str,
        answer: &str,
    ) -> Result<Result<Proven, Refusal>, Fault> {
        let proving = Proving::begin(visitor, Action::SignIn, "visitor").over();
        let key = (&self.inner().key, Purpose::PasskeySignIn);
        let open = Ticket::open(ticket, visitor.browser, key, visitor.now);
        let checked = match &open {
            None => Err((None, "not begun in this browser, or too long ago".to_owned())),
            Some(open) => self.asserted(&open.state, answer).await?,
        };
        let now = visitor.now;
        let finish = move |tx: &mut Tx<'_>| {
            let (id, owner, result, open) = match (checked, open) {
                (Ok((id, owner, result)), Some(open)) => (id, owner, result, open),
                (checked, _) => {
                    let (owner, problem) = checked.err().unwrap_or_default();
                    return refused(tx, proving, owner, &problem).map(Err);
                }
            };
            if open.used(tx)? > 1 {
                return refused(tx, proving, Some(owner), "this ceremony is over").map(Err);
            }
            // Read again: it may have been removed, or used, meanwhile.
            let Some(mut kept) = rows::one(tx, &id)?.filter(|kept| kept.person == owner) else {
                return refused(tx, proving, Some(owner), "no longer registered").map(Err);
            };
            let Some(person) = person_in(tx, &owner)? else {
                return refused(tx, proving, Some(owner), "its person is gone").map(Err);
            };
            if let Some(since) = person.disabled_since {
                let fault = SignInFault::Disabled { person: owner.clone(), since };
                return proving.refused(tx, owner.as_str(), fault).map(Err);
            }
            kept.passkey.update_credential(&result);
            rows::used(tx, &id, &kept.passkey, now)?;
            let authentication = authentication(now, vec![Amr::Hwk, Amr::User]);
            Ok(Ok(Proven { person, authentication, second_factor: None }))
        };
        Ok(self.inner().store.write(finish).await?)
    }

    /// Which passkey of whom answered, if the signature holds, the user was verified, and the counter grew.
    async fn asserted(
        &self,
        state: &DiscoverableAuthentication,
        answer: &str,
    ) -> Result<Result<(String, PersonId, AuthenticationResult), (Option<PersonId>, String)>, Fault>
    {
        let Some(webauthn) = &self.inner().webauthn else {
            return Ok(Err((None, NoPasskeys.to_string())));
        };
        let parsed: Option<PublicKeyCredential> =
            (answer.len() <= LARGEST).then(|| serde_json::from_str(answer).ok()).flatten();
        let named = parsed.as_ref().and_then(|answer| {
            let (handle, id) = webauthn.identify_discoverable_authentication(answer).ok()?;
            Some((person(handle)?, b64::encode(id)))
        });
        let (Some(answer), Some((owner, id))) = (parsed, named) else {
            return Ok(Err((None, "the answer is not what a browser gives".to_owned())));
        };
        let wanted = id.clone();
        let kept = self.inner().store.read(move |tx| rows::one(tx, &wanted)).await?;
        let Some(kept) = kept.filter(|kept| kept.person == owner) else {
            return Ok(Err((None, "not registered here".to_owned())));
        };
        let checked =
            webauthn.finish_discoverable_authentication_v2(&answer, state.clone(), &kept.passkey);
        Ok(match checked {
            Ok(result) if result.user_verified() => Ok((id, owner, result)),
            Ok(_) => Err((Some(owner), "the user was not verified".to_owned())),
            Err(fault) => Err((Some(owner), fault.to_string())),
        })
    }
}

fn refused(
    tx: &mut Tx<'_>,
    proving: Proving,
    person: Option<PersonId>,
    problem: &str,
) -> Result<Refusal, portcullis_store::StoreFault> {
    let target = person.as_ref().map_or("nobody", PersonId::as_str).to_owned();
    let fault = SignInFault::Passkey { person, problem: problem.to_owned() };
    proving.refused(tx, &target, fault)
}
