//! What comes in and goes out as bytes: messages, keys, payloads.

use crate::cli::{Exit, Outcome, Stop};
use portcullis_jose::{
    MAX_MESSAGE, Serialization, b64, json,
    jwk::{Jwk, KeyRing, Material},
};
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, Read, Write as _},
    path::Path,
};

/// The longest key file that is read, in bytes.
const MAX_KEY_FILE: usize = 1024 * 1024;

/// Reads a file, or standard input for `-`, up to a limit.
pub(in crate::cli) fn bytes(path: &Path, limit: usize) -> Result<Vec<u8>, Stop> {
    let name = named(path);
    let mut content = Vec::new();
    let at_most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(at_most).read_to_end(&mut content)
    } else {
        File::open(path).and_then(|file| file.take(at_most).read_to_end(&mut content))
    };
    read.map_err(|fault| Stop::cannot_run(format_args!("cannot read {name}: {fault}")))?;
    if content.len() > limit {
        return Err(Stop::refused(format_args!("{name} is longer than {limit} bytes")));
    }
    Ok(content)
}

/// The name of a file for a message. What may be a token that was meant to be given itself is cut.
fn named(path: &Path) -> String {
    const SHOWN: usize = 16;
    let name = path.to_string_lossy();
    let long = name.chars().count() > SHOWN;
    let secret = |name: &str| !name.contains('/') && (name.starts_with("ey") || name.len() > 64);
    if long && (secret(&name) || looks_like_jose(&name)) {
        return name.chars().take(SHOWN).chain(['…']).collect();
    }
    name.into_owned()
}

/// Whether this is a JWS or JWE rather than the name of a file.
fn looks_like_jose(text: &str) -> bool {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let compact = matches!(text.matches('.').count(), 2 | 4) && text.bytes().all(base64url);
    text.trim_start().starts_with('{') || (compact && !text.starts_with('.'))
}

/// Reads a payload or plaintext, as it is.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, Stop> {
    bytes(path, MAX_MESSAGE)
}

/// A JWS or JWE: `given` itself, or what is in the file of that name. A final line break is not part of
/// it; nor is space around the JSON form.
pub(super) fn message(given: &Path) -> Result<String, Stop> {
    let itself = given.to_str().filter(|text| looks_like_jose(text.trim_end()));
    let text = match itself.filter(|_| !given.is_file()) {
        Some(text) => text.to_owned(),
        None => String::from_utf8(bytes(given, MAX_MESSAGE)?)
            .map_err(|_| Stop::refused("the input is not UTF-8 text"))?,
    };
    let json = text.trim_ascii();
    let text = if json.starts_with('{') { json } else { text.trim_end_matches(['\r', '\n']) };
    if text.is_empty() {
        return Err(Stop::refused("the input is empty")
            .hint("give the token on standard input: portcullis jose verify --jwks FILE < token"));
    }
    Ok(text.to_owned())
}

/// Reads a JWK, a JWK Set, or a PEM file.
pub(super) fn keys(path: &Path) -> Result<KeyRing, Stop> {
    let content = bytes(path, MAX_KEY_FILE)?;
    let pem = std::str::from_utf8(&content).ok().filter(|text| text.contains("-----BEGIN "));
    let read = match pem {
        Some(pem) => Jwk::from_pem(pem).map(KeyRing::one),
        None => KeyRing::parse(&content),
    };
    read.map_err(|fault| {
        Stop::refused(format_args!("the key in {} is refused: {fault}", path.display()))
    })
}

/// Reads a password as the secret for PBES2. A final line break is not part of it.
pub(super) fn password(path: &Path) -> Result<Jwk, Stop> {
    let mut secret = bytes(path, MAX_KEY_FILE)?;
    while secret.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        secret.pop();
    }
    Ok(Jwk::new(Material::Oct(secret.into())))
}

/// The one key that is meant.
pub(in crate::cli) fn one_key(path: &Path, kid: Option<&str>) -> Result<Jwk, Stop> {
    let ring = keys(path)?;
    let named: Vec<&Jwk> = ring
        .keys()
        .iter()
        .filter(|jwk| kid.is_none_or(|kid| jwk.kid.as_deref() == Some(kid)))
        .collect();
    match named.as_slice() {
        [jwk] => Ok((*jwk).clone()),
        [] => Err(Stop::refused(format_args!("{} has no such key", path.display()))
            .hint(format!("it has: {}", known(&ring)))),
        _ => Err(Stop::usage(format_args!("{} has {} keys", path.display(), named.len()))
            .hint(format!("choose one with --kid; it has: {}", known(&ring)))),
    }
}

fn known(ring: &KeyRing) -> String {
    let mut known: Vec<String> = ring
        .keys()
        .iter()
        .map(|jwk| jwk.kid.clone().unwrap_or_else(|| format!("({} without kid)", jwk.kty())))
        .collect();
    for skipped in ring.skipped() {
        let kid = skipped.kid.as_deref().unwrap_or("a key without kid");
        known.push(format!("{kid} (unusable: {})", skipped.reason));
    }
    if known.is_empty() { "no key".to_owned() } else { known.join(", ") }
}

/// Header members given on the command line.
pub(super) fn header(text: Option<&str>) -> Result<Map<String, Value>, Stop> {
    let Some(text) = text else { return Ok(Map::new()) };
    json::object(text.as_bytes())
        .map_err(|fault| Stop::usage(format_args!("--header is not a JSON object: {fault}")))
}

/// `compact`, `flattened` or `general`.
pub(super) fn serialization(name: &str) -> Result<Serialization, String> {
    match name {
        "compact" => Ok(Serialization::Compact),
        "flattened" => Ok(Serialization::Flattened),
        "general" => Ok(Serialization::General),
        _ => Err("must be compact, flattened or general".to_owned()),
    }
}

/// Writes bytes to standard output exactly.
pub(super) fn put(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::cannot_run(format_args!("cannot write to standard output: {fault}")))
        }
        _ => Ok(Exit::Done),
    }
}

/// Bytes as a JSON string: as text if they are, else base64url; the second part says which.
pub(super) fn shown(bytes: &[u8]) -> (String, &'static str) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), "utf-8"),
        Err(_) => (b64::encode(bytes), "base64url"),
    }
}

#[cfg(test)]
mod tests {
    use super::{looks_like_jose, named};
    use std::path::Path;

    #[test]
    fn a_token_is_told_from_the_name_of_a_file() {
        for token in ["eyJh.eyJp.c2ln", "eyJh..c2ln", "a.b.c.d.e", r#"{"payload":""}"#] {
            assert!(looks_like_jose(token), "{token}");
        }
        for name in ["token.jwt", "../token", "keys/a.b.c", "-", "a.b", "a.b.c.d", ".a.b"] {
            assert!(!looks_like_jose(name), "{name}");
        }
    }

    #[test]
    fn what_may_be_a_token_is_not_repeated() {
        assert_eq!(named(Path::new("eyJhbGciOiJub25lIn0.e30")), "eyJhbGciOiJub25l…");
        assert_eq!(named(Path::new("letters/from-alice.jwe")), "letters/from-alice.jwe");
    }
}
