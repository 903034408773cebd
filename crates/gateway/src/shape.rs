//! Requests whose meaning could be read in two ways are refused before anything is read from them
//! (RFC 9112 §11.2, RFC 9110 §17).
//!
//! hyper already refuses conflicting lengths, invalid header names, folded lines and bodies in unknown
//! encodings; what it would mend silently is refused here.

use http::{HeaderMap, Method, Request, Version, header};
use portcullis_types::Denial;

/// Refuses an ambiguous request. `raw` is the head as it came over the wire, where it is known.
pub(crate) fn unambiguous<B>(request: &Request<B>, raw: Option<&[u8]>) -> Result<(), Denial> {
    let problem = problem(request, raw);
    problem.map_or(Ok(()), |problem| Err(Denial::Ambiguous { problem: problem.into() }))
}

fn problem<B>(request: &Request<B>, raw: Option<&[u8]>) -> Option<&'static str> {
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) && raw.is_some_and(says_length) {
        return Some("both Content-Length and Transfer-Encoding are there");
    }
    host_problem(request)
        .or_else(|| path_problem(request.uri().path()))
        .or_else(|| method_problem(request.method(), headers))
}

/// RFC 9112 §3.2: exactly one host, the same everywhere.
fn host_problem<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Some("there is more than one Host");
    }
    match (host, request.uri().authority()) {
        (None, None) if request.version() == Version::HTTP_11 => Some("there is no Host"),
        (Some(host), Some(authority))
            if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Some("Host and the authority of the request are not the same")
        }
        _ => None,
    }
}

/// One path, one spelling: what a router here and a router there might read differently is refused.
fn path_problem(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("the path does not begin with a slash");
    }
    if !path.bytes().any(|byte| matches!(byte, b'%' | b'\\' | b'.' | b';')) && !path.contains("//")
    {
        return None;
    }
    if path.contains("//") || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some("the path has empty or dot segments");
    }
    if path.bytes().any(|byte| matches!(byte, b'\\' | b';')) {
        return Some("the path has a backslash or a semicolon");
    }
    let encoded = |text: &str| {
        path.as_bytes().windows(3).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    };
    if ["%2f", "%5c", "%2e", "%00", "%25", "%3b"].into_iter().any(encoded) {
        return Some(
            "the path hides a slash, a dot, a semicolon or a percent sign in percent-encoding",
        );
    }
    None
}

fn method_problem(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let bodiless = matches!(*method, Method::GET | Method::HEAD | Method::TRACE);
    (bodiless && headers.contains_key(header::TRANSFER_ENCODING))
        .then_some("a body where the method has none")
}

fn says_length(raw: &[u8]) -> bool {
    raw.split(|byte| *byte == b'\n').any(|line| {
        line.split(|byte| *byte == b':')
            .next()
            .is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"content-length"))
    })
}
