//! Nonces that nobody has to remember (RFC 9449 §8): each is a MAC over the time, so every node with the
//! same key accepts those of the others.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use portcullis_jose::b64;
use portcullis_types::Timestamp;

/// For how long one nonce is given out, in seconds. It is accepted for one to two times as long.
const PERIOD: i64 = 120;

/// Makes nonces and knows its own.
pub struct Nonces(hmac::Key);

impl Nonces {
    /// With a secret key, which may be shared with other nodes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The one to give out now: 22 characters.
    pub fn current(&self, now: Timestamp) -> String {
        self.at(now.seconds().div_euclid(PERIOD))
    }

    /// Whether it was given out lately. The next one is good already: a node's clock may be ahead.
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let period = now.seconds().div_euclid(PERIOD);
        [period, period - 1, period + 1].into_iter().any(|period| {
            verify_slices_are_equal(self.at(period).as_bytes(), nonce.as_bytes()).is_ok()
        })
    }

    fn at(&self, period: i64) -> String {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(b"DPoP nonce\0");
        mac.update(&period.to_be_bytes());
        let tag = mac.sign();
        b64::encode(tag.as_ref().get(..16).unwrap_or_default())
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonces(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Nonces;
    use portcullis_types::{Timestamp, Ttl};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn nodes_that_share_a_key_accept_each_others_nonces_for_a_while() {
        let (one, other) = (Nonces::new(&[7; 32]), Nonces::new(&[7; 32]));
        let nonce = one.current(NOW);
        assert_eq!(nonce.len(), 22);
        for (later, good) in [(0, true), (120, true), (239, true), (240, false), (86_400, false)] {
            assert_eq!(other.accepts(&nonce, NOW.plus(Ttl::seconds(later))), good, "{later}");
        }
        assert!(other.accepts(&nonce, NOW.minus(Ttl::seconds(1))), "a clock behind");
        assert!(!other.accepts(&nonce, NOW.minus(Ttl::seconds(121))));
        assert!(!Nonces::new(&[8; 32]).accepts(&nonce, NOW));
        assert!(!one.accepts("", NOW) && !one.accepts(&format!("{nonce}A"), NOW));
    }
}
