//! Client secrets and how they are kept.
//!
//! Ours are 256 random bits: nobody can guess one, so a keyed hash is all they need, and it is fast.
//! Those that an operator chose can be guessed, so each guess must be dear: Argon2id.

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    constant_time, hmac,
};
use portcullis_jose::b64;
use portcullis_types::{Entropy, Random};
use secrecy::{ExposeSecret as _, SecretString};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// `pcs_` and 32 bytes in base64url.
const LENGTH: usize = 47;

/// A client's secret, in the clear. Shown to a person once, never printed by `Debug`.
pub struct ClientSecret(SecretString);

/// Why a chosen secret is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// Too short to withstand guessing, or too long.
    #[error("a chosen secret must be 16 to 256 characters long")]
    Length,
    /// Half of all clients forget to form-encode in HTTP Basic (RFC 6749 §2.3.1): these characters
    /// would then arrive as others.
    #[error("a chosen secret must be visible ASCII without '%' and '+'")]
    Character,
    /// Looks like one of ours.
    #[error("a chosen secret must not start with pcs_, which marks generated ones")]
    Prefix,
}

impl ClientSecret {
    /// How our own secrets start. No chosen one may, so that the form alone decides how a secret is
    /// checked; and no `client_id` contains it, so that a secret in a wrong place is seen.
    pub const PREFIX: &'static str = "pcs_";

    /// A fresh one: `pcs_` and 256 random bits.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let bits = Random::<32>::draw(entropy);
        Self(format!("{}{}", Self::PREFIX, b64::encode(bits.bytes())).into())
    }

    /// One that an operator chose.
    pub fn chosen(text: &str) -> Result<Self, SecretFault> {
        let fits = |b: u8| b.is_ascii_graphic() && b != b'%' && b != b'+';
        match text {
            _ if text.starts_with(Self::PREFIX) => Err(SecretFault::Prefix),
            _ if !(16..=256).contains(&text.len()) => Err(SecretFault::Length),
            _ if !text.bytes().all(fits) => Err(SecretFault::Character),
            _ => Ok(Self(text.into())),
        }
    }

    /// The secret itself, for the one person who is to have it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

/// Whether a presented secret has the form of ours. Decides the work that checking it costs, for known
/// and unknown clients alike: so the time tells nothing about the client.
pub(crate) fn is_ours(secret: &str) -> bool {
    secret.len() == LENGTH && secret.starts_with(ClientSecret::PREFIX)
}

/// The key under which secrets are hashed: 32 bytes that are not in the store, so that a copy of the
/// store proves no guess.
#[derive(Clone)]
pub struct SecretHashKey {
    hashes: hmac::Key,
    /// Another key, found from the same bytes by HKDF-Expand (RFC 5869 §2.3): seals what must be read again.
    seals: Option<Arc<RandomizedNonceKey>>,
}

/// A secret as it is kept.
#[derive(Clone)]
pub(crate) enum Stored {
    /// HMAC-SHA-256 of the client and the secret.
    Keyed(Tag),
    /// A PHC string.
    Argon2id(Box<str>),
}

/// What a keyed hash comes to.
#[derive(Clone, Copy)]
pub(crate) struct Tag([u8; 32]);

impl SecretHashKey {
    /// From the bytes that the binary derived for this one purpose.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let hashes = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let sealing = hmac::sign(&hashes, b"portcullis: what is sealed for people\x01");
        let seals = RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).ok().map(Arc::new);
        Self { hashes, seals }
    }

    /// Encrypts with AES-256-GCM under a random nonce; `context` must be the same when it is opened.
    pub(crate) fn seal(&self, context: &str, secret: &[u8]) -> Option<Vec<u8>> {
        let mut text = secret.to_vec();
        let aad = Aad::from(context.as_bytes());
        let nonce = self.seals.as_ref()?.seal_in_place_append_tag(aad, &mut text).ok()?;
        Some([nonce.as_ref().as_slice(), &text].concat())
    }

    /// The reverse; `None` if key, context or text is another.
    pub(crate) fn open(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let aad = Aad::from(context.as_bytes());
        let length = self.seals.as_ref()?.open_in_place(nonce, aad, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// Bound to the client: a row that is copied to another client proves nothing there.
    pub(crate) fn tag(&self, client_id: &str, secret: &str) -> Tag {
        self.tagged(&["secret", client_id, secret])
    }

    /// Under the same key, for another purpose: no tag of one kind is one of the other.
    pub(crate) fn proof_tag(&self, client_id: &str, hash: &str, secret: &str) -> Tag {
        self.tagged(&["proof", client_id, hash, secret])
    }

    /// HMAC-SHA-256 of the parts, each with its length; the first names what it is for.
    pub(crate) fn tagged(&self, parts: &[&str]) -> Tag {
        let mut context = hmac::Context::with_key(&self.hashes);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Tag(bytes)
    }
}

impl fmt::Debug for SecretHashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHashKey")
    }
}

impl Tag {
    /// As it was kept.
    pub(crate) const fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// In constant time.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// One that no secret has.
    pub(crate) const NONE: Self = Self([0; 32]);
}

impl Stored {
    /// Hashes a secret to be kept. A chosen one takes tens of milliseconds.
    pub(crate) fn hash(
        client_id: &str,
        secret: &ClientSecret,
        key: &SecretHashKey,
        salt: &Random<16>,
    ) -> Option<Self> {
        let secret = secret.expose();
        if is_ours(secret) {
            return Some(Self::Keyed(key.tag(client_id, secret)));
        }
        let hash = Argon2::default().hash_password_with_salt(secret.as_bytes(), salt.bytes());
        Some(Self::Argon2id(hash.ok()?.to_string().into()))
    }

    /// For the columns `kind` and `hash`.
    pub(crate) fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Keyed(tag) => ("hmac-sha-256", b64::encode(tag.0)),
            Self::Argon2id(phc) => ("argon2id", phc.to_string()),
        }
    }

    pub(crate) fn from_columns(kind: &str, hash: &str) -> Option<Self> {
        match kind {
            "hmac-sha-256" => Some(Self::Keyed(Tag(b64::decode(hash).ok()?.try_into().ok()?))),
            "argon2id" => Some(Self::Argon2id(hash.into())),
            _ => None,
        }
    }
}

/// Whether a chosen secret fits its hash: tens of milliseconds and 19 MiB, so off the runtime.
pub(crate) fn argon2_verify(hash: &str, secret: &str) -> bool {
    Argon2::default().verify_password(secret.as_bytes(), hash).is_ok()
}

/// The work of [`argon2_verify`] without a hash: what asking for an unknown client costs.
pub(crate) fn argon2_in_vain(secret: &str) {
    let mut out = [0; 32];
    // The answer is not wanted; only the time that it takes.
    let _ = Argon2::default().hash_password_into(secret.as_bytes(), &[0; 16], &mut out);
}
