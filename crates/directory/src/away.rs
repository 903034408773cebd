//! What a browser takes along to another provider and brings back as `state` (OpenID Connect Core §3.1.2.1):
//! sealed, so that whoever begins a thousand sign-ins leaves nothing here; good in that browser alone, once (RFC
//! 9700 §4.4, §4.7).

use crate::{
    Directory, Fault,
    ticket::{Purpose, Ticket},
};
use portcullis_store::Tx;
use portcullis_types::{Random, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

impl Directory {
    /// Seals what the browser takes along. Good until `expires`.
    pub fn send_away<S: Serialize>(
        &self,
        browser: &str,
        carried: S,
        expires: Timestamp,
        random: &Random<10>,
    ) -> Result<String, Fault> {
        let ticket = Ticket::new(browser, None, carried, expires, random);
        ticket.seal(&self.inner().key, Purpose::Away).ok_or(Fault::Hash)
    }

    /// What the browser took along, once. `None`: made up, of another browser, too old, or back before.
    pub async fn back_again<S: DeserializeOwned + Send + 'static>(
        &self,
        browser: &str,
        sealed: &str,
        now: Timestamp,
    ) -> Result<Option<S>, Fault> {
        let key = (&self.inner().key, Purpose::Away);
        let Some(open) = Ticket::<S>::open(sealed, browser, key, now) else { return Ok(None) };
        let used = move |tx: &mut Tx<'_>| Ok((open.used(tx)? == 1).then_some(open.state));
        Ok(self.inner().store.write(used).await?)
    }
}
