//! Passwords: which are good enough, how they are kept, how they are set.

mod breached;
mod hash;

pub use breached::{BreachList, BreachListFault};
pub(crate) use hash::{Verdict, rehash, verify};

use crate::{
    Acting, Action, Deed, Directory, Fault, Person, argon::Asker, grant, person_in, session,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, Random, SessionId, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;

/// Why a password is not taken. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer than 8 characters (NIST SP 800-63B §3.1.1.2).
    #[error("a password needs at least 8 characters; a few words in a row are easiest to keep")]
    TooShort,
    /// More than 256 characters.
    #[error("a password may have at most 256 characters")]
    TooLong,
    /// Found among the first that are tried.
    #[error(
        "this password is easy to guess; take a longer one, such as a few words that do not belong together"
    )]
    Guessable,
    /// On the operator's list.
    #[error("this password is known from a break-in elsewhere; take another one")]
    Breached,
}

/// The score of zxcvbn from which on a password is safe from guessing at a throttled door.
const GOOD: zxcvbn::Score = zxcvbn::Score::Three;

impl Directory {
    /// Gives a person a password. Ends all their sessions but `keep`, all that apps were granted, and what links
    /// to set one were sent: whoever knew the old one may have any of these. The inner error says why the
    /// password is not taken.
    pub async fn set_password(
        &self,
        mut by: Acting<'_>,
        id: &PersonId,
        password: SecretString,
        keep: Option<&SessionId>,
    ) -> Result<Result<(), WeakPassword>, Fault> {
        let deed = Deed::new(&mut by, Action::Password);
        let salt = Random::draw(by.entropy);
        let person = self.person(id).await?;
        let person = person.ok_or_else(|| Fault::UnknownPerson(id.to_string()))?;
        let hash = match self.hashed_password(&person, password, salt).await? {
            Ok(hash) => hash,
            Err(weak) => return Ok(Err(weak)),
        };
        let (id, keep) = (id.clone(), keep.cloned());
        self.transact(move |tx| {
            if person_in(tx, &id)?.is_none() {
                return Err(Fault::UnknownPerson(id.to_string()));
            }
            put(tx, &id, &hash, deed.at())?;
            session::end_others(tx, &id, keep.as_ref(), deed.at())?;
            grant::end_grants_of_person(tx, &id, deed.at())?;
            Ok(deed.done(tx, id.as_str())?)
        })
        .await?;
        self.publish().await?;
        Ok(Ok(()))
    }

    /// Judges and hashes a password, off the runtime.
    pub(crate) async fn hashed_password(
        &self,
        person: &Person,
        password: SecretString,
        salt: Random<16>,
    ) -> Result<Result<String, WeakPassword>, Fault> {
        let words = words(person, self.inner().issuer.as_str());
        let breached = self.inner().people.load().breached.clone();
        let _turn = self.inner().argon.turn(Asker::Known).await?;
        let work = move || {
            if let Err(weak) = judge(password.expose_secret(), &words, breached.as_ref()) {
                return Ok(Err(weak));
            }
            hash::hash(password.expose_secret(), &salt).map(Ok).ok_or(Fault::Hash)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Hash)?
    }
}

/// Writes a hash; links that set one are worth nothing from now on.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    id: &PersonId,
    hash: &str,
    now: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO person_password (person, hash, changed) VALUES ($1, $2, $3) \
         ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, changed = excluded.changed",
        &[id.as_str().into(), hash.into(), now.into()],
    )?;
    tx.execute("DELETE FROM one_time_link WHERE person = $1", &[id.as_str().into()])?;
    Ok(())
}

/// Whether a password is good enough for somebody whose `words` everybody knows.
fn judge(
    password: &str,
    words: &[String],
    breached: Option<&Arc<BreachList>>,
) -> Result<(), WeakPassword> {
    match password.chars().count() {
        0..8 => return Err(WeakPassword::TooShort),
        8..=256 => {}
        _ => return Err(WeakPassword::TooLong),
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if zxcvbn::zxcvbn(password, &words).score() < GOOD || is_little_beside(password, &words) {
        return Err(WeakPassword::Guessable);
    }
    if breached.is_some_and(|list| list.has(password)) {
        return Err(WeakPassword::Breached);
    }
    Ok(())
}

/// Whether little is left of the password once the person's own words are taken out: zxcvbn counts a row of words
/// as hard to guess, even if all of them are known.
fn is_little_beside(password: &str, words: &[&str]) -> bool {
    let whole = password.to_lowercase();
    let mut rest = whole.clone();
    for word in words.iter().filter(|word| word.len() > 3) {
        rest = rest.replace(word, "");
    }
    rest != whole && zxcvbn::zxcvbn(&rest, &[]).score() < zxcvbn::Score::Two
}

/// What who guesses tries first.
fn words(person: &Person, issuer: &str) -> Vec<String> {
    let profile = &person.profile;
    let told = [
        &profile.name,
        &profile.given_name,
        &profile.family_name,
        &profile.middle_name,
        &profile.nickname,
        &profile.preferred_username,
        &profile.email,
        &profile.phone_number,
        &profile.birthdate,
    ];
    let told = told.into_iter().filter_map(Option::as_deref);
    let whole = told.chain([person.login.as_str(), issuer, "portcullis"]);
    let mut words: Vec<String> = Vec::new();
    for text in whole {
        let text = text.to_lowercase();
        let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.len() > 2);
        words.extend(parts.map(str::to_owned));
        words.push(text);
    }
    words.truncate(64);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_rules_of_composition_do_not() {
        let words = ["alice".to_owned(), "example".to_owned()];
        let judge = |password: &str| super::judge(password, &words, None);
        assert_eq!(judge("xK9#q"), Err(WeakPassword::TooShort));
        assert_eq!(judge(&"ab ".repeat(90)), Err(WeakPassword::TooLong));
        for easy in [
            "password1",
            "Passw0rd!",
            "qwertyuiop",
            "alice-example",
            "example-alice-1",
            "aaaaaaaaaaaa",
            "12345678",
        ] {
            assert_eq!(judge(easy), Err(WeakPassword::Guessable), "{easy}");
        }
        for good in [
            "correct horse battery staple",
            "lower case words only here",
            "Änderungsschneider Wolke",
        ] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
    }
}
