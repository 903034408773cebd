//! An issuer's keys and tokens, made by `portcullis jose`.

use super::Bench;
use crate::trouble::{Outcome, Trouble};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use xshell::cmd;

pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "https://api.example";
pub(super) const TOKENS: u32 = 1000;

/// Makes a key, and writes its public half as `ALG.json` and `ALG.pem`.
pub(super) fn generate(bench: &Bench<'_>, alg: &str) -> Outcome<Value> {
    let (sh, portcullis) = (&bench.house.sh, &bench.portcullis);
    let public = bench.dir.join(format!("{alg}.json"));
    let private =
        cmd!(sh, "{portcullis} jose generate --alg {alg} --public {public}").quiet().read()?;
    sh.write_file(bench.dir.join(format!("{alg}.private.json")), private)?;
    let jwk: Value = serde_json::from_str(&sh.read_file(&public)?)?;
    let spki =
        spki(&jwk).ok_or_else(|| Trouble::new(format!("no public key in {}", public.display())))?;
    let body = base64(&spki);
    sh.write_file(
        bench.dir.join(format!("{alg}.pem")),
        format!("-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"),
    )?;
    Ok(jwk)
}

/// Whose tokens they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holders {
    /// A hundred clients that belong to nobody.
    Clients,
    /// A thousand people of a thousand tenants.
    Tenants,
}

/// The id of a tenant.
pub(super) fn tenant(number: u32) -> String {
    format!("t{number:03}")
}

/// A thousand different tokens that hold for an hour.
pub(super) fn tokens(bench: &Bench<'_>, alg: &str, of: Holders) -> Outcome<Vec<String>> {
    let (sh, portcullis) = (&bench.house.sh, &bench.portcullis);
    let key = bench.dir.join(format!("{alg}.private.json"));
    let now: u64 = cmd!(sh, "date +%s").quiet().read()?.parse().map_err(Trouble::new)?;
    let token = |number: u32| {
        let client = format!("client-{:03}", number % 100);
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": client, "client_id": client, "scope": "generate:basic",
            "iat": now, "exp": now + 3600, "jti": format!("01J0000000000000000000{number:04}"),
        });
        if let (Holders::Tenants, Some(claims)) = (of, claims.as_object_mut()) {
            claims.insert("tenant".into(), tenant(number).into());
            claims.insert("sub".into(), format!("usr_{number:03}").into());
        }
        Ok(cmd!(sh, "{portcullis} jose sign --key {key} --typ at+jwt")
            .quiet()
            .stdin(claims.to_string())
            .read()?)
    };
    (0..TOKENS).map(token).collect()
}

/// Writes a request for each token to a file for `load.lua`.
pub(super) fn requests(
    bench: &Bench<'_>,
    name: &str,
    path: &str,
    tokens: &[String],
) -> Outcome<PathBuf> {
    let requests: Vec<String> = tokens.iter().map(|token| request(path, token)).collect();
    file(bench, name, &requests)
}

/// Writes requests to a file for `load.lua`.
pub(super) fn file(bench: &Bench<'_>, name: &str, requests: &[String]) -> Outcome<PathBuf> {
    let file = bench.dir.join(format!("{name}.requests"));
    bench.house.sh.write_file(&file, requests.join("\0"))?;
    Ok(file)
}

/// A request with a token.
pub(super) fn request(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// The token with another character in its signature.
pub(super) fn tampered(token: &str) -> String {
    let (most, last) = token.split_at(token.len().saturating_sub(20));
    let (other, rest) =
        (if last.starts_with('A') { "B" } else { "A" }, last.get(1..).unwrap_or_default());
    format!("{most}{other}{rest}")
}

/// The set of these public keys.
pub(super) fn key_set(bench: &Bench<'_>, to: &Path, keys: &[Value]) -> Outcome {
    Ok(bench.house.sh.write_file(to, json!({ "keys": keys }).to_string())?)
}

/// A public JWK as RFC 5280 `SubjectPublicKeyInfo`: what HAProxy reads.
fn spki(jwk: &Value) -> Option<Vec<u8>> {
    const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    const P256: &[u8] =
        &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let member = |name: &str| unbase64url(jwk.get(name)?.as_str()?);
    let (algorithm, key) = if let (Some(n), Some(e)) = (member("n"), member("e")) {
        let integer = |bytes: &[u8]| der(2, &[&[0], bytes]);
        (RSA, der(0x30, &[&integer(&n), &integer(&e)]))
    } else {
        (P256, [&[4], &*member("x")?, &*member("y")?].concat())
    };
    Some(der(0x30, &[&der(0x30, &[algorithm]), &der(3, &[&[0], &key])]))
}

/// A tag, a length and content (X.690 §8.1). An INTEGER is given a leading zero: e = 65537 and n are positive.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut content = parts.concat();
    if tag == 2 && content.get(1).is_some_and(|first| *first < 0x80) {
        content.remove(0);
    }
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
    }
    out.extend(length);
    out.extend(content);
    out
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With padding, in lines of 64.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (at, chunk) in bytes.chunks(3).enumerate() {
        let bits = chunk
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for digit in 0..4 {
            let value = DIGITS.get(bits >> (18 - 6 * digit) & 63).copied().unwrap_or(b'=');
            out.push(if digit > chunk.len() { '=' } else { char::from(value) });
        }
        if at % 16 == 15 {
            out.push('\n');
        }
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn unbase64url(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_usize, 0);
    for byte in text.bytes() {
        let byte = match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        };
        bits = bits << 6 | DIGITS.iter().position(|digit| *digit == byte)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
        bits &= 0xff;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{base64, der, unbase64url};

    #[test]
    fn base64_goes_there_and_back() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            let text: String = base64(&bytes).lines().collect();
            let url = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
            assert_eq!(unbase64url(&url), Some(bytes));
        }
    }

    #[test]
    fn long_content_has_a_long_length() {
        assert_eq!(der(4, &[&[7; 3]]), [4, 3, 7, 7, 7]);
        assert_eq!(der(4, &[&[7; 300]]).get(..4), Some(&[4, 0x82, 1, 44][..]));
        assert_eq!(der(2, &[&[0], &[1, 0, 1]]), [2, 3, 1, 0, 1]);
    }
}
