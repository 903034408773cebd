//! Content encryption: AES-GCM and AES-CBC with HMAC-SHA2 (RFC 7518 §5).

use super::alg::{Aes, Enc};
use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{
        self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    constant_time, hmac,
    iv::FixedLength,
};
use zeroize::Zeroizing;

/// What was encrypted, with its vector and tag.
pub(super) struct Sealed {
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

/// Encrypts under a key of the right length and a fresh vector. `None` if the library fails.
pub(super) fn seal(enc: Enc, key: &[u8], aad: &[u8], plaintext: &[u8]) -> Option<Sealed> {
    let mut iv = vec![0; enc.iv_length()];
    aws_lc_rs::rand::fill(&mut iv).ok()?;
    let (ciphertext, tag) = match enc {
        Enc::Gcm(aes) => gcm_seal(aes, key, &iv, aad, plaintext)?,
        Enc::CbcHmac(aes) => {
            let (mac_key, enc_key) = halves(aes, key)?;
            let mut buffer = plaintext.to_vec();
            let key = UnboundCipherKey::new(block_cipher(aes), enc_key).ok()?;
            let context = EncryptionContext::Iv128(FixedLength::try_from(iv.as_slice()).ok()?);
            PaddedBlockEncryptingKey::cbc_pkcs7(key)
                .ok()?
                .less_safe_encrypt(&mut buffer, context)
                .ok()?;
            let tag = mac(aes, mac_key, &[aad, &iv, &buffer])?;
            (buffer, tag)
        }
    };
    Some(Sealed { iv, ciphertext, tag })
}

/// Authenticates, then decrypts. `None` says nothing about which of the two failed.
pub(super) fn open(
    enc: Enc,
    key: &[u8],
    aad: &[u8],
    sealed: &Sealed,
) -> Option<Zeroizing<Vec<u8>>> {
    let Sealed { iv, ciphertext, tag } = sealed;
    if iv.len() != enc.iv_length() || tag.len() != enc.tag_length() {
        return None;
    }
    match enc {
        Enc::Gcm(aes) => gcm_open(aes, key, aad, sealed),
        Enc::CbcHmac(aes) => {
            let (mac_key, enc_key) = halves(aes, key)?;
            let expected = mac(aes, mac_key, &[aad, iv, ciphertext])?;
            constant_time::verify_slices_are_equal(&expected, tag).ok()?;
            let key = UnboundCipherKey::new(block_cipher(aes), enc_key).ok()?;
            let context = DecryptionContext::Iv128(FixedLength::try_from(iv.as_slice()).ok()?);
            let mut buffer = Zeroizing::new(ciphertext.clone());
            let length = PaddedBlockDecryptingKey::cbc_pkcs7(key)
                .ok()?
                .decrypt(&mut buffer, context)
                .ok()?
                .len();
            buffer.truncate(length);
            Some(buffer)
        }
    }
}

/// AES-GCM under a given vector: the content's or, for key wrapping, one of its own.
pub(super) fn gcm_seal(
    aes: Aes,
    key: &[u8],
    iv: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Option<(Vec<u8>, Vec<u8>)> {
    let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
    let mut buffer = plaintext.to_vec();
    let tag = gcm(aes, key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut buffer).ok()?;
    Some((buffer, tag.as_ref().to_vec()))
}

/// The reverse. The tag is always 16 bytes long (RFC 7518 §5.3).
pub(super) fn gcm_open(
    aes: Aes,
    key: &[u8],
    aad: &[u8],
    sealed: &Sealed,
) -> Option<Zeroizing<Vec<u8>>> {
    if sealed.tag.len() != 16 {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(&sealed.iv).ok()?;
    let mut buffer = Zeroizing::new([sealed.ciphertext.as_slice(), &sealed.tag].concat());
    let length = gcm(aes, key)?.open_in_place(nonce, Aad::from(aad), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

fn gcm(aes: Aes, key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match aes {
        Aes::A128 => &aead::AES_128_GCM,
        Aes::A192 => &aead::AES_192_GCM,
        Aes::A256 => &aead::AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

const fn block_cipher(aes: Aes) -> &'static cipher::Algorithm {
    match aes {
        Aes::A128 => &cipher::AES_128,
        Aes::A192 => &cipher::AES_192,
        Aes::A256 => &cipher::AES_256,
    }
}

/// RFC 7518 §5.2.2.1: the MAC key comes first.
fn halves(aes: Aes, key: &[u8]) -> Option<(&[u8], &[u8])> {
    key.split_at_checked(aes.length()).filter(|(_, enc)| enc.len() == aes.length())
}

/// HMAC over AAD, vector, ciphertext and the length of the AAD in bits, cut to half.
fn mac(aes: Aes, key: &[u8], parts: &[&[u8]; 3]) -> Option<Vec<u8>> {
    let algorithm = match aes {
        Aes::A128 => hmac::HMAC_SHA256,
        Aes::A192 => hmac::HMAC_SHA384,
        Aes::A256 => hmac::HMAC_SHA512,
    };
    let [aad, iv, ciphertext] = parts;
    let bits = u64::try_from(aad.len()).ok()?.checked_mul(8)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in [aad, iv, ciphertext] {
        context.update(part);
    }
    context.update(&bits.to_be_bytes());
    context.sign().as_ref().get(..aes.length()).map(<[u8]>::to_vec)
}
