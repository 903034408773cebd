//! What operators end. Each deed says who acts, and tells gateways at once.

use super::{GrantFacts, RevocationKind, end_grant, grants_of, refresh_token, revoke};
use crate::{Acting, Action, Deed, Directory, Fault};
use portcullis_store::Tx;
use portcullis_types::{GrantId, Jti, PersonId, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

impl Directory {
    /// The grants of a person that are in force, newest first.
    pub async fn grants_of(
        &self,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Vec<GrantFacts>, Fault> {
        let person = person.clone();
        Ok(self.inner().store.read(move |tx| grants_of(tx, &person, now)).await?)
    }

    /// Ends a grant, with all its tokens. False: there is none in force, and nothing was done.
    pub async fn end_grant(&self, mut by: Acting<'_>, id: &GrantId) -> Result<bool, Fault> {
        let deed = Deed::new(&mut by, Action::GrantEnd);
        let id = id.clone();
        let end = move |tx: &mut Tx<'_>| {
            let ended = end_grant(tx, &id, deed.at())?;
            if ended {
                deed.done(tx, id.as_str())?;
            }
            Ok(ended)
        };
        let ended = self.inner().store.write(end).await?;
        self.publish().await?;
        Ok(ended)
    }

    /// Ends one access token. Whether it is alive, or ever was, nobody asks.
    pub async fn revoke_token(&self, mut by: Acting<'_>, jti: &Jti) -> Result<(), Fault> {
        let deed = Deed::new(&mut by, Action::TokenRevoke);
        let jti = jti.clone();
        let end = move |tx: &mut Tx<'_>| {
            revoke(tx, RevocationKind::Token, jti.as_str(), deed.at())?;
            deed.done(tx, jti.as_str())
        };
        self.inner().store.write(end).await?;
        self.publish().await
    }

    /// Whose refresh token it is, used or not.
    pub async fn grant_of_refresh_token(
        &self,
        token: SecretString,
        now: Timestamp,
    ) -> Result<Option<GrantId>, Fault> {
        let found = move |tx: &mut Tx<'_>| refresh_token(tx, token.expose_secret(), now);
        Ok(self.inner().store.read(found).await?.map(|(grant, ..)| grant))
    }
}
