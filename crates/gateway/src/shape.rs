//! Requests whose meaning could be read in two ways are refused before anything is read from them
//! (RFC 9112 §11.2, RFC 9110 §17).
//!
//! hyper already refuses conflicting lengths, invalid header names, folded lines and bodies in unknown
//! encodings; what it would mend silently is refused here.

use crate::tap::Tap;
use http::{HeaderMap, HeaderValue, Method, Request, Version, header, uri::Authority};
use portcullis_types::Denial;

/// Refuses an ambiguous request. `raw` has the head as it came over the wire, where there is a wire to
/// look at.
pub(crate) fn unambiguous<B>(request: &Request<B>, raw: Option<&Tap>) -> Result<(), Denial> {
    let problem = framing_problem(request, raw)
        .or_else(|| host_problem(request))
        .or_else(|| path_problem(request.uri().path()))
        .or_else(|| method_problem(request.method(), request.headers()));
    problem.map_or(Ok(()), |problem| Err(Denial::Ambiguous { problem: problem.into() }))
}

/// What of the check can be made with a path alone, for explanations without a request.
pub fn unambiguous_path(path: &str) -> Result<(), Denial> {
    let problem = path_problem(path);
    problem.map_or(Ok(()), |problem| Err(Denial::Ambiguous { problem: problem.into() }))
}

fn framing_problem<B>(request: &Request<B>, raw: Option<&Tap>) -> Option<&'static str> {
    let tap = raw?;
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        tap.forget();
        return None;
    }
    let codings = request.headers().get_all(header::TRANSFER_ENCODING);
    if !codings.iter().eq(["chunked"]) {
        // Another coding would reach the upstream without its name.
        return Some("its body has a transfer coding other than chunked");
    }
    let said = tap.says_length(request.method(), request.uri());
    tap.forget();
    match said {
        Some(false) => None,
        Some(true) => Some("both Content-Length and Transfer-Encoding are there"),
        None => Some("its head cannot be told from what came before it"),
    }
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
        (Some(host), _) if !is_authority(host) => Some("Host is no host"),
        (_, Some(authority)) if authority.as_str().contains('@') => {
            Some("the authority of the request names a user")
        }
        (Some(host), Some(authority))
            if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Some("Host and the authority of the request are not the same")
        }
        _ => None,
    }
}

/// RFC 9110 §7.2: a host and perhaps a port, never a user.
fn is_authority(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
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
    escape_problem(path)
}

/// RFC 3986 §6.2.2.2: what needs no escape has none, and what separates is not hidden in one. A server
/// that decodes the path would otherwise see another than we matched.
fn escape_problem(path: &str) -> Option<&'static str> {
    path.split('%').skip(1).find_map(|escape| {
        let byte = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            None => Some("the path has a percent sign that begins no escape"),
            Some(byte) if byte.is_ascii_control() => {
                Some("the path has an escaped control character")
            }
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                Some("the path has an escape where none is needed")
            }
            Some(b'/' | b'\\' | b'%' | b';' | b'?' | b'#') => {
                Some("the path hides a separator in an escape")
            }
            Some(_) => None,
        }
    })
}

fn method_problem(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let bodiless = matches!(*method, Method::GET | Method::HEAD | Method::TRACE);
    (bodiless && headers.contains_key(header::TRANSFER_ENCODING))
        .then_some("a body where the method has none")
}
