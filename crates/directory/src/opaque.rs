//! Secrets of the form `id.secret`: looked up by what may be known, proven by what may not. Only the SHA-256 of
//! the secret is kept: 256 random bits need no slower hash.

use aws_lc_rs::{constant_time, digest};
use portcullis_jose::b64;
use portcullis_types::Random;
use secrecy::SecretString;

/// What is kept of a secret.
pub(crate) type Hash = [u8; 32];

/// A secret for `id`, and what is kept of it.
pub(crate) fn mint(id: &str, random: &Random<32>) -> (SecretString, Hash) {
    (format!("{id}.{}", b64::encode(random.bytes())).into(), sha256(random.bytes()))
}

/// The id in a presented secret, and the hash of the rest.
pub(crate) fn part(presented: &str) -> Option<(&str, Hash)> {
    let (id, secret) = presented.rsplit_once('.')?;
    let secret: [u8; 32] = b64::decode(secret).ok()?.try_into().ok()?;
    // No id of ours has another letter, and a database may refuse some of them with an error.
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (id.len() <= 64 && id.bytes().all(letter)).then(|| (id, sha256(&secret)))
}

/// In constant time.
pub(crate) fn fits(kept: &[u8], presented: &Hash) -> bool {
    constant_time::verify_slices_are_equal(kept, presented).is_ok()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, bytes);
    hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    struct Sevens;
    impl portcullis_types::Entropy for Sevens {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn what_was_minted_fits_and_nothing_else() {
        let (text, kept) = mint("ses_1", &Random::draw(&mut Sevens));
        let (id, hash) = part(text.expose_secret()).unwrap();
        assert!(id == "ses_1" && fits(&kept, &hash));
        for bad in ["", ".", "ses_1", "ses_1.", "ses_1.AAAA", &format!("{}x", text.expose_secret())]
        {
            assert!(part(bad).is_none(), "{bad}");
        }
        assert!(part(&format!("\0.{}", "A".repeat(43))).is_none());
        let (_, other) = part(&format!("ses_1.{}", "A".repeat(43))).unwrap();
        assert!(!fits(&kept, &other) && !fits(&[], &other));
    }
}
