//! What a person types to sign in.

use std::fmt;

/// The most that a login has, in bytes: an address for mail fits (RFC 5321 §4.5.3.1).
const LONGEST: usize = 254;

/// A login in its one form: without space around it, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login(Box<str>);

/// The text is no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a login is 1 to 254 bytes of visible characters, with single spaces at most inside")]
pub struct LoginFault;

impl Login {
    /// Brings `text` into its one form.
    pub fn new(text: &str) -> Result<Self, LoginFault> {
        if text.len() > 4 * LONGEST {
            return Err(LoginFault);
        }
        let login = text.trim().to_lowercase();
        let visible = |c: char| c == ' ' || !(c.is_control() || c.is_whitespace() || hidden(c));
        let good = (1..=LONGEST).contains(&login.len())
            && login.chars().all(visible)
            && !login.contains("  ");
        if good { Ok(Self(login.into())) } else { Err(LoginFault) }
    }

    /// The login as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that nobody sees: with them two people could look like one.
const fn hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_login_however_it_is_typed() {
        for text in ["alice@example.com", " Alice@Example.COM\t", "ALICE@EXAMPLE.COM"] {
            assert_eq!(Login::new(text).unwrap().as_str(), "alice@example.com");
        }
        assert_eq!(Login::new("ÄNNE").unwrap().as_str(), "änne");
        let long = "a".repeat(255);
        for bad in ["", "  ", "a\nb", "a\u{200b}b", "a  b", "a\u{202e}b", long.as_str()] {
            assert_eq!(Login::new(bad), Err(LoginFault), "{bad:?}");
        }
    }
}
