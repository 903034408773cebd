//! How a partner's token was judged, as records keep it: by which trust, how each condition went, where each scope is
//! from.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The trust by which a token came furthest, and everything that was seen on that way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Whose trust.
    pub tenant: String,
    /// Which of theirs.
    pub trust: String,
    /// The question that ended it; `None`: it passed all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Cow<'static, str>>,
    /// How each condition went; empty if none was reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionRow>,
    /// Where each scope is from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapping: Vec<MappingRow>,
}

/// How a condition went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionRow {
    /// Which claim.
    pub claim: String,
    /// What was wanted.
    pub wanted: String,
    /// What was there, as JSON; `None` if nothing was.
    pub found: Option<String>,
    /// Whether it held.
    pub held: bool,
}

/// Where a scope of the subject is from, and whether it stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingRow {
    /// What gave it: the claim, a role, a group.
    pub from: String,
    /// The scope, as the token or the grant has it.
    pub scope: String,
    /// Why it does not stay.
    pub dropped: Option<Cow<'static, str>>,
}

impl Judged {
    /// More lines of each kind than these are in no record.
    pub const MOST: usize = 24;
}
