//! The last guard before a record is kept: whatever field it came in by, a token does not stay.

use data_encoding::BASE64URL_NOPAD;
use memchr::memchr;
use std::ops::Range;

const REMOVED: &[u8] = b"[token removed]";
/// The shortest first segment that counts: `{"alg":"…"}` is longer.
const HEADER: usize = 10;
/// The prefixes of our client secrets, authorization codes, refresh tokens and device codes, all of one length,
/// and the shortest rest that counts.
const SECRETS: [&[u8; 4]; 4] = [b"pcs_", b"pac_", b"prt_", b"pdc_"];
const SECRET_REST: usize = 20;
/// From this many characters on the last segment is a signature: 32 bytes. No label of a host name
/// at its end is as long.
const SIGNATURE: usize = 43;
/// The same for the tag of a JWE: 16 bytes. Its initialisation vector has 12 or 16.
const TAG: usize = 22;

/// Takes each compact JWS or JWE, and each client secret, out of the JSON that starts at `start`.
///
/// Neither base64url nor the dot is ever escaped in JSON, so this needs no parser and sees every
/// field. Most text is passed over at its dots: before the first dot of a token there is its whole
/// header.
pub(crate) fn tokens(json: &mut Vec<u8>, start: usize) {
    take_out(json, start, next_token);
    take_out(json, start, next_secret);
}

fn take_out(json: &mut Vec<u8>, start: usize, next: fn(&[u8], usize) -> Option<Range<usize>>) {
    let mut from = start;
    while let Some(found) = next(json, from) {
        from = found.start + REMOVED.len();
        json.splice(found, REMOVED.iter().copied());
    }
}

/// The first token behind `from`.
fn next_token(json: &[u8], mut from: usize) -> Option<Range<usize>> {
    let start = from;
    loop {
        let dot = from + memchr(b'.', json.get(from..)?)?;
        // A header has no dot, so none ends within its length behind this one.
        from = dot + 1 + HEADER;
        let header = json.get(start..dot).and_then(|before| before.last_chunk::<HEADER>());
        // No short cut at the first that is not: all comparisons at once are quicker.
        if header.is_some_and(|h| h.iter().fold(true, |all, byte| all & in_segment(*byte))) {
            let run = run(json, start, dot);
            if let Some(skip) = json.get(run.clone()).and_then(token) {
                return Some(run.start + skip..run.end);
            }
            from = run.end;
        }
    }
}

/// The first client secret behind `from`.
fn next_secret(json: &[u8], mut from: usize) -> Option<Range<usize>> {
    loop {
        let end = from + memchr(b'_', json.get(from..)?)? + 1;
        let prefix = json.get(from..end).and_then(|text| text.last_chunk::<4>());
        if prefix.is_some_and(|prefix| SECRETS.contains(&prefix)) {
            let member = |byte: &&u8| in_segment(**byte) || **byte == b'.';
            let rest = json.get(end..)?.iter().take_while(member).count();
            if rest >= SECRET_REST {
                return Some(end - 4..end + rest);
            }
        }
        from = end;
    }
}

/// The bounds of the base64url characters and dots around `at`.
fn run(json: &[u8], start: usize, at: usize) -> Range<usize> {
    let member = |byte: &&u8| in_segment(**byte) || **byte == b'.';
    let before = json.get(start..at).unwrap_or_default().iter().rev().take_while(member).count();
    let after = json.get(at..).unwrap_or_default().iter().take_while(member).count();
    at - before..at + after
}

/// Where in `run`, a row of segments with dots between them, a token begins.
fn token(run: &[u8]) -> Option<usize> {
    let mut begin = 0;
    let mut segments = Vec::new();
    for segment in run.split(|byte| *byte == b'.') {
        segments.push((begin, segment));
        begin += segment.len() + 1;
    }
    (0..segments.len()).find_map(|first| within(segments.get(first..)?))
}

/// Where a token begins that has its header in the first of `segments`.
fn within(segments: &[(usize, &[u8])]) -> Option<usize> {
    let ((begin, first), rest) = segments.split_first()?;
    let header = (0..(first.len() + 1).saturating_sub(HEADER)).find(|at| {
        let from = first.get(*at..).unwrap_or_default();
        // One dot is enough behind the usual spelling: half a token is still part of one.
        (from.starts_with(b"eyJ") && !rest.is_empty()) || (rest.len() > 1 && opens(from))
    });
    // Attack: a header spelled so that it is not known by its beginning, or damaged on purpose.
    let long = |place: usize| rest.get(place).map_or(0, |(_, segment)| segment.len());
    let shaped = long(1) >= SIGNATURE || (matches!(long(1), 16 | 22) && long(3) >= TAG);
    let header = header.or((shaped && first.len() >= HEADER).then_some(0))?;
    Some(begin + header)
}

/// Whether this is base64url of the beginning of a JSON object, white space included.
fn opens(text: &[u8]) -> bool {
    let mut bytes = [0; 3];
    let decoded = text.first_chunk::<4>().map(|four| BASE64URL_NOPAD.decode_mut(four, &mut bytes));
    if !matches!(decoded, Some(Ok(3))) {
        return false;
    }
    let object = bytes.trim_ascii_start();
    match object.split_first() {
        None => true,
        Some((b'{', rest)) => rest.first().is_none_or(|b| *b == b'"' || b.is_ascii_whitespace()),
        Some(_) => false,
    }
}

const fn in_segment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests;
