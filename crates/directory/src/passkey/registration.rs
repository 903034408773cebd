//! A person adds a passkey (WebAuthn §7.1), names it, takes it away.

use super::{CEREMONY, LARGEST, NoPasskeys, PasskeyFacts, PasskeyOptions, handle, rows};
use crate::{
    Acting, Action, Deed, Directory, Fault, Person,
    sign_in::{Proving, Refusal, Visitor},
    ticket::{Purpose, Ticket},
};
use portcullis_jose::b64;
use portcullis_store::Tx;
use portcullis_types::{PersonId, Random, SignInFault};
use serde_json::json;
use webauthn_rs::prelude::{Passkey, PasskeyRegistration, RegisterPublicKeyCredential};

/// So many passkeys are enough for anybody.
const MOST: usize = 20;

impl Directory {
    /// Begins to add a passkey for somebody who is signed in, lately and strongly enough: that is the caller's to
    /// check.
    pub async fn begin_passkey(
        &self,
        visitor: &mut Visitor<'_>,
        person: &Person,
    ) -> Result<Result<PasskeyOptions, NoPasskeys>, Fault> {
        let Some(webauthn) = &self.inner().webauthn else { return Ok(Err(NoPasskeys)) };
        let existing = self.passkeys_of(&person.id).await?;
        if existing.len() >= MOST {
            return Err(Fault::Invalid(format!("{MOST} passkeys are the most; remove one first")));
        }
        let ids = existing.iter().filter_map(|facts| b64::decode(&facts.id).ok());
        let shown = person.profile.name.as_deref().unwrap_or(&person.login);
        let user = handle(&person.id).ok_or(Fault::Hash)?;
        let begun =
            webauthn.start_passkey_registration(user, &person.login, shown, Some(ids.collect()));
        let (options, state) = begun.map_err(|_| Fault::Hash)?;
        let mut options = serde_json::to_value(&options).map_err(|_| Fault::Hash)?;
        // Nobody types a login for it: it must be one that the authenticator finds by itself.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            *selection = json!({
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            });
        }
        let (expires, random) = (visitor.now.plus(CEREMONY), Random::draw(visitor.entropy));
        let ticket = Ticket::new(visitor.browser, Some(person.id.clone()), state, expires, &random);
        let ticket = ticket.seal(&self.inner().key, Purpose::PasskeyRegistration);
        Ok(Ok(PasskeyOptions { ticket: ticket.ok_or(Fault::Hash)?, options }))
    }

    /// Ends it with the authenticator's answer, the JSON of `PublicKeyCredential.toJSON()`.
    pub async fn finish_passkey(
        &self,
        visitor: &mut Visitor<'_>,
        person: &PersonId,
        (ticket, answer): (&str, &str),
        name: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        let proving = Proving::begin(visitor, Action::Passkey, person.as_str());
        let key = (&self.inner().key, Purpose::PasskeyRegistration);
        let open = Ticket::open(ticket, visitor.browser, key, visitor.now);
        let open =
            open.filter(|open: &Ticket<PasskeyRegistration>| open.person.as_ref() == Some(person));
        let made = match &open {
            None => Err("not begun in this browser, or too long ago".to_owned()),
            Some(open) => self.registered(answer, &open.state),
        };
        let name = crate::excerpt(name.trim());
        let (now, person) = (visitor.now, person.clone());
        let finish = move |tx: &mut Tx<'_>| {
            let refuse = |problem: &str| SignInFault::Passkey {
                person: Some(person.clone()),
                problem: problem.to_owned(),
            };
            let (passkey, open) = match (made, open) {
                (Ok(passkey), Some(open)) => (passkey, open),
                (made, _) => {
                    let fault = refuse(&made.err().unwrap_or_default());
                    return proving.over().refused(tx, person.as_str(), fault).map(Err);
                }
            };
            if open.used(tx)? > 1 {
                let fault = refuse("this ceremony is over");
                return proving.over().refused(tx, person.as_str(), fault).map(Err);
            }
            let id = b64::encode(passkey.cred_id());
            let name = if name.is_empty() { "Passkey" } else { &name };
            let kept = rows::Kept { person: person.clone(), passkey };
            if !rows::insert(tx, (&id, name), &kept, now)? {
                let fault = refuse("this passkey is registered already");
                return proving.over().refused(tx, person.as_str(), fault).map(Err);
            }
            proving.deed.with("name", name.to_owned()).done(tx, person.as_str())?;
            Ok(Ok(()))
        };
        Ok(self.inner().store.write(finish).await?)
    }

    fn registered(&self, answer: &str, state: &PasskeyRegistration) -> Result<Passkey, String> {
        let webauthn = self.inner().webauthn.as_ref().ok_or_else(|| NoPasskeys.to_string())?;
        if answer.len() > LARGEST {
            return Err("the answer is too large".to_owned());
        }
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer)
            .map_err(|_| "the answer is not what a browser gives".to_owned())?;
        webauthn.finish_passkey_registration(&answer, state).map_err(|fault| fault.to_string())
    }

    /// The passkeys of a person, oldest first.
    pub async fn passkeys_of(&self, person: &PersonId) -> Result<Vec<PasskeyFacts>, Fault> {
        let person = person.clone();
        Ok(self.inner().store.read(move |tx| rows::of_person(tx, &person)).await?)
    }

    /// Gives a passkey of this person another name; of another person's nothing is told.
    pub async fn rename_passkey(
        &self,
        mut by: Acting<'_>,
        person: &PersonId,
        id: &str,
        name: &str,
    ) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::PasskeyRenamed);
        let (person, id, name) = (person.clone(), id.to_owned(), crate::excerpt(name.trim()));
        self.transact(move |tx| {
            let renamed = tx.execute(
                "UPDATE passkey SET name = $1 WHERE id = $2 AND person = $3",
                &[name.as_str().into(), id.as_str().into(), person.as_str().into()],
            )?;
            if renamed == 0 {
                return Err(Fault::UnknownPasskey);
            }
            Ok(deed.with("name", name).done(tx, person.as_str())?)
        })
        .await
    }

    /// Takes a passkey of this person away; of another person's nothing is told.
    pub async fn remove_passkey(
        &self,
        mut by: Acting<'_>,
        person: &PersonId,
        id: &str,
    ) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::PasskeyRemoved);
        let (person, id) = (person.clone(), id.to_owned());
        self.transact(move |tx| {
            let all = rows::of_person(tx, &person)?;
            let Some(facts) = all.into_iter().find(|facts| facts.id == id) else {
                return Err(Fault::UnknownPasskey);
            };
            tx.execute("DELETE FROM passkey WHERE id = $1", &[id.as_str().into()])?;
            Ok(deed.with("name", facts.name).done(tx, person.as_str())?)
        })
        .await
    }
}
