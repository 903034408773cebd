//! The five places where a policy is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a decision is taken. Each point has a package of its own, whose rule `decision` answers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
