//! Changes to clients that their own tenant makes. Each is refused of a client of somebody else's in the words that
//! there is none, and is looked at inside the transaction: a client may change hands.

use super::{Acting, Added, Fault};
use crate::{Client, Directory};
use portcullis_types::{ClientId, Tenant, Ttl};
use std::sync::Arc;

impl Directory {
    /// As [`Directory::disable`], of a client of this tenant. The tenant can take it back, and so can the operator.
    pub async fn disable_own(
        &self,
        by: Acting<'_>,
        (id, owner): (&ClientId, &Tenant),
    ) -> Result<Arc<Client>, Fault> {
        let (now, owner) = (by.now, owner.clone());
        self.edited(by, "client.disable", id, move |client| {
            belongs(client, Some(&owner))?;
            client.disabled_since.get_or_insert(now);
            Ok(())
        })
        .await
    }

    /// As [`Directory::enable`], of a client of this tenant that the operator does not keep disabled.
    pub async fn enable_own(
        &self,
        by: Acting<'_>,
        (id, owner): (&ClientId, &Tenant),
    ) -> Result<Arc<Client>, Fault> {
        let owner = owner.clone();
        self.edited(by, "client.enable", id, move |client| {
            belongs(client, Some(&owner))?;
            if client.held {
                let problem = format!("the operator disabled {}, and alone enables it", client.id);
                return Err(Fault::Invalid(problem));
            }
            client.disabled_since = None;
            Ok(())
        })
        .await
    }

    /// As [`Directory::rotate_secret`], of a client of this tenant.
    pub async fn rotate_own(
        &self,
        by: Acting<'_>,
        (id, owner): (&ClientId, &Tenant),
        overlap: Ttl,
    ) -> Result<Added, Fault> {
        self.rotated(by, (id, Some(owner)), overlap).await
    }
}

/// That it is a client of this tenant's; without one, anybody's.
pub(super) fn belongs(client: &Client, owner: Option<&Tenant>) -> Result<(), Fault> {
    match owner {
        Some(owner) if client.tenant.as_ref() != Some(owner) => {
            Err(Fault::UnknownClient(client.id.clone()))
        }
        _ => Ok(()),
    }
}
