//! JWK sets: ours (rotate, sign) and theirs (fetch, cache), and the Verifier that uses them.

mod cache;
mod keys;
#[cfg(feature = "ours")]
mod ours;
mod theirs;
mod verifier;

pub use keys::Keys;
#[cfg(feature = "ours")]
pub use ours::{
    Act, Haste, KeyChange, KeyEncryptionKey, KeyEncryptionKeyFault, KeyInfo, KeyPlan, KeyState,
    KeyringFault, MIGRATIONS, OurKeys, RotationPolicy,
};
pub use theirs::{
    Fetch, KeyAges, KeySource, LARGEST_DOCUMENT, Outcome, Refresh, SkippedKey, TheirKeys, Trouble,
    Why,
};
pub use verifier::{Circle, Party, Verdict, Verifier};
