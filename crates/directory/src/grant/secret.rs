//! What apps hold: each of the form `id.secret`, kept as a hash, shown by nobody's `Debug`.

use crate::opaque::{self, Hash};
use portcullis_types::{Entropy, GrantId, Random, Timestamp, stamped_id};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;

/// The randomness of a code, with which everything that comes of it is named: drawn before the transaction.
pub type CodeRandom = Random<42>;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        pub struct $name(SecretString);

        impl $name {
            /// What each begins with.
            pub const PREFIX: &str = $prefix;

            pub(super) const fn new(text: SecretString) -> Self {
                Self(text)
            }

            /// The secret itself, for the answer.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

secret!(
    /// An authorization code (RFC 6749 §4.1.2).
    Code, "pac_"
);
secret!(
    /// A refresh token (RFC 6749 §1.5).
    RefreshToken, "prt_"
);
secret!(
    /// A device code (RFC 8628 §3.2).
    DeviceCode, "pdc_"
);

/// A name and a secret that belong together.
pub(super) struct Minted {
    pub(super) id: String,
    pub(super) text: SecretString,
    pub(super) hash: Hash,
}

pub(super) fn mint(prefix: &str, now: Timestamp, random: &CodeRandom) -> Minted {
    let mut drawn = Drawn(random.bytes());
    let id = stamped_id(prefix, now, &Random::draw(&mut drawn));
    let (text, hash) = opaque::mint(&id, &Random::draw(&mut drawn));
    Minted { id, text, hash }
}

/// The least of all ids of that time, for walks along a time-ordered key.
pub(super) fn first(prefix: &str, at: Timestamp) -> String {
    stamped_id(prefix, at, &Random::draw(&mut Drawn(&[])))
}

/// The grant that shares the ULID of `id`. `None` for what is no id of ours.
pub(super) fn grant_of(prefix: &str, id: &str) -> Option<GrantId> {
    GrantId::new(&format!("{}{}", GrantId::PREFIX, id.strip_prefix(prefix)?)).ok()
}

/// The id under another prefix.
pub(super) fn sibling(prefix: &str, grant: &GrantId) -> String {
    let ulid = grant.as_str().strip_prefix(GrantId::PREFIX).unwrap_or_default();
    format!("{prefix}{ulid}")
}

/// Bytes that were drawn before; zeros when they are used up.
pub(crate) struct Drawn<'a>(pub(crate) &'a [u8]);

impl Entropy for Drawn<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        let (now, later) = self.0.split_at(bytes.len().min(self.0.len()));
        bytes.fill(0);
        bytes.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
        self.0 = later;
    }
}
