//! Why a command ended early, and what to do about it.

use std::fmt;

/// What every step ends with.
pub(crate) type Outcome<T = ()> = Result<T, Trouble>;

/// A failure, said to a person.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: String,
    hint: Option<String>,
}

impl Trouble {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), hint: None }
    }

    /// What to do about it. The first hint is the nearest to the failure, so it stays.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint.get_or_insert_with(|| hint.to_string());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl From<xshell::Error> for Trouble {
    fn from(fault: xshell::Error) -> Self {
        Self::new(fault)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(fault: std::io::Error) -> Self {
        Self::new(fault)
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(fault: serde_json::Error) -> Self {
        Self::new(fault)
    }
}
