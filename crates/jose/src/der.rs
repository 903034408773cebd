//! Just enough DER to take key documents apart: SubjectPublicKeyInfo (RFC 5280), PKCS#8 (RFC 5208) and the
//! integers of RSA keys (RFC 8017 A.1). What comes out goes through the same checks as a JWK.

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `n, e, d, p, q, dp, dq, qi`, big-endian without leading zeros.
pub(crate) type RsaIntegers = [Zeroizing<Vec<u8>>; 8];

/// A key with the identifiers of its algorithm and, for elliptic curves, of its curve.
pub(crate) struct Document<'a> {
    pub(crate) algorithm: &'a [u8],
    pub(crate) parameters: Option<&'a [u8]>,
    pub(crate) key: &'a [u8],
}

/// Reads a SubjectPublicKeyInfo.
pub(crate) fn spki(bytes: &[u8]) -> Option<Document<'_>> {
    let (info, after) = element(bytes, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (key, rest) = element(rest, BIT_STRING)?;
    let (unused, key) = key.split_first()?;
    let whole = after.is_empty() && rest.is_empty() && *unused == 0;
    whole.then(|| document(algorithm, key)).flatten()
}

/// Reads a PKCS#8 document.
pub(crate) fn pkcs8(bytes: &[u8]) -> Option<Document<'_>> {
    let (info, _) = element(bytes, SEQUENCE)?;
    let (_version, rest) = element(info, INTEGER)?;
    let (algorithm, rest) = element(rest, SEQUENCE)?;
    let (key, _) = element(rest, OCTET_STRING)?;
    document(algorithm, key)
}

/// Unwraps an OCTET STRING.
pub(crate) fn octets(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes, OCTET_STRING).map(|(content, _)| content)
}

/// Reads an RSAPublicKey: `n, e`.
pub(crate) fn rsa_public(bytes: &[u8]) -> Option<[Vec<u8>; 2]> {
    let (key, _) = element(bytes, SEQUENCE)?;
    let (n, rest) = integer(key)?;
    let (e, _) = integer(rest)?;
    Some([n.to_vec(), e.to_vec()])
}

/// Reads the RSAPrivateKey inside a PKCS#8 document.
pub(crate) fn rsa_integers(bytes: &[u8]) -> Option<RsaIntegers> {
    let (key, _) = element(pkcs8(bytes)?.key, SEQUENCE)?;
    let (_version, mut rest) = element(key, INTEGER)?;
    let mut integers = RsaIntegers::default();
    for slot in &mut integers {
        let (number, after) = integer(rest)?;
        slot.extend_from_slice(number);
        rest = after;
    }
    Some(integers)
}

fn document<'a>(algorithm: &'a [u8], key: &'a [u8]) -> Option<Document<'a>> {
    let (algorithm, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    let parameters = element(parameters, OBJECT_IDENTIFIER).map(|(curve, _)| curve);
    Some(Document { algorithm, parameters, key })
}

/// A non-negative integer without leading zeros, and what follows it.
fn integer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (number, after) = element(bytes, INTEGER)?;
    let zeros = number.iter().take_while(|b| **b == 0).count();
    Some((number.get(zeros..)?, after))
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
