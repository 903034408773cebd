//! The bearer token of a request (RFC 6750 §2.1): in the header, and in no other place.

use http::{HeaderMap, header};

/// There is an `Authorization` that holds no bearer token, or more than one of them: two readers could take
/// different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Authorization must be one header with a bearer token")]
pub struct NoBearer;

/// The token; none without the header.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, NoBearer> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (all.next(), all.next());
    let Some(value) = first else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| second.is_none()).ok_or(NoBearer)?;
    let (scheme, token) = text.split_once(' ').ok_or(NoBearer)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(Some(token))
    } else {
        Err(NoBearer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_header_holds_one_token() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(|token| token.map(str::to_owned))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["bEARER  abc "]), Ok(Some("abc".into())));
        for bad in [&["Bearer"][..], &["Bearer "], &["Basic abc"], &["Bearer a", "Bearer b"], &[""]]
        {
            assert_eq!(read(bad), Err(NoBearer), "{bad:?}");
        }
    }
}
