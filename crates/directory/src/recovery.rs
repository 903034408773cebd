//! Recovery codes: ten, each good once, for who lost the authenticator.

use crate::{Acting, Action, Deed, Directory, Fault, SecretHashKey, person_in};
use data_encoding::BASE32_NOPAD;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Entropy, PersonId, Random};

const COUNT: usize = 10;

impl Directory {
    /// New codes in place of all old ones, readable this one time.
    pub async fn new_recovery_codes(
        &self,
        mut by: Acting<'_>,
        id: &PersonId,
    ) -> Result<Vec<String>, Fault> {
        let deed = Deed::new(&mut by, Action::RecoveryCodes);
        let codes = draw(by.entropy);
        let (id, key) = (id.clone(), self.inner().key.clone());
        self.transact(move |tx| {
            let person = person_in(tx, &id)?.ok_or_else(|| Fault::UnknownPerson(id.to_string()))?;
            if !person.factors.totp {
                let problem = "recovery codes stand in for an authenticator app; add one first";
                return Err(Fault::Invalid(problem.into()));
            }
            put(tx, &id, &codes, &key)?;
            deed.done(tx, id.as_str())?;
            Ok(codes)
        })
        .await
    }
}

/// Fresh codes of 50 random bits: `xxxxx-xxxxx`.
pub(crate) fn draw(entropy: &mut dyn Entropy) -> Vec<String> {
    let one = |_| {
        let text = BASE32_NOPAD.encode(Random::<7>::draw(entropy).bytes()).to_ascii_lowercase();
        let (first, second) =
            (text.get(..5).unwrap_or_default(), text.get(5..10).unwrap_or_default());
        format!("{first}-{second}")
    };
    (0..COUNT).map(one).collect()
}

/// Replaces a person's codes.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    person: &PersonId,
    codes: &[String],
    key: &SecretHashKey,
) -> Result<(), StoreFault> {
    tx.execute("DELETE FROM recovery_code WHERE person = $1", &[person.as_str().into()])?;
    for (number, code) in codes.iter().enumerate() {
        tx.execute(
            "INSERT INTO recovery_code (person, number, hash) VALUES ($1, $2, $3)",
            &[
                person.as_str().into(),
                i64::try_from(number).unwrap_or(i64::MAX).into(),
                hash(key, person, code).as_slice().into(),
            ],
        )?;
    }
    Ok(())
}

/// Whether it is a code of theirs; uses it up in the same transaction.
pub(crate) fn prove(
    tx: &mut Tx<'_>,
    person: &PersonId,
    code: &str,
    key: &SecretHashKey,
) -> Result<bool, StoreFault> {
    let sql = "DELETE FROM recovery_code WHERE person = $1 AND hash = $2";
    let hash = hash(key, person, code);
    Ok(tx.execute(sql, &[person.as_str().into(), hash.as_slice().into()])? == 1)
}

/// Whether somebody may have meant it as one.
pub(crate) fn looks_like_one(typed: &str) -> bool {
    normal(typed).len() == 10
}

fn normal(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Keyed: of a copy of the store nobody finds 50 bits.
fn hash(key: &SecretHashKey, person: &PersonId, code: &str) -> [u8; 32] {
    *key.tagged(&["recovery code", person.as_str(), &normal(code)]).bytes()
}
