//! The content of a message, as both APIs write it.

use serde::Deserialize;

use crate::refusal::Refusal;

/// A string, or an array of parts.
#[derive(Deserialize)]
#[serde(untagged, expecting = "content must be a string or an array of text parts")]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
pub(crate) struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

impl Content {
    /// Its text. Other parts (images, sounds) are refused: the model cannot read them.
    pub(crate) fn text(self) -> Result<String, Refusal> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Parts(parts) => parts.into_iter().map(Part::text).collect(),
        }
    }
}

impl Part {
    fn text(self) -> Result<String, Refusal> {
        if self.kind != "text" {
            let message =
                format!("This model reads parts of type `text` only, not `{}`.", self.kind);
            return Err(Refusal::parameter("messages", &message));
        }
        self.text.ok_or_else(|| {
            Refusal::parameter("messages", "A part of type `text` must have a `text`.")
        })
    }
}
