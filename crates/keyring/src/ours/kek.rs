//! The key-encryption key: the one secret that is not in the database. Everything that is stored secret,
//! or must not be forged by whoever can write the database, hangs on it.

use super::KeyringFault;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, Prk},
};
use data_encoding::HEXLOWER_PERMISSIVE;
use portcullis_jose::b64;
use portcullis_types::Entropy;
use std::fmt;
use zeroize::Zeroizing;

const LENGTH: usize = 32;

const INFO: &[u8] = b"portcullis ";

/// 32 random bytes, given by file or environment. Never printed, wiped when dropped.
pub struct KeyEncryptionKey(Zeroizing<[u8; LENGTH]>);

/// The text is no key-encryption key. Says nothing of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyEncryptionKeyFault {
    /// Of another length or alphabet.
    #[error("a key-encryption key is 32 random bytes as 43 base64url characters or 64 hex digits")]
    Form,
    /// The same byte over and over.
    #[error("this key-encryption key is not random")]
    NotRandom,
    /// The cryptographic library failed.
    #[error("the cryptographic library could not derive a key")]
    Library,
}

impl KeyEncryptionKey {
    /// Reads base64url (43 characters, `=` at the end allowed) or hex (64 digits), spaces around it ignored.
    pub fn parse(text: &str) -> Result<Self, KeyEncryptionKeyFault> {
        let text = text.trim();
        let bytes = Zeroizing::new(match text.len() {
            64 => HEXLOWER_PERMISSIVE
                .decode(text.as_bytes())
                .map_err(|_| KeyEncryptionKeyFault::Form)?,
            _ => b64::decode(text.strip_suffix('=').unwrap_or(text))
                .map_err(|_| KeyEncryptionKeyFault::Form)?,
        });
        let mut key = Zeroizing::new([0; LENGTH]);
        if bytes.len() != LENGTH {
            return Err(KeyEncryptionKeyFault::Form);
        }
        key.copy_from_slice(&bytes);
        if key.iter().all(|byte| Some(byte) == key.first()) {
            return Err(KeyEncryptionKeyFault::NotRandom);
        }
        Ok(Self(key))
    }

    /// A fresh one, as text for a file: what [`KeyEncryptionKey::parse`] reads.
    pub fn generate(entropy: &mut dyn Entropy) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        entropy.fill(&mut *bytes);
        Zeroizing::new(b64::encode(bytes.as_slice()))
    }

    /// A key for another purpose; `label` names it. From one such key neither this one nor another can be
    /// found. HKDF-Expand with SHA-256 and one block of output (RFC 5869 §2.3; §3.3: this key, being
    /// uniformly random, needs no extraction).
    pub fn derive(&self, label: &str) -> Result<Zeroizing<[u8; LENGTH]>, KeyEncryptionKeyFault> {
        let mut key = Zeroizing::new([0; LENGTH]);
        Prk::new_less_safe(HKDF_SHA256, &*self.0)
            .expand(&[INFO, label.as_bytes()], HKDF_SHA256)
            .and_then(|block| block.fill(&mut *key))
            .map_err(|_| KeyEncryptionKeyFault::Library)?;
        Ok(key)
    }

    /// Tells key-encryption keys apart without telling anything about them.
    pub(crate) fn fingerprint(&self) -> Result<String, KeyringFault> {
        let digest = self.derive("fingerprint of the key-encryption key");
        let digest = digest.map_err(|_| KeyringFault::Library)?;
        Ok(b64::encode(digest.get(..6).unwrap_or(digest.as_slice())))
    }

    /// Encrypts with AES-256-GCM under a random nonce; `context` must be the same when it is opened.
    pub(crate) fn seal(&self, context: &str, secret: &[u8]) -> Option<Vec<u8>> {
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + 64));
        text.extend_from_slice(secret);
        let aad = Aad::from(context.as_bytes());
        let nonce = self.cipher()?.seal_in_place_append_tag(aad, &mut *text).ok()?;
        Some([nonce.as_ref().as_slice(), &text].concat())
    }

    /// The reverse; `None` if key, context or text is another.
    pub(crate) fn open(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let aad = Aad::from(context.as_bytes());
        let length = self.cipher()?.open_in_place(nonce, aad, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn cipher(&self) -> Option<RandomizedNonceKey> {
        let key = self.derive("signing keys at rest").ok()?;
        RandomizedNonceKey::new(&AES_256_GCM, &*key).ok()
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyEncryptionKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    fn key(start: u8) -> KeyEncryptionKey {
        KeyEncryptionKey::parse(&KeyEncryptionKey::generate(&mut Counting(start))).unwrap()
    }

    #[test]
    fn a_key_is_read_in_each_spelling() {
        let text = KeyEncryptionKey::generate(&mut Counting(0));
        let hexed = "0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20";
        for spelling in
            [text.to_string(), format!(" {}=\n", *text), hexed.to_owned(), hexed.to_lowercase()]
        {
            let read = KeyEncryptionKey::parse(&spelling).unwrap();
            assert_eq!(read.derive("a"), key(0).derive("a"), "{spelling}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let short = "A".repeat(42);
        for text in ["", "password", &short, &"g".repeat(64), &"A".repeat(44)] {
            let fault = KeyEncryptionKey::parse(text).unwrap_err();
            assert_eq!(fault, KeyEncryptionKeyFault::Form, "{text}");
        }
        for text in ["A".repeat(43), "0".repeat(64)] {
            assert_eq!(
                KeyEncryptionKey::parse(&text).unwrap_err(),
                KeyEncryptionKeyFault::NotRandom
            );
        }
        assert_eq!(format!("{:?}", key(0)), "KeyEncryptionKey(…)");
    }

    #[test]
    fn what_was_sealed_opens_only_with_the_same_key_and_context() {
        let sealed = key(0).seal("here", b"secret").unwrap();
        assert_eq!(**key(0).open("here", &sealed).unwrap(), *b"secret");
        assert_ne!(key(0).seal("here", b"secret").unwrap(), sealed, "the nonce is random");
        assert!(key(1).open("here", &sealed).is_none());
        assert!(key(0).open("there", &sealed).is_none());
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(key(0).open("here", &altered).is_none(), "byte {place}");
        }
        assert!(key(0).open("here", &sealed[..11]).is_none());
    }

    #[test]
    fn a_derived_key_is_the_first_block_of_hkdf_expand() {
        use aws_lc_rs::hmac;
        let mut secret = [0; LENGTH];
        Counting(0).fill(&mut secret);
        let block = [INFO, b"audit", &[1]].concat();
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &block);
        assert_eq!(key(0).derive("audit").unwrap().as_slice(), expected.as_ref());
    }

    #[test]
    fn derived_keys_differ_by_label_and_by_key() {
        assert_ne!(key(0).derive("a"), key(0).derive("b"));
        assert_ne!(key(0).derive("a"), key(1).derive("a"));
        assert_ne!(key(0).fingerprint().unwrap(), key(1).fingerprint().unwrap());
    }
}
