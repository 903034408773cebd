//! Forms (`application/x-www-form-urlencoded`), strictly: nothing that reads two ways, no name twice.

use axum::body::{Body, Bytes, to_bytes};
use http::{HeaderMap, header};
use std::{fmt, time::Duration};

/// More than any form of ours holds.
const LIMIT: usize = 64 * 1024;
/// For the whole body: it fits into a few packets.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any form of ours has.
const FIELDS: usize = 64;

/// Why a form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// Another content type, or another charset than UTF-8.
    #[error("the content type must be application/x-www-form-urlencoded, in UTF-8")]
    ContentType,
    /// `Content-Encoding`.
    #[error("the body must not be compressed")]
    Compressed,
    /// Too much, or the connection broke.
    #[error("the body is larger than 64 KiB, or was cut off")]
    Body,
    /// Too slow.
    #[error("the body did not come in time")]
    Late,
    /// A broken escape, or no UTF-8.
    #[error("the body is not form-encoded UTF-8")]
    Malformed,
    /// Too many fields.
    #[error("there are too many fields")]
    Many,
    /// A name that occurs twice.
    #[error("a field occurs more than once")]
    Twice,
}

/// The fields of a form. `Debug` shows their names only.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a request's whole body.
    pub async fn read(headers: &HeaderMap, body: Body) -> Result<Self, FormFault> {
        is_form(headers)?;
        Self::parse(&bytes(headers, body).await?)
    }

    /// From encoded text: a body, or a query.
    pub fn parse(encoded: &[u8]) -> Result<Self, FormFault> {
        let pairs = pairs(encoded).ok_or(FormFault::Malformed)?;
        if pairs.len() > FIELDS {
            return Err(FormFault::Many);
        }
        let again = |(place, (name, _)): (usize, &(String, String))| {
            pairs.iter().take(place).any(|(before, _)| before == name)
        };
        if pairs.iter().enumerate().any(again) {
            return Err(FormFault::Twice);
        }
        Ok(Self(pairs))
    }

    /// From fields that came in another way.
    pub fn of<const N: usize>(fields: [(&str, Option<String>); N]) -> Self {
        let some = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value?));
        Self(fields.into_iter().filter_map(some).collect())
    }

    /// The value of a field. An empty one is as good as none.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(found, _)| found == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Takes the value of a field out: for secrets, which are kept elsewhere.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(place).1).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// `application/x-www-form-urlencoded`.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// `application/json`.
pub const JSON: &str = "application/json";

/// That the body is a form.
pub fn is_form(headers: &HeaderMap) -> Result<(), FormFault> {
    if media_type(headers).as_deref() == Some(FORM) { Ok(()) } else { Err(FormFault::ContentType) }
}

/// Whether the body is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).as_deref() == Some(JSON)
}

/// Exactly one content type, with no parameter but `charset=utf-8`; without it and in lower case.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let text = value.to_str().ok()?.to_ascii_lowercase();
    let mut pieces = text.split(';').map(str::trim);
    let kind = pieces.next()?.to_owned();
    let utf8 = pieces.all(|piece| matches!(piece, "" | "charset=utf-8" | "charset=\"utf-8\""));
    utf8.then_some(kind)
}

/// A whole body of at most 64 KiB, which must come within ten seconds and not be compressed.
pub async fn bytes(headers: &HeaderMap, body: Body) -> Result<Bytes, FormFault> {
    within(PATIENCE, headers, body).await
}

async fn within(patience: Duration, headers: &HeaderMap, body: Body) -> Result<Bytes, FormFault> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(FormFault::Compressed);
    }
    match tokio::time::timeout(patience, to_bytes(body, LIMIT)).await {
        Ok(read) => read.map_err(|_| FormFault::Body),
        Err(_) => Err(FormFault::Late),
    }
}

/// Names and values in their order, repeated names too. `None` for what only looks form-encoded.
pub fn pairs(encoded: &[u8]) -> Option<Vec<(String, String)>> {
    let pieces = encoded.split(|b| *b == b'&').filter(|piece| !piece.is_empty());
    let pair = |piece: &[u8]| {
        let equals = piece.iter().position(|b| *b == b'=').unwrap_or(piece.len());
        let (name, value) = piece.split_at_checked(equals)?;
        Some((decode(name)?, decode(value.get(1..).unwrap_or_default())?))
    };
    pieces.map(pair).collect()
}

/// One form-encoded word. `None` for a broken escape, for what must have been escaped, and for what is
/// not UTF-8: a decoder that mends those would read another word than the sender's own.
pub fn decode(word: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(word.len());
    let mut bytes = word.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                let code = digit()? * 16 + digit()?;
                out.push(u8::try_from(code).ok()?);
            }
            b if b.is_ascii_control() || !b.is_ascii() => return None,
            b => out.push(*b),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_strictly() {
        let form = Form::parse(b"login=a%40b.example&password=x+y&empty=").unwrap();
        assert_eq!(form.get("login"), Some("a@b.example"));
        assert_eq!(form.get("password"), Some("x y"));
        assert_eq!(form.get("empty"), None);
        assert_eq!(format!("{form:?}"), r#"{"login", "password", "empty"}"#);
        assert_eq!(Form::parse(b"a=1&a=1").unwrap_err(), FormFault::Twice);
        for malformed in ["a=%4", "a=%zz", "a=%ff", "a=\u{e9}"] {
            let fault = Form::parse(malformed.as_bytes()).unwrap_err();
            assert_eq!(fault, FormFault::Malformed, "{malformed}");
        }
        assert_eq!(Form::parse("a&".repeat(2).as_bytes()).unwrap_err(), FormFault::Twice);
    }

    #[tokio::test]
    async fn only_a_form_is_a_form() {
        let read = async |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            Form::read(&headers, Body::from("a=1")).await.map(|form| form.get("a").is_some())
        };
        assert_eq!(read("application/x-www-form-urlencoded; charset=UTF-8").await, Ok(true));
        for other in ["text/plain", "multipart/form-data", "application/json"] {
            assert_eq!(read(other).await, Err(FormFault::ContentType), "{other}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let first = futures_util::stream::once(async { Ok::<_, std::io::Error>("grant_type=") });
        let stalled = futures_util::StreamExt::chain(first, futures_util::stream::pending());
        let body = Body::from_stream(stalled);
        let read = within(Duration::from_millis(20), &HeaderMap::new(), body).await;
        assert_eq!(read, Err(FormFault::Late));
    }

    #[test]
    fn a_secret_is_taken_out() {
        let mut form = Form::parse(b"password=x&login=y").unwrap();
        assert_eq!(form.take("password").as_deref(), Some("x"));
        assert_eq!(form.get("password"), None);
        assert_eq!(form.get("login"), Some("y"));
    }
}
