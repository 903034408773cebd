//! `prompt` (OpenID Connect Core §3.1.2.1): what the person must be shown, or that nothing may be.

use super::parameters::unfit;
use portcullis_types::Denial;
use serde::{Deserialize, Serialize};

/// What the app wants to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prompt {
    /// Nothing: answer at once, whatever the answer is.
    None,
    /// A sign-in, even of somebody who is signed in.
    Login,
    /// The consent, even if it was given before.
    Consent,
    /// Whom to sign in as.
    SelectAccount,
}

impl Prompt {
    /// All there are.
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The word in `prompt`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// The prompts of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Prompts(Vec<Prompt>);

impl Prompts {
    /// Reads the parameter. `none` goes with no other.
    pub(crate) fn read(value: Option<&str>) -> Result<Self, Denial> {
        let words = value.unwrap_or_default().split(' ').filter(|word| !word.is_empty());
        let known = |word: &str| Prompt::ALL.into_iter().find(|prompt| prompt.name() == word);
        let prompts: Option<Vec<_>> = words.map(known).collect();
        let Some(prompts) = prompts else {
            return Err(unfit("prompt", "must be of none, login, consent and select_account"));
        };
        if prompts.contains(&Prompt::None) && prompts.iter().any(|prompt| *prompt != Prompt::None) {
            return Err(unfit("prompt", "must not name none together with another"));
        }
        Ok(Self(prompts))
    }

    /// Whether it was asked for.
    pub(crate) fn has(&self, prompt: Prompt) -> bool {
        self.0.contains(&prompt)
    }

    /// Whether the person must sign in, or choose, again.
    pub(crate) fn sign_in(&self) -> bool {
        self.has(Prompt::Login) || self.has(Prompt::SelectAccount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_goes_alone() {
        assert!(Prompts::read(Some("none")).unwrap().has(Prompt::None));
        assert!(Prompts::read(Some("login consent")).unwrap().sign_in());
        assert_eq!(Prompts::read(None).unwrap(), Prompts::default());
        for bad in ["none login", "create", "LOGIN", "login,consent"] {
            assert!(Prompts::read(Some(bad)).is_err(), "{bad}");
        }
    }
}
