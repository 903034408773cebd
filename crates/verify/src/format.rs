//! Check 3: a compact JWS, strictly (RFC 7515 §7.1, RFC 8725 §3.11).

use portcullis_jose::jws::{Compact, Malformed};
use portcullis_types::{Denial, FormatFault, HeaderFault};

/// Takes the token apart. A header that cannot be read is the next check's denial.
pub(crate) fn parse(token: &str) -> Result<Result<Compact<'_>, Denial>, Denial> {
    let malformed = match Compact::parse(token) {
        Ok(jws) => return Ok(Ok(jws)),
        Err(malformed) => malformed,
    };
    let stray = |byte: u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let fault = match (token.bytes().position(stray), malformed) {
        (Some(at), _) => FormatFault::Character { at },
        (None, Malformed::TooLong { length }) => {
            FormatFault::TooLong { bytes: length, limit: portcullis_jose::jws::MAX_TOKEN }
        }
        (None, Malformed::HeaderTooLong { length }) => {
            FormatFault::TooLong { bytes: length, limit: portcullis_jose::jws::MAX_HEADER }
        }
        (None, Malformed::Encrypted) => FormatFault::Encrypted,
        (None, Malformed::Segments { seen }) => FormatFault::Segments { found: seen },
        (None, Malformed::Base64 { segment, .. }) => {
            FormatFault::Base64 { segment: segment.into() }
        }
        (None, Malformed::Header(fault)) => {
            return Ok(Err(Denial::Header { fault: header(fault) }));
        }
    };
    Err(Denial::Format { fault })
}

fn header(fault: portcullis_jose::jws::HeaderFault) -> HeaderFault {
    use portcullis_jose::jws::HeaderFault as Seen;
    let accepted = vec!["the asymmetric algorithms of the issuer".into()];
    match fault {
        Seen::Json(fault) => HeaderFault::Json { problem: fault.to_string() },
        Seen::NoAlg => HeaderFault::Algorithm { found: None, accepted },
        Seen::None => HeaderFault::Algorithm { found: Some("none".into()), accepted },
        Seen::Alg { seen } => HeaderFault::Algorithm { found: Some(seen), accepted },
        Seen::Type { name: "kid", .. } => HeaderFault::Kid,
        Seen::Type { name: "b64", .. } => HeaderFault::UnencodedPayload,
        Seen::Type { name, expected } => {
            HeaderFault::Json { problem: format!("{name} must be {expected}") }
        }
        Seen::Crit => HeaderFault::Critical { names: vec!["an empty or repeating list".into()] },
        // The JSON serializations' own faults; a compact token has none of them.
        other => HeaderFault::Json { problem: other.to_string() },
    }
}
