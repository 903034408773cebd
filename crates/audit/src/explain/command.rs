//! Commands that one can paste: every value from a record is quoted, every secret only named.

use super::Surroundings;
use portcullis_types::{ClientId, Scopes};
use std::fmt::Write;

/// A token request by client credentials (RFC 6749 §4.4) for one API (RFC 8707).
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// The URL of the token endpoint.
    pub endpoint: &'a str,
    /// Who asks; `None` prints a placeholder.
    pub client_id: Option<&'a ClientId>,
    /// `client_secret_basic`, `client_secret_post` or `private_key_jwt`; `None` is the first.
    pub auth_method: Option<&'a str>,
    /// What to ask for; `None` asks for the default.
    pub scope: Option<&'a Scopes>,
    /// For which API; `None` asks for the default.
    pub resource: Option<&'a str>,
}

impl TokenRequest<'_> {
    /// As a `curl` command over several lines.
    pub fn curl(&self) -> String {
        let client = self.client_id.map_or("$CLIENT_ID", ClientId::as_str);
        let mut lines = vec![format!("curl {}", shell_word(self.endpoint))];
        match self.auth_method {
            Some("private_key_jwt") => {
                lines.push("-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into());
                lines.push("-d client_assertion=\"$CLIENT_ASSERTION\"".into());
            }
            Some("client_secret_post") => {
                lines.push(format!("-d client_id=\"{client}\""));
                lines.push("--data-urlencode client_secret=\"$CLIENT_SECRET\"".into());
            }
            _ => lines.push(format!("-u \"{client}:$CLIENT_SECRET\"")),
        }
        lines.push("-d grant_type=client_credentials".into());
        if let Some(scope) = self.scope.filter(|scope| !scope.is_empty()) {
            let pair = shell_word(&format!("scope={scope}"));
            lines.push(format!("--data-urlencode {pair}"));
        }
        if let Some(resource) = self.resource {
            let pair = shell_word(&format!("resource={resource}"));
            lines.push(format!("--data-urlencode {pair}"));
        }
        lines.join(" \\\n  ")
    }
}

/// `portcullis client update ID --add-scope S --add-api NAME`.
pub(super) fn client_update(
    id: &ClientId,
    scopes: &Scopes,
    resource: Option<&str>,
    around: &Surroundings<'_>,
) -> Option<String> {
    let mut line = format!("client update {}", shell_word(id.as_str()));
    for scope in scopes {
        let _ = write!(line, " --add-scope {}", shell_word(scope.as_str()));
    }
    if let Some(resource) = resource {
        let api = around.apis.iter().find(|api| api.resource.as_str() == resource);
        let _ = match api {
            Some(api) => write!(line, " --add-api {}", shell_word(api.name.as_str())),
            None => write!(line, " --add-resource {}", shell_word(resource)),
        };
    }
    (!scopes.is_empty() || resource.is_some()).then(|| portcullis(&line, around))
}

/// A command of this program, for the configuration that the record came from.
pub(super) fn portcullis(words: &str, around: &Surroundings<'_>) -> String {
    match around.config {
        Some(file) => format!("portcullis {words} --config {}", shell_word(file)),
        None => format!("portcullis {words}"),
    }
}

/// The text as one word of a POSIX shell, whatever it holds. Control characters are left out: a
/// command is pasted into a terminal.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if !clean.is_empty() && clean.chars().all(plain) && !clean.starts_with('~') {
        return clean;
    }
    format!("'{}'", clean.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{TokenRequest, shell_word};
    use portcullis_types::{ClientId, Scopes};

    #[test]
    fn no_value_can_leave_its_quotes() {
        assert_eq!(shell_word("https://gw.example.com/v1"), "https://gw.example.com/v1");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("$(reboot)"), "'$(reboot)'");
        assert_eq!(shell_word("'; reboot #\n"), r"''\''; reboot #'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_token_request_names_its_secret_and_quotes_its_scope() {
        let id = ClientId::new("free-app").unwrap();
        let scope = Scopes::parse("generate:advanced generate:basic").unwrap();
        let request = TokenRequest {
            endpoint: "https://id.example.com/token",
            client_id: Some(&id),
            auth_method: Some("client_secret_basic"),
            scope: Some(&scope),
            resource: Some("https://gw.example.com/v1"),
        };
        insta::assert_snapshot!(request.curl(), @r#"
        curl https://id.example.com/token \
          -u "free-app:$CLIENT_SECRET" \
          -d grant_type=client_credentials \
          --data-urlencode 'scope=generate:advanced generate:basic' \
          --data-urlencode resource=https://gw.example.com/v1
        "#);
        let by_key = TokenRequest { auth_method: Some("private_key_jwt"), ..request };
        assert!(by_key.curl().contains("client_assertion=\"$CLIENT_ASSERTION\""));
        assert!(!by_key.curl().contains("SECRET"));
    }
}
