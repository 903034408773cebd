//! What a browser carries from one step of a sign-in to the next, sealed: nobody can read, change or make one, and
//! it is good in the browser that got it alone, for one purpose, for some minutes, so many times. Beginning a
//! step writes nothing to the store, so that a flood of beginnings costs nothing that lasts.

use crate::{SecretHashKey, opaque};
use portcullis_jose::b64;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, Random, Timestamp, stamped_id};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a ticket is for. One for one purpose is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SecondFactor,
    Totp,
    PasskeyRegistration,
    PasskeySignIn,
    Away,
}

impl Purpose {
    const fn context(self) -> &'static str {
        match self {
            Self::SecondFactor => "ticket: second factor",
            Self::Totp => "ticket: totp enrolment",
            Self::PasskeyRegistration => "ticket: passkey registration",
            Self::PasskeySignIn => "ticket: passkey sign-in",
            Self::Away => "ticket: away at another provider",
        }
    }
}

/// An open ticket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ticket<S> {
    pub(crate) id: String,
    /// SHA-256 of the browser's cookie.
    browser: String,
    pub(crate) person: Option<PersonId>,
    pub(crate) state: S,
    pub(crate) expires: Timestamp,
}

impl<S> Ticket<S> {
    pub(crate) fn new(
        browser: &str,
        person: Option<PersonId>,
        state: S,
        expires: Timestamp,
        random: &Random<10>,
    ) -> Self {
        let id = stamped_id("", expires, random);
        Self { id, browser: hashed(browser), person, state, expires }
    }

    /// Counts one use, in the transaction of what it is used for. Says how many there were, this one included.
    pub(crate) fn used(&self, tx: &mut Tx<'_>) -> Result<i64, StoreFault> {
        let row = tx.query_row(
            "INSERT INTO ticket_use (id, times, expires) VALUES ($1, 1, $2) \
             ON CONFLICT (id) DO UPDATE SET times = ticket_use.times + 1 RETURNING times",
            &[(&self.id).into(), self.expires.into()],
        )?;
        row.map_or(Ok(1), |row| row.int(0))
    }

    /// No further use counts as a first one, however many are allowed.
    pub(crate) fn used_up(&self, tx: &mut Tx<'_>) -> Result<(), StoreFault> {
        let sql = "UPDATE ticket_use SET times = 1000000 WHERE id = $1";
        tx.execute(sql, &[(&self.id).into()])?;
        Ok(())
    }

    /// Whether so many uses mean that the one that counts was among them.
    pub(crate) const fn was_used_up(times: i64) -> bool {
        times > 1_000_000
    }
}

impl<S: Serialize> Ticket<S> {
    /// As the browser carries it.
    pub(crate) fn seal(&self, key: &SecretHashKey, purpose: Purpose) -> Option<String> {
        let json = serde_json::to_vec(self).ok()?;
        Some(b64::encode(key.seal(purpose.context(), &json)?))
    }
}

impl<S: DeserializeOwned> Ticket<S> {
    /// `None`: made up, for another purpose, of another browser, or too old.
    pub(crate) fn open(
        sealed: &str,
        browser: &str,
        (key, purpose): (&SecretHashKey, Purpose),
        now: Timestamp,
    ) -> Option<Self> {
        if sealed.len() > 16 * 1024 {
            return None;
        }
        let json = key.open(purpose.context(), &b64::decode(sealed).ok()?)?;
        let ticket: Self = serde_json::from_slice(&json).ok()?;
        (ticket.browser == hashed(browser) && ticket.expires > now).then_some(ticket)
    }
}

fn hashed(browser: &str) -> String {
    b64::encode(opaque::sha256(browser.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_types::Ttl;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    struct Sevens;
    impl portcullis_types::Entropy for Sevens {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_ticket_opens_for_its_purpose_in_its_browser_in_time() {
        let key = SecretHashKey::new(&[7; 32]);
        let other = SecretHashKey::new(&[8; 32]);
        let until = NOW.plus(Ttl::seconds(300));
        let ticket = Ticket::new("mine", None, 5, until, &Random::draw(&mut Sevens));
        let sealed = ticket.seal(&key, Purpose::Totp).unwrap();
        let open = |key, purpose, browser, now| {
            Ticket::<u8>::open(&sealed, browser, (key, purpose), now).map(|ticket| ticket.state)
        };
        assert_eq!(open(&key, Purpose::Totp, "mine", NOW), Some(5));
        assert_eq!(open(&other, Purpose::Totp, "mine", NOW), None);
        assert_eq!(open(&key, Purpose::SecondFactor, "mine", NOW), None);
        assert_eq!(open(&key, Purpose::Totp, "theirs", NOW), None);
        assert_eq!(open(&key, Purpose::Totp, "mine", until), None);
    }
}
