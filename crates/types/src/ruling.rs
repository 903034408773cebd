//! What a policy answers, and what records keep of it.

mod revision;

pub use revision::{NoRevision, Revision};

use crate::{Dropped, DroppedBy, Registry, Scopes};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::{fmt, str::FromStr};

/// Where a decision is taken. Each point has a package of its own, whose rule `decision` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// What a client may be granted.
    Client,
    /// What goes into a token.
    Token,
    /// What an exchange yields (RFC 8693).
    Exchange,
    /// Whether a request passes the gateway.
    Request,
    /// Whether an act of management is done.
    Manage,
}

/// The answer at one point.
///
/// `scopes` and `datasets` can only narrow: whoever asked intersects them with what there was
/// before. The engine does not know what there was, so it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whether it may happen.
    pub allow: bool,
    /// The most that may be left of the scopes; `None` leaves what there was, and adds nothing.
    #[serde(default)]
    pub scopes: Option<Scopes>,
    /// The most that may be left of the datasets, by id; `None` leaves what there was.
    #[serde(default)]
    pub datasets: Option<Vec<Box<str>>>,
    /// What the caller of the engine must see to if it allows.
    #[serde(default)]
    pub obligations: Obligations,
    /// Why, in the policy's words.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// Who decided: the policy, or a failure of it.
    pub cause: Cause,
    /// The bundle that decided.
    pub revision: Revision,
}

/// What must be seen to when something is allowed. An absent one asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligations {
    /// Tokens in the answer, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Requests in a minute, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Seconds that the token lives, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<u64>,
    /// The `acr` that the caller must reach first (RFC 9470).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<Box<str>>,
}

/// One reason, in the policy's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word for machines: `tier.model`.
    pub code: Box<str>,
    /// A sentence for people.
    pub text: Box<str>,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "detail")]
pub enum Cause {
    /// The policy, by its own rules.
    Policy,
    /// Nobody: the bundle has no policy for this point.
    Absent,
    /// Nobody: the decision is undefined, as when two rules contradict each other.
    Undefined,
    /// Nobody: the input was none of this point.
    Input,
    /// Nobody: the policy failed.
    Error(String),
    /// Nobody: the policy ran into its limit of instructions or of time.
    Limit(String),
    /// Nobody: the answer was no decision.
    Answer(String),
    /// Nobody: the policy server that is asked instead of the engine here did not answer. That may pass, so
    /// whoever waits for the decision is told to try again.
    Unreachable(String),
}

/// A decision of a policy as the audit log keeps it: enough to take it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruled {
    /// Where it was taken.
    pub point: Point,
    /// What came out.
    pub ruling: Ruling,
    /// What the policy was told.
    pub input: Json,
    /// What the bundle in shadow would have ruled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Ruling>,
    /// The name of the decision in the log of the policy server that was asked instead of the engine here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_log_id: Option<String>,
}

/// A JSON text that is written as the value that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub Box<str>);

impl Ruling {
    /// A denial that no policy spoke.
    pub fn failed(cause: Cause, revision: Revision) -> Self {
        let (scopes, datasets, reasons) = (None, None, Vec::new());
        let obligations = Obligations::default();
        Self { allow: false, scopes, datasets, obligations, reasons, cause, revision }
    }

    /// What of `scopes` it leaves, and what it takes away.
    pub fn narrow(&self, scopes: &Scopes, registry: &Registry) -> (Scopes, Vec<Dropped>) {
        let Some(most) = &self.scopes else { return (scopes.clone(), Vec::new()) };
        let lost = scopes.iter().filter(|scope| !registry.covers(most, scope));
        let by = || DroppedBy::Policy(self.words());
        let dropped: Vec<_> =
            lost.map(|scope| Dropped { scope: scope.clone(), by: by() }).collect();
        (scopes.minus(&dropped.iter().map(|lost| lost.scope.clone()).collect()), dropped)
    }

    /// Why it took something away, in its own words.
    pub fn words(&self) -> String {
        if self.reasons.is_empty() {
            return "it gives no reason".to_owned();
        }
        let reasons = self.reasons.iter().map(Reason::to_string);
        reasons.collect::<Vec<_>>().join("; ")
    }

    /// Why it was denied, for the operator: the policy's reasons, or what kept it from having any.
    pub fn grounds(&self) -> Vec<String> {
        match (&self.cause, self.reasons.as_slice()) {
            (Cause::Policy, []) => vec!["the policy gives no reason".to_owned()],
            (Cause::Policy, reasons) => reasons.iter().map(Reason::to_string).collect(),
            (cause, _) => vec![cause.to_string()],
        }
    }
}

impl Point {
    /// Every point, in the order of their entry rules in a compiled program.
    pub const ALL: [Self; 5] =
        [Self::Client, Self::Token, Self::Exchange, Self::Request, Self::Manage];

    /// `request`: the last part of its package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Token => "token",
            Self::Exchange => "exchange",
            Self::Request => "request",
            Self::Manage => "manage",
        }
    }

    /// `portcullis.request`: its package.
    pub fn package(self) -> &'static str {
        match self {
            Self::Client => "portcullis.client",
            Self::Token => "portcullis.token",
            Self::Exchange => "portcullis.exchange",
            Self::Request => "portcullis.request",
            Self::Manage => "portcullis.manage",
        }
    }

    /// `portcullis.request.decision`: its entry rule, without `data.`.
    pub fn entry(self) -> &'static str {
        match self {
            Self::Client => "portcullis.client.decision",
            Self::Token => "portcullis.token.decision",
            Self::Exchange => "portcullis.exchange.decision",
            Self::Request => "portcullis.request.decision",
            Self::Manage => "portcullis.manage.decision",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is none of the five points.
#[derive(Debug, thiserror::Error)]
#[error("a point is one of: client, token, exchange, request, manage")]
pub struct NoPoint;

impl FromStr for Point {
    type Err = NoPoint;
    fn from_str(text: &str) -> Result<Self, NoPoint> {
        Self::ALL.into_iter().find(|point| point.name() == text).ok_or(NoPoint)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.code)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("decided by the policy"),
            Self::Absent => f.write_str("denied: the bundle has no policy for this point"),
            Self::Undefined => f.write_str(
                "denied: the decision is undefined; two rules may contradict each other",
            ),
            Self::Input => f.write_str("denied: the input is none of this point"),
            Self::Error(detail) => write!(f, "denied: the policy failed: {detail}"),
            Self::Limit(detail) => write!(f, "denied: the policy ran into its limit: {detail}"),
            Self::Answer(detail) => write!(f, "denied: the answer is no decision: {detail}"),
            Self::Unreachable(detail) => {
                write!(f, "denied: the policy server did not answer: {detail}")
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(sink)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(source)?;
        Ok(Self(raw.into()))
    }
}
