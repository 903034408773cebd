//! Passkeys (WebAuthn Level 3): discoverable, so that nobody types a login, and with the user verified, so that one
//! stands for two factors. Bound to the issuer's host: a page elsewhere gets nothing that works here.

mod registration;
mod rows;
mod sign_in;

pub use rows::PasskeyFacts;

use portcullis_types::{Issuer, PersonId, Ttl};
use std::fmt;
use webauthn_rs::{Webauthn, WebauthnBuilder, prelude::Uuid};

/// How long a ceremony may take.
const CEREMONY: Ttl = Ttl::seconds(5 * 60);
/// No answer of an authenticator is larger.
const LARGEST: usize = 64 * 1024;

/// What a browser needs to begin.
pub struct PasskeyOptions {
    /// Comes back with the answer: for a hidden field.
    pub ticket: String,
    /// `{"publicKey": …}` as `PublicKeyCredential.parseCreationOptionsFromJSON` and its sister read it, inside.
    pub options: serde_json::Value,
}

impl fmt::Debug for PasskeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasskeyOptions")
    }
}

/// The issuer is at an address, not at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "passkeys need a name: browsers make none for an IP address; use localhost, or a host name with https, as issuer"
)]
pub struct NoPasskeys;

/// Speaks for the issuer's host. `None` where browsers make no passkeys.
pub(crate) fn relying_party(issuer: &Issuer) -> Option<Webauthn> {
    let url = url::Url::parse(issuer.as_str()).ok()?;
    let host = url.domain()?.to_owned();
    let origin = url::Url::parse(&url.origin().ascii_serialization()).ok()?;
    let builder = WebauthnBuilder::new(&host, &origin).ok()?;
    builder.rp_name(&host).timeout(CEREMONY.duration()).build().ok()
}

/// The person as an authenticator knows them: the 128 bits of their id.
fn handle(person: &PersonId) -> Option<Uuid> {
    let ulid = person.as_str().strip_prefix(PersonId::PREFIX)?;
    ulid::Ulid::from_string(ulid).ok().map(|ulid| Uuid::from_u128(ulid.0))
}

/// The reverse.
fn person(handle: Uuid) -> Option<PersonId> {
    let ulid = ulid::Ulid(handle.as_u128()).to_string().to_ascii_lowercase();
    PersonId::new(&format!("{}{ulid}", PersonId::PREFIX)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_names_alone() {
        let possible = |issuer: &str| relying_party(&Issuer::new(issuer).unwrap()).is_some();
        for name in
            ["https://id.example", "https://id.example:8443/tenants/one", "http://localhost:9000"]
        {
            assert!(possible(name), "{name}");
        }
        for address in ["http://127.0.0.1:9000", "http://[::1]:9000", "https://192.0.2.1"] {
            assert!(!possible(address), "{address}");
        }
    }

    #[test]
    fn a_person_and_the_handle_are_one() {
        let id = PersonId::new("usr_01jzzzzzzzzzzzzzzzzzzzzzzz").unwrap();
        assert_eq!(person(handle(&id).unwrap()), Some(id));
    }
}
