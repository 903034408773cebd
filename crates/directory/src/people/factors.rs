//! An operator takes means to sign in off a person who lost them, or who never had them in their own hands.

use super::rows;
use crate::{Acting, Action, Deed, Directory, Fault, Person, session};
use portcullis_store::Tx;
use portcullis_types::PersonId;

/// Which means. Passwords are replaced, not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// All passkeys.
    Passkeys,
    /// The authenticator app and the recovery codes.
    Totp,
    /// All of these.
    All,
}

impl Means {
    const fn tables(self) -> &'static [&'static str] {
        const PASSKEYS: &str = "DELETE FROM passkey WHERE person = $1";
        const TOTP: &str = "DELETE FROM person_totp WHERE person = $1";
        const CODES: &str = "DELETE FROM recovery_code WHERE person = $1";
        match self {
            Self::Passkeys => &[PASSKEYS],
            Self::Totp => &[TOTP, CODES],
            Self::All => &[PASSKEYS, TOTP, CODES],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Passkeys => "passkeys",
            Self::Totp => "totp",
            Self::All => "all",
        }
    }
}

impl Directory {
    /// Takes means off a person and ends everything of theirs: sessions that began with these go too. Says who
    /// they are now.
    pub async fn remove_means(
        &self,
        mut by: Acting<'_>,
        id: &PersonId,
        means: Means,
    ) -> Result<Person, Fault> {
        let deed = Deed::new(&mut by, Action::FactorsRemoved);
        let id = id.clone();
        let remove = move |tx: &mut Tx<'_>| {
            rows::one(tx, &id)?;
            for sql in means.tables() {
                tx.execute(sql, &[id.as_str().into()])?;
            }
            session::end_all(tx, &id, deed.at())?;
            deed.with("means", means.name().to_owned()).done(tx, id.as_str())?;
            rows::one(tx, &id)
        };
        let person = self.transact(remove).await?;
        self.reload().await?;
        Ok(person)
    }
}
