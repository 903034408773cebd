//! The last guard before a record is kept: whatever field it came in by, a token does not stay.

use memchr::memchr;

const REMOVED: &[u8] = b"[token removed]";
/// The shortest first segment that counts: `{"alg":"…"}` is longer.
const SEGMENT: usize = 10;

/// Takes each compact JWS or JWE out of the JSON that starts at `start`.
///
/// Their JOSE header is a JSON object, so in base64url they begin with `eyJ`. Neither base64url nor
/// the dot is ever escaped in JSON, so this needs no parser and sees every field.
pub(crate) fn tokens(json: &mut Vec<u8>, start: usize) {
    let mut from = start;
    while let Some(found) = json.get(from..).and_then(|rest| memchr(b'J', rest)) {
        let after = from + found + 1;
        from = after;
        let begins = json.get(..after).is_some_and(|head| head.ends_with(b"eyJ"));
        let begin = after.saturating_sub(3);
        if begins && begin >= start {
            let run = json.get(begin..).unwrap_or_default();
            let length = run.iter().take_while(|b| in_token(**b)).count();
            let first = run.iter().take_while(|b| in_token(**b) && **b != b'.').count();
            if first >= SEGMENT && first < length {
                json.splice(begin..begin + length, REMOVED.iter().copied());
                from = begin + REMOVED.len();
            }
        }
    }
}

const fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn redacted(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        tokens(&mut bytes, 0);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_token_is_taken_out_and_what_is_around_it_stays() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
        let text = format!(r#"{{"path":"/v1/{token}/x","n":"Bearer {token}","k":"eyJxyz"}}"#);
        let clean = r#"{"path":"/v1/[token removed]/x","n":"Bearer [token removed]","k":"eyJxyz"}"#;
        assert_eq!(redacted(&text), clean);
    }

    #[test]
    fn identifiers_that_merely_look_alike_stay() {
        for text in ["Jane.Doe.J", "eyJ.example.com", "abceyJQ1x2y3z4w5v6", "J", "eyJ"] {
            assert_eq!(redacted(text), text);
        }
    }
}
