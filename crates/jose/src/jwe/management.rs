//! How the content key reaches the recipient, in both directions (RFC 7516 §2, "Key Management Mode").

use super::{
    DecryptFault, agree,
    alg::{Enc, KeyAlg},
    content::Sealed,
    rsa,
    wrap::{self, DEFAULT_ITERATIONS, ITERATIONS},
};
use crate::{
    b64,
    jwk::{Jwk, KeyFault, Material, Purpose, Secret},
    jws::HeaderFault,
    params::{Members, Params},
};
use serde_json::json;
use zeroize::Zeroizing;

type Key = Zeroizing<Vec<u8>>;

/// A content key on its way, with the header members that the recipient needs.
pub(super) struct Sent {
    /// For [`KeyAlg::is_direct`], the content key that the algorithm dictates.
    pub(super) dictated: Option<Key>,
    pub(super) encrypted_key: Vec<u8>,
    pub(super) members: Members,
}

/// Brings `key` to the recipient, or dictates another. `params` has what the caller put into the header.
pub(super) fn send(
    jwk: &Jwk,
    alg: KeyAlg,
    enc: Enc,
    params: &Params,
    key: &[u8],
) -> Result<Sent, KeyFault> {
    alg.fits(jwk, enc)?;
    jwk.permits(Purpose::Encrypt)?;
    let library = || KeyFault::Inconsistent;
    let mut members = Members::new();
    let mut dictated = None;
    let encrypted_key = match alg {
        KeyAlg::Dir => {
            dictated = Some(Zeroizing::new(secret(jwk)?.expose().to_vec()));
            Vec::new()
        }
        KeyAlg::Rsa15 => {
            return Err(KeyFault::Alg {
                key: "decryption only".to_owned(),
                wanted: "encrypting with RSA1_5, which is broken: use RSA-OAEP-256".to_owned(),
            });
        }
        KeyAlg::RsaOaep(sha) => match &jwk.material {
            Material::Rsa(key_pair) => rsa::encrypt(key_pair, sha, key)?,
            _ => return Err(library()), // fits() saw to it
        },
        KeyAlg::Kw(aes) => wrap::wrap(aes, secret(jwk)?.expose(), key).ok_or_else(library)?,
        KeyAlg::GcmKw(aes) => {
            let wrapped = wrap::gcm_wrap(aes, secret(jwk)?.expose(), key).ok_or_else(library)?;
            members.insert("iv".to_owned(), b64::encode(&wrapped.iv).into());
            members.insert("tag".to_owned(), b64::encode(&wrapped.tag).into());
            wrapped.ciphertext
        }
        KeyAlg::EcdhEs(aes) => {
            let (epk, agreed) = agree::send(jwk, alg, enc, params)?;
            members.insert("epk".to_owned(), json!(epk));
            if let Some(aes) = aes {
                wrap::wrap(aes, &agreed, key).ok_or_else(library)?
            } else {
                dictated = Some(agreed);
                Vec::new()
            }
        }
        KeyAlg::Pbes2(aes) => {
            let mut salt = [0; 16];
            aws_lc_rs::rand::fill(&mut salt).map_err(|_| library())?;
            let password = secret(jwk)?.expose();
            let iterations = iterations(params).unwrap_or(Ok(DEFAULT_ITERATIONS));
            let iterations = iterations.map_err(|_| KeyFault::Iterations)?;
            let kek = wrap::password_key(aes, password, &salt, iterations);
            members.insert("p2s".to_owned(), b64::encode(salt).into());
            if params.get("p2c").is_none() {
                members.insert("p2c".to_owned(), iterations.into());
            }
            wrap::wrap(aes, &kek.ok_or_else(library)?, key).ok_or_else(library)?
        }
    };
    Ok(Sent { dictated, encrypted_key, members })
}

