//! Checks 5 and 6: the type, and whether the issuer is trusted at this API (RFC 9068 §4, RFC 8725 §3.8).

use crate::{ACCESS_TOKEN, Guarded, KnownIssuer, TrustedIssuer};
use portcullis_jose::jws::Header;
use portcullis_types::Denial;

/// Whether a `typ` names this kind of token: without case, `application/` optional (RFC 7515 §4.1.9).
pub fn names_kind(typ: &str, kind: &str) -> bool {
    short(typ).eq_ignore_ascii_case(short(kind))
}

fn short(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, short)) if prefix.eq_ignore_ascii_case("application/") => short,
        _ => typ,
    }
}

/// Check 5. Absent counts only where the issuer is known to send none.
pub(crate) fn typed(header: &Header, issuer: Option<&TrustedIssuer>) -> Result<(), Denial> {
    let accepted =
        issuer.map_or_else(Vec::new, |issuer| issuer.typ.iter().map(String::as_str).collect());
    let accepted = if accepted.is_empty() { vec![ACCESS_TOKEN] } else { accepted };
    let fits = match &header.typ {
        Some(typ) => accepted.iter().any(|kind| names_kind(typ, kind)),
        None => accepted.contains(&""),
    };
    if fits {
        return Ok(());
    }
    Err(Denial::WrongType { found: header.typ.clone(), expected: accepted.join(" or ") })
}

/// The issuer that the token names, if we know it at all. A hint until the signature is verified.
pub(crate) fn named<'a>(iss: Option<&str>, issuers: &'a [KnownIssuer]) -> Option<&'a KnownIssuer> {
    issuers.iter().find(|known| Some(known.trusted.issuer.as_str()) == iss)
}

/// Check 6.
pub(crate) fn trusted<'a>(
    named: Option<&'a KnownIssuer>,
    iss: Option<&str>,
    at: &Guarded,
    issuers: &[KnownIssuer],
) -> Result<&'a KnownIssuer, Denial> {
    named.filter(|known| serves(&known.trusted, at)).ok_or_else(|| Denial::UntrustedIssuer {
        found: iss.map(str::to_owned),
        trusted: issuers
            .iter()
            .filter(|known| serves(&known.trusted, at))
            .map(|known| known.trusted.issuer.clone())
            .collect(),
    })
}

fn serves(issuer: &TrustedIssuer, at: &Guarded) -> bool {
    issuer.apis.hold(&at.api)
}
