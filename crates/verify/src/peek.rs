//! The claims of a token that nobody has vouched for: for records and for people. Never for a decision.

use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// The claims of a token as it says them. What is odd reads as absent, each claim for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Peek {
    /// `iss`.
    #[serde(deserialize_with = "text")]
    pub iss: Option<String>,
    /// `sub`.
    #[serde(deserialize_with = "text")]
    pub sub: Option<String>,
    /// `client_id`.
    #[serde(deserialize_with = "text")]
    pub client_id: Option<String>,
    /// `aud`, one or more.
    #[serde(deserialize_with = "texts")]
    pub aud: Vec<String>,
    /// `jti`.
    #[serde(deserialize_with = "text")]
    pub jti: Option<String>,
    /// `exp`, seconds since the epoch.
    #[serde(deserialize_with = "seconds")]
    pub exp: Option<i64>,
    /// `nbf`, seconds since the epoch.
    #[serde(deserialize_with = "seconds")]
    pub nbf: Option<i64>,
    /// `iat`, seconds since the epoch.
    #[serde(deserialize_with = "seconds")]
    pub iat: Option<i64>,
    /// `scope`.
    #[serde(deserialize_with = "text")]
    pub scope: Option<String>,
    /// `tenant`.
    #[serde(deserialize_with = "text")]
    pub tenant: Option<String>,
}

/// Reads what a payload claims. What is no JSON object claims nothing.
pub fn peek(payload: &[u8]) -> Peek {
    serde_json::from_slice(payload).unwrap_or_default()
}

/// Any JSON value, of which some are of use.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Whole(i64),
    Number(f64),
    List(Vec<Self>),
    Odd(IgnoredAny),
}

fn text<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    Said::deserialize(source).map(Said::text)
}

fn texts<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    Ok(match Said::deserialize(source)? {
        Said::List(list) => list.into_iter().filter_map(Said::text).collect(),
        one => one.text().into_iter().collect(),
    })
}

fn seconds<'de, D: Deserializer<'de>>(source: D) -> Result<Option<i64>, D::Error> {
    Ok(match Said::deserialize(source)? {
        Said::Whole(seconds) => Some(seconds),
        #[expect(clippy::cast_possible_truncation, reason = "a float saturates, and is only shown")]
        Said::Number(seconds) => Some(seconds.floor() as i64),
        Said::Text(_) | Said::List(_) | Said::Odd(_) => None,
    })
}

impl Said {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Whole(_) | Self::Number(_) | Self::List(_) | Self::Odd(_) => None,
        }
    }
}