/// Recovers the content key. If that fails, a random one takes its place, so that nobody learns from the
/// answer whether the key or the content was wrong (RFC 7516 §11.5).
pub(super) fn receive(
    jwk: &Jwk,
    alg: KeyAlg,
    enc: Enc,
    params: &Params,
    encrypted_key: &[u8],
) -> Result<Key, DecryptFault> {
    alg.fits(jwk, enc)?;
    jwk.permits(Purpose::Decrypt)?;
    if alg.is_direct() != encrypted_key.is_empty() {
        return Err(DecryptFault::EncryptedKey {
            alg,
            problem: if alg.is_direct() { "must be empty" } else { "is missing" },
        });
    }
    let mut random = Zeroizing::new(vec![0; enc.key_length()]);
    aws_lc_rs::rand::fill(&mut random).map_err(|_| KeyFault::Inconsistent)?;
    let key = match alg {
        KeyAlg::Dir => Some(Zeroizing::new(secret(jwk)?.expose().to_vec())),
        KeyAlg::Rsa15 | KeyAlg::RsaOaep(_) => match (&jwk.material, alg) {
            (Material::Rsa(key_pair), KeyAlg::RsaOaep(sha)) => {
                rsa::decrypt_oaep(key_pair, sha, encrypted_key)?
            }
            (Material::Rsa(key_pair), _) => rsa::decrypt_pkcs1(key_pair, encrypted_key)?,
            _ => None, // fits() saw to it
        },
        KeyAlg::Kw(aes) => wrap::unwrap(aes, secret(jwk)?.expose(), encrypted_key),
        KeyAlg::GcmKw(aes) => {
            let wrapped = Sealed {
                iv: sized(params, "iv", 12)?,
                ciphertext: encrypted_key.to_vec(),
                tag: sized(params, "tag", 16)?,
            };
            wrap::gcm_unwrap(aes, secret(jwk)?.expose(), &wrapped)
        }
        KeyAlg::EcdhEs(aes) => match (agree::receive(jwk, alg, enc, params)?, aes) {
            (Some(agreed), Some(aes)) => wrap::unwrap(aes, &agreed, encrypted_key),
            (agreed, _) => agreed,
        },
        KeyAlg::Pbes2(aes) => {
            let (salt, iterations) = password_params(params)?;
            wrap::password_key(aes, secret(jwk)?.expose(), &salt, iterations)
                .and_then(|kek| wrap::unwrap(aes, &kek, encrypted_key))
        }
    };
    Ok(key.filter(|key| key.len() == enc.key_length()).unwrap_or(random))
}

fn secret(jwk: &Jwk) -> Result<&Secret, KeyFault> {
    match &jwk.material {
        Material::Oct(secret) => Ok(secret),
        _ => Err(KeyFault::Missing("k")),
    }
}

fn sized(params: &Params, name: &'static str, length: usize) -> Result<Vec<u8>, HeaderFault> {
    let bytes = params.bytes(name)?.ok_or(HeaderFault::Missing(name))?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        let expected = if length == 12 { "12 bytes long" } else { "16 bytes long" };
        Err(HeaderFault::Type { name, expected })
    }
}

fn password_params(params: &Params) -> Result<(Vec<u8>, u32), HeaderFault> {
    let salt = params.bytes("p2s")?.ok_or(HeaderFault::Missing("p2s"))?;
    if salt.len() < 8 {
        return Err(HeaderFault::Type { name: "p2s", expected: "at least 8 bytes long" });
    }
    let iterations = iterations(params).unwrap_or(Err(HeaderFault::Missing("p2c")))?;
    Ok((salt, iterations))
}

/// `p2c`, within bounds, if there is one.
fn iterations(params: &Params) -> Option<Result<u32, HeaderFault>> {
    let count = params.get("p2c")?.as_u64().and_then(|count| u32::try_from(count).ok());
    let fault = HeaderFault::Type { name: "p2c", expected: "from 1000 to 1000000" };
    Some(count.filter(|count| ITERATIONS.contains(count)).ok_or(fault))
}
