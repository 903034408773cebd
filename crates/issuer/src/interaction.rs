//! A request for authorization that waits for a person. None waits yet: nothing begins one.

use portcullis_store::{Store, StoreFault};
use portcullis_types::{Acr, ClientId, Timestamp};
use portcullis_web::csrf::BrowserId;

/// A request that waits.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    /// Which app asks.
    pub(crate) client_id: ClientId,
    login_hint: Option<String>,
    ui_locales: Vec<String>,
    wanted_acr: Option<Acr>,
    redirect_uri: String,
}

impl Interaction {
    pub(crate) fn login_hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    pub(crate) fn ui_locales(&self) -> &[String] {
        &self.ui_locales
    }

    pub(crate) const fn wanted_acr(&self) -> Option<Acr> {
        self.wanted_acr
    }

    #[expect(clippy::unused_self, reason = "nothing waits yet")]
    pub(crate) const fn wants_new_sign_in(&self) -> bool {
        false
    }

    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}

/// The request of that name, in the browser in which it began.
pub(crate) async fn load(
    _store: &Store,
    _flow: &str,
    _browser: Option<&BrowserId>,
    _now: Timestamp,
) -> Result<Option<Interaction>, StoreFault> {
    Ok(None)
}
