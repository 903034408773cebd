//! The raw parameters of an authorization request (RFC 6749 §3.1, appendix B): each once, in UTF-8,
//! without control characters, of bounded length. What is wrong with one is told when it is looked at, so
//! that a client whose way back is sound hears of it there.

use portcullis_directory::excerpt;
use portcullis_types::{AuthorizationError, Denial};
use portcullis_web::form;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, btree_map::Entry};

/// The longest query or form, in bytes.
pub(crate) const LIMIT: usize = 64 * 1024;
/// More than all standards together have.
const MOST: usize = 64;
/// The longest `request` or `id_token_hint`, in bytes.
const LONGEST_JWT: usize = 16 * 1024;
/// The longest value of any other parameter, in bytes.
const LONGEST: usize = 4 * 1024;

type Read = Result<String, &'static str>;

/// The parameters by name. An absent one and an empty one are the same (RFC 6749 §3.1).
#[derive(Debug, Default)]
pub(crate) struct Parameters(BTreeMap<String, Read>);

impl Parameters {
    /// From a query or a form. The error is about the whole: nothing of it can be believed.
    pub(crate) fn of_form(text: &[u8]) -> Result<Self, Denial> {
        if text.len() > LIMIT {
            return Err(malformed("the parameters are longer than 64 KiB together"));
        }
        let mut this = Self::default();
        for piece in text.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
            let equals = piece.iter().position(|b| *b == b'=').unwrap_or(piece.len());
            let (name, value) = piece.split_at_checked(equals).unwrap_or((piece, b""));
            let Ok(name) = decode(name) else {
                return Err(malformed("the name of a parameter is not form-encoded UTF-8"));
            };
            this.insert(name, decode(value.get(1..).unwrap_or_default()))?;
        }
        Ok(this.without_empty())
    }

    /// From the claims of a request object (RFC 9101 §4): strings, numbers where the parameter is one, and
    /// JSON where the parameter is JSON.
    pub(crate) fn of_claims(claims: Map<String, Value>) -> Result<Self, Denial> {
        const ABOUT_THE_OBJECT: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];
        let mut this = Self::default();
        for (name, value) in claims {
            if ABOUT_THE_OBJECT.contains(&name.as_str()) {
                continue;
            }
            let value = match value {
                Value::String(text) => Ok(text),
                Value::Number(number) if name == "max_age" => Ok(number.to_string()),
                json @ Value::Object(_) if name == "claims" || name == "registration" => {
                    Ok(json.to_string())
                }
                json @ Value::Array(_) if name == "authorization_details" => Ok(json.to_string()),
                Value::Array(values) if name == "resource" => match values.as_slice() {
                    [Value::String(one)] => Ok(one.clone()),
                    _ => Err("must be one string"),
                },
                Value::Null => continue,
                _ => Err("must be a string"),
            };
            this.insert(name, value)?;
        }
        Ok(this.without_empty())
    }

    /// The value of a parameter, if it is there and fit to be read.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<&str>, Denial> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(problem)) => Err(unfit(name, problem)),
        }
    }

    /// The value of a parameter, or nothing if it cannot be read.
    pub(crate) fn peek(&self, name: &'static str) -> Option<&str> {
        self.0.get(name)?.as_deref().ok()
    }

    /// Takes a parameter out.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<String>, Denial> {
        let value = self.0.remove(name).transpose();
        value.map_err(|problem| unfit(name, problem))
    }

    /// Whether the parameter was sent, in whatever shape.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Nothing that was sent may be ambiguous, not even what nobody reads (RFC 6749 §3.1).
    pub(crate) fn all_fit(&self) -> Result<(), Denial> {
        let odd = self.0.iter().find_map(|(name, value)| Some((name, value.as_ref().err()?)));
        odd.map_or(Ok(()), |(name, problem)| Err(unfit(&excerpt(name), problem)))
    }

    fn insert(&mut self, name: String, value: Read) -> Result<(), Denial> {
        if self.0.len() >= MOST {
            return Err(malformed("there are too many parameters"));
        }
        let is_jwt = matches!(name.as_str(), "request" | "id_token_hint");
        let limit = if is_jwt { LONGEST_JWT } else { LONGEST };
        let value = value.and_then(|value| {
            if value.len() > limit {
                Err("is too long")
            } else if value.chars().any(char::is_control) {
                Err("holds a control character")
            } else {
                Ok(value)
            }
        });
        match self.0.entry(name) {
            Entry::Occupied(mut before) => drop(before.insert(Err("occurs more than once"))),
            Entry::Vacant(place) => drop(place.insert(value)),
        }
        Ok(())
    }

    /// Without those that were sent empty, once repetition was noticed.
    fn without_empty(mut self) -> Self {
        self.0.retain(|_, value| value.as_deref() != Ok(""));
        self
    }
}

fn decode(word: &[u8]) -> Read {
    form::decode(word).ok_or("is not form-encoded UTF-8")
}

/// `invalid_request` about one parameter.
pub(crate) fn unfit(parameter: &str, problem: &str) -> Denial {
    refuse(AuthorizationError::InvalidRequest, parameter, format!("{parameter} {problem}"))
}

/// `invalid_request` about the whole.
pub(crate) fn malformed(problem: &str) -> Denial {
    Denial::BadAuthorization {
        error: AuthorizationError::InvalidRequest,
        parameter: None,
        problem: problem.to_owned(),
    }
}

/// An error of the authorization endpoint, about one parameter.
pub(crate) fn refuse(
    error: AuthorizationError,
    parameter: &str,
    problem: impl Into<String>,
) -> Denial {
    let parameter = Some(parameter.to_owned());
    Denial::BadAuthorization { error, parameter, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parameters {
        Parameters::of_form(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_parameter_counts_once_and_an_empty_one_not_at_all() {
        let read = read("a=1&b=2&b=3&c=&d&e=%E4%B8%AD+x&f=%00&g=%zz&h=%ff&&c2=&c2=");
        assert_eq!(read.get("a").unwrap(), Some("1"));
        assert!(read.get("b").is_err(), "repeated");
        assert_eq!((read.get("c").unwrap(), read.get("d").unwrap()), (None, None));
        assert_eq!(read.get("e").unwrap(), Some("中 x"));
        for odd in ["f", "g", "h", "c2"] {
            let Some(value) = read.0.get(odd) else { panic!("{odd}") };
            assert!(value.is_err(), "{odd}");
        }
        assert!(read.all_fit().is_err());
    }

    #[test]
    fn limits_hold() {
        assert!(Parameters::of_form(&vec![b'a'; LIMIT + 1]).is_err());
        let many: Vec<String> = (0..=MOST).map(|n| format!("p{n}=1")).collect();
        assert!(Parameters::of_form(many.join("&").as_bytes()).is_err());
        let long = read(&format!("state={}&request={}", "s".repeat(4097), "r".repeat(16 * 1024)));
        assert!(long.get("state").is_err() && long.get("request").is_ok());
        assert!(Parameters::of_form(b"%ff=1").is_err(), "a name that is no name");
    }
}
