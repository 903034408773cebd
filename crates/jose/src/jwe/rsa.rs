//! Content keys under RSA (RFC 7518 §4.2, §4.3).

use super::alg::Sha;
use crate::jwk::{KeyFault, Rsa};
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
        OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
        Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
    },
};
use zeroize::Zeroizing;

/// Encrypts a content key with OAEP.
pub(super) fn encrypt(rsa: &Rsa, sha: Sha, key: &[u8]) -> Result<Vec<u8>, KeyFault> {
    let components = PublicKeyComponents { n: rsa.n.as_slice(), e: rsa.e.as_slice() };
    let public: PublicEncryptingKey = components
        .try_into()
        .map_err(|_| KeyFault::Member { name: "n", expected: "an RSA modulus" })?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| KeyFault::Inconsistent)?;
    let mut out = vec![0; public.ciphertext_size()];
    let length =
        public.encrypt(oaep(sha), key, &mut out, None).map_err(|_| KeyFault::Inconsistent)?.len();
    out.truncate(length);
    Ok(out)
}

/// Decrypts with OAEP. The inner `None` is for the caller to hide.
pub(super) fn decrypt_oaep(
    rsa: &Rsa,
    sha: Sha,
    encrypted: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFault> {
    let private =
        OaepPrivateDecryptingKey::new(private(rsa)?).map_err(|_| KeyFault::Inconsistent)?;
    let mut out = Zeroizing::new(vec![0; private.min_output_size()]);
    let length = private.decrypt(oaep(sha), encrypted, &mut out, None).map(|key| key.len());
    Ok(shortened(out, length.ok()))
}

/// Decrypts with PKCS#1 v1.5. The inner `None` is for the caller to hide.
pub(super) fn decrypt_pkcs1(
    rsa: &Rsa,
    encrypted: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFault> {
    let private =
        Pkcs1PrivateDecryptingKey::new(private(rsa)?).map_err(|_| KeyFault::Inconsistent)?;
    let mut out = Zeroizing::new(vec![0; private.min_output_size()]);
    let length = private.decrypt(encrypted, &mut out).map(|key| key.len());
    Ok(shortened(out, length.ok()))
}

fn shortened(mut out: Zeroizing<Vec<u8>>, length: Option<usize>) -> Option<Zeroizing<Vec<u8>>> {
    out.truncate(length?);
    Some(out)
}

fn private(rsa: &Rsa) -> Result<PrivateDecryptingKey, KeyFault> {
    let der: Pkcs8V1Der<'_> = rsa.key_pair()?.as_der().map_err(|_| KeyFault::Inconsistent)?;
    let der = Zeroizing::new(der.as_ref().to_vec());
    PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| KeyFault::Inconsistent)
}

const fn oaep(sha: Sha) -> &'static OaepAlgorithm {
    match sha {
        Sha::Sha1 => &OAEP_SHA1_MGF1SHA1,
        Sha::Sha256 => &OAEP_SHA256_MGF1SHA256,
        Sha::Sha384 => &OAEP_SHA384_MGF1SHA384,
        Sha::Sha512 => &OAEP_SHA512_MGF1SHA512,
    }
}
