//! `authorization_details` (RFC 9396): limits that no scope can say, as a set of typed objects.
//!
//! Details take away, they never give: a right needs its scope, and where a set has objects of a type, also
//! one of those objects. So a set without objects of a type leaves that type unlimited, an object without a
//! field leaves that field unlimited, and who drops either widens. Daily limits are counted per subject, not
//! per token: two tokens with the same limit share it.

mod fault;
mod order;
mod reach;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use fault::{DetailsFault, DetailsProblem};
pub use reach::{Outside, Use};

use std::collections::{BTreeMap, BTreeSet};

/// A type of authorization details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetailType {
    /// Use of a model.
    AiModel,
    /// Use of a dataset.
    AiDataset,
    /// Use of a tool of an MCP server.
    McpTool,
}

/// A field that holds a list of names; each name allows one thing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetailList {
    /// Where it may be used: absolute URIs, compared byte by byte.
    Locations,
    /// What may be done.
    Actions,
    /// What a model may be asked for beyond plain text.
    Features,
    /// What kinds of data may be sent to a model.
    DataClasses,
    /// What a dataset may be used for.
    Purposes,
}

/// A field of `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetailLimit {
    /// Tokens in one answer.
    MaxOutputTokens,
    /// Tokens in a day, in and out.
    TokensPerDay,
    /// Money in a day, in ten-thousandths of a US dollar.
    UsdPerDay,
}

/// A value that an argument of a tool may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArgumentValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text, compared byte by byte.
    Text(Box<str>),
}

/// One object, valid by construction. A field that is absent limits nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Detail {
    kind: DetailType,
    identifier: Option<Box<str>>,
    lists: BTreeMap<DetailList, BTreeSet<Box<str>>>,
    limits: BTreeMap<DetailLimit, u64>,
    arguments: BTreeMap<Box<str>, BTreeSet<ArgumentValue>>,
}

/// A set of objects in canonical order, each once. The empty set limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Details(Vec<Detail>);

impl DetailType {
    /// All there are: `authorization_details_types_supported` (RFC 9396 §10).
    pub const ALL: [Self; 3] = [Self::AiModel, Self::AiDataset, Self::McpTool];

    /// The value of `type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiModel => "ai_model",
            Self::AiDataset => "ai_dataset",
            Self::McpTool => "mcp_tool",
        }
    }

    /// What may be done with one; nothing else is read, so that a slip of the pen is no silent loss.
    const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::AiModel => &["invoke", "stream", "export"],
            Self::AiDataset => &["read", "append", "delete"],
            Self::McpTool => &["call", "list", "read"],
        }
    }

    /// Its fields besides `type`.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::AiModel => {
                &["locations", "actions", "identifier", "limits", "features", "data_classes"]
            }
            Self::AiDataset => &["locations", "actions", "identifier", "purposes"],
            Self::McpTool => &["locations", "actions", "identifier", "arguments"],
        }
    }
}

impl DetailList {
    const ALL: [Self; 5] =
        [Self::Locations, Self::Actions, Self::Features, Self::DataClasses, Self::Purposes];

    /// The name of the field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Locations => "locations",
            Self::Actions => "actions",
            Self::Features => "features",
            Self::DataClasses => "data_classes",
            Self::Purposes => "purposes",
        }
    }
}

impl DetailLimit {
    const ALL: [Self; 3] = [Self::MaxOutputTokens, Self::TokensPerDay, Self::UsdPerDay];

    /// The name of the field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxOutputTokens => "max_output_tokens",
            Self::TokensPerDay => "tokens_per_day",
            Self::UsdPerDay => "usd_per_day",
        }
    }
}

impl Detail {
    /// Its type.
    pub const fn kind(&self) -> DetailType {
        self.kind
    }

    /// The one model, dataset or tool that it is about; `None` limits it to no one.
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    /// The names that a list allows; `None` limits nothing.
    pub fn list(&self, list: DetailList) -> Option<impl Iterator<Item = &str>> {
        self.lists.get(&list).map(|names| names.iter().map(|name| &**name))
    }

    /// Whether a list allows `name`, or is absent.
    pub fn allows(&self, list: DetailList, name: &str) -> bool {
        self.lists.get(&list).is_none_or(|names| names.contains(name))
    }

    /// A limit in its unit; `None` limits nothing.
    pub fn limit(&self, limit: DetailLimit) -> Option<u64> {
        self.limits.get(&limit).copied()
    }

    /// The arguments of a tool that are limited, each with the values that it may have.
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &BTreeSet<ArgumentValue>)> {
        self.arguments.iter().map(|(name, values)| (&**name, values))
    }

    /// As a fault names it.
    fn label(&self) -> String {
        match &self.identifier {
            Some(identifier) => format!("{} {identifier}", self.kind.name()),
            None => format!("{} without identifier", self.kind.name()),
        }
    }
}

impl Details {
    /// The most objects.
    pub const MAX: usize = 16;
    /// The longest text, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// The objects in canonical order.
    pub fn iter(&self) -> std::slice::Iter<'_, Detail> {
        self.0.iter()
    }

    /// The objects of one type.
    pub fn of_kind(&self, kind: DetailType) -> impl Iterator<Item = &Detail> + Clone {
        self.0.iter().filter(move |detail| detail.kind == kind)
    }

    /// How many objects.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn sorted(mut details: Vec<Detail>) -> Self {
        details.sort_unstable();
        details.dedup();
        Self(details)
    }
}

impl<'a> IntoIterator for &'a Details {
    type Item = &'a Detail;
    type IntoIter = std::slice::Iter<'a, Detail>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
