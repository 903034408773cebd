//! Just enough DER to read the integers of an RSA private key (RFC 8017 A.1.2 inside RFC 5208).

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `n, e, d, p, q, dp, dq, qi`, big-endian without leading zeros.
pub(crate) type RsaIntegers = [Zeroizing<Vec<u8>>; 8];

/// Reads a PKCS#8 document that aws-lc has written. `None` if it is anything else.
pub(crate) fn rsa_integers(pkcs8: &[u8]) -> Option<RsaIntegers> {
    let (info, _) = element(pkcs8, SEQUENCE)?;
    let (_version, rest) = element(info, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (key, _) = element(rest, OCTET_STRING)?;
    let (key, _) = element(key, SEQUENCE)?;
    let (_version, mut rest) = element(key, INTEGER)?;
    let mut integers = RsaIntegers::default();
    for integer in &mut integers {
        let (bytes, after) = element(rest, INTEGER)?;
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        integer.extend_from_slice(bytes.get(zeros..)?);
        rest = after;
    }
    Some(integers)
}

/// The content of the element at the start, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let octets = usize::from(*length & 0x7f);
        let (length, rest) = rest.split_at_checked(octets).filter(|_| octets <= 4)?;
        (length.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)), rest)
    };
    rest.split_at_checked(length)
}
