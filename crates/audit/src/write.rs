//! A record as JSON, for the path of every request: the same bytes as serde makes, without its cost
//! per character. Only an access is written by hand; grants and changes are rare.

use crate::{
    Access, Event, Record, TokenFacts,
    brief::{BRIEF, LONG, PATH, cut},
};
use portcullis_types::Ruled;
use serde::Serialize;
use serde_json::Error;
use std::{borrow::Cow, io::Write};

/// Appends `record` to `out`. On an error `out` may hold a part of it.
pub(crate) fn record(record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let Event::Access(access) = &record.event else {
        return serde_json::to_writer(out, record);
    };
    // Nothing in an id is ever escaped.
    write!(out, "{{\"id\":\"{}\"", record.id).map_err(Error::io)?;
    number(b",\"at\":", record.at.millis(), out);
    out.extend_from_slice(b",\"trace\":");
    value(&record.trace, out)?;
    if let Some(denial) = &record.denial {
        out.extend_from_slice(b",\"denial\":");
        value(denial, out)?;
    }
    if let Some(ruled) = &record.ruled {
        write_ruled(ruled, out)?;
    }
    write_access(access, out)?;
    out.push(b'}');
    Ok(())
}

/// What the policy was told is JSON already.
fn write_ruled(ruled: &Ruled, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(b",\"ruled\":{\"point\":");
    value(&ruled.point, out)?;
    out.extend_from_slice(b",\"ruling\":");
    value(&ruled.ruling, out)?;
    out.extend_from_slice(b",\"input\":");
    out.extend_from_slice(ruled.input.0.as_bytes());
    if let Some(shadow) = &ruled.shadow {
        out.extend_from_slice(b",\"shadow\":");
        value(shadow, out)?;
    }
    if let Some(id) = &ruled.decision_log_id {
        out.extend_from_slice(b",\"decision_log_id\":");
        value(id, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_access(access: &Access<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    text(b",\"event\":\"access\",\"method\":\"", &access.method, BRIEF, out)?;
    text(b",\"path\":\"", &access.path, PATH, out)?;
    opt_text(b",\"route\":\"", access.route.as_ref(), out)?;
    opt_text(b",\"api\":\"", access.api.as_ref(), out)?;
    opt_text(b",\"resource\":\"", access.resource.as_ref(), out)?;
    if let Some(needed) = &access.needed {
        out.extend_from_slice(b",\"needed\":");
        value(needed, out)?;
    }
    if let Some(token) = &access.token {
        write_token(token, out)?;
    }
    Ok(())
}

fn write_token(token: &TokenFacts<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(if token.verified {
        b",\"token\":{\"verified\":true"
    } else {
        b",\"token\":{\"verified\":false"
    });
    text(b",\"iss\":\"", &token.iss, BRIEF, out)?;
    text(b",\"sub\":\"", &token.sub, BRIEF, out)?;
    text(b",\"client_id\":\"", &token.client_id, BRIEF, out)?;
    text(b",\"aud\":\"", &token.aud, BRIEF, out)?;
    text(b",\"jti\":\"", &token.jti, BRIEF, out)?;
    text(b",\"scope\":\"", &token.scope, LONG, out)?;
    number(b",\"exp\":", token.exp, out);
    number(b",\"iat\":", token.iat, out);
    opt_text(b",\"kid\":\"", token.kid.as_ref(), out)?;
    text(b",\"alg\":\"", &token.alg, BRIEF, out)?;
    opt_text(b",\"tenant\":\"", token.tenant.as_ref(), out)?;
    out.push(b'}');
    Ok(())
}

fn value(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, value)
}

fn number(key: &[u8], number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn opt_text(key: &[u8], text: Option<&Cow<'_, str>>, out: &mut Vec<u8>) -> Result<(), Error> {
    text.map_or(Ok(()), |text| self::text(key, text, BRIEF, out))
}

/// `key` ends with the opening quote. Most text needs no escape, and seeing that is far cheaper than
/// going through it character by character.
fn text(key: &[u8], text: &str, limit: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    let text = cut(text, limit);
    out.extend_from_slice(key);
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    out.pop();
    value(&text, out)
}

/// RFC 8259 §7: everything but control characters, the quote and the backslash may stand in a string
/// as it is. Eight bytes at once: most text is too short for wider steps to pay.
fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let marked = words.iter().fold(0, |marked, word| marked | marks(u64::from_le_bytes(*word)));
    // The last eight once more stand for the rest.
    let tail = text.last_chunk::<8>().map_or_else(
        || rest.iter().any(|byte| matches!(byte, ..0x20 | b'"' | b'\\')),
        |last| marks(u64::from_le_bytes(*last)) != 0,
    );
    marked == 0 && !tail
}

/// Not 0 if one of the eight bytes is no plain one.
const fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & TOPS
}

#[cfg(test)]
mod tests {
    use super::{is_plain, record};
    use crate::{Access, Event, Record, TokenFacts};
    use portcullis_types::{
        Cause, Denial, Json, Point, Revision, Ruled, Ruling, Stage, Timestamp, Trace,
    };
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn text() -> impl Strategy<Value = Cow<'static, str>> {
        prop_oneof![".{0,40}", "[a-z/:.]{0,40}", "[\\x00-\\x7f]{0,9}", "é{250,300}"]
            .prop_map(Cow::Owned)
    }

    fn maybe() -> impl Strategy<Value = Option<Cow<'static, str>>> {
        prop::option::of(text())
    }

    fn token() -> impl Strategy<Value = TokenFacts<'static>> {
        let texts = (text(), text(), text(), text(), text(), text());
        (texts, any::<(bool, i64, i64)>(), maybe(), maybe()).prop_map(
            |((iss, sub, client_id, aud, jti, scope), (verified, exp, iat), kid, tenant)| {
                let alg = "ES256".into();
                TokenFacts {
                    verified,
                    iss,
                    sub,
                    client_id,
                    aud,
                    jti,
                    scope,
                    exp,
                    iat,
                    kid,
                    alg,
                    tenant,
                }
            },
        )
    }

    fn access() -> impl Strategy<Value = Access<'static>> {
        let needed = prop::option::of(Just("generate:basic model:read/x".parse().unwrap()));
        let needed = needed.prop_map(|scopes| scopes.map(Cow::Owned));
        (text(), text(), maybe(), maybe(), maybe(), needed, prop::option::of(token())).prop_map(
            |(method, path, route, api, resource, needed, token)| Access {
                method,
                path,
                route,
                api,
                resource,
                needed,
                token,
            },
        )
    }

    fn ruled() -> impl Strategy<Value = Ruled> {
        let ruling =
            |allow| Ruling { allow, ..Ruling::failed(Cause::Policy, Revision::of_files([7; 32])) };
        any::<(bool, Option<bool>, bool)>().prop_map(move |(allow, shadow, elsewhere)| Ruled {
            point: Point::Request,
            ruling: ruling(allow),
            input: Json(r#"{"caller":{"sub":"a"},"n":[1.5,null]}"#.into()),
            shadow: shadow.map(ruling),
            decision_log_id: elsewhere.then(|| "a\"b".to_owned()),
        })
    }

    #[test]
    fn one_byte_that_must_be_escaped_is_seen_at_any_place() {
        for length in 0..40 {
            assert!(is_plain(&vec![b'a'; length]) && is_plain(&vec![0xff; length]));
            for (at, byte) in (0..length).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
                let mut text = vec![b' '; length];
                text[at] = byte;
                assert_eq!(is_plain(&text), !matches!(byte, ..0x20 | b'"' | b'\\'), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_by_hand_is_what_serde_writes(
            access in access(),
            at in 0i64..1 << 47,
            denied in any::<bool>(),
            ruled in prop::option::of(ruled()),
        ) {
            let denial = Denial::MissingClaim { claim: "a\"b".to_owned() };
            let written = Record {
                id: "dec_01JDJ8Z7Q2M4N6P8R0T2V4X6Y8".parse().unwrap(),
                at: Timestamp::from_millis(at),
                trace: Trace::new(Stage::Access),
                denial: denied.then_some(Cow::Owned(denial)),
                ruled: ruled.map(Cow::Owned),
                event: Event::Access(access),
            };
            let mut by_hand = Vec::new();
            record(&written, &mut by_hand).unwrap();
            let by_serde = serde_json::to_vec(&written).unwrap();
            prop_assert_eq!(String::from_utf8(by_hand), String::from_utf8(by_serde));
        }
    }
}
