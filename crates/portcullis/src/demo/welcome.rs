//! What the demo says when it is ready: what runs, who may come in, and five commands to paste.

use super::{Demo, FREE_SCOPE, PREMIUM_SCOPE, Visitor};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::{env, fmt::Write, path::Path};

pub(super) const TITLE: Style = Style::new().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
pub(super) const COMMAND: Style = AnsiColor::Cyan.on_default();

impl Demo {
    /// The whole page.
    pub(super) fn welcome(&self) -> String {
        let mut page =
            format!("\n{TITLE}Portcullis is up.{TITLE:#} {QUIET}Ctrl-C stops it.{QUIET:#}\n\n");
        for (what, where_to, why) in [
            ("issuer", &self.issuer, "gives tokens"),
            ("gateway", &self.gateway, "lets requests through to a small model, or says why not"),
            ("admin", &self.admin, "/healthz /readyz /metrics"),
            ("app", &self.app, "open it in a browser and sign in"),
        ] {
            let _ = writeln!(page, "  {what:<9} {where_to}   {QUIET}{why}{QUIET:#}");
        }
        page.push('\n');
        for person in &self.people {
            let (login, password, role) = (person.login, person.password(), person.role);
            let _ = writeln!(page, "  {login:<12} {password}   {QUIET}{role}{QUIET:#}");
        }
        page.push('\n');
        for (visitor, may) in
            [(&self.free, FREE_SCOPE), (&self.premium, "generate:advanced as well")]
        {
            let (id, secret) = (visitor.id.as_str(), visitor.secret.expose());
            let _ = writeln!(page, "  {id:<12} {secret}   {QUIET}{may}{QUIET:#}");
        }
        page.push_str(&listed(&self.commands()));
        page
    }

    /// The same for programs: one object.
    pub(super) fn facts(&self) -> Value {
        let client = |visitor: &Visitor, scope: &str| {
            json!({
                "client_id": visitor.id, "client_secret": visitor.secret.expose(), "scope": scope,
            })
        };
        let person = |person: &super::Person| {
            json!({
                "login": person.login, "password": person.password(), "role": person.role,
            })
        };
        let people: Vec<Value> = self.people.iter().map(person).collect();
        let commands =
            self.commands().map(|(title, command)| json!({ "title": title, "command": command }));
        json!({
            "issuer": self.issuer, "gateway": self.gateway, "admin": self.admin,
            "config": self.config,
            "app": self.app,
            "people": people,
            "clients": [client(&self.free, FREE_SCOPE), client(&self.premium, PREMIUM_SCOPE)],
            "commands": commands,
        })
    }

    fn commands(&self) -> [(&'static str, String); 5] {
        let (issuer, gateway) = (&self.issuer, &self.gateway);
        let (id, secret) = (&self.free.id, self.free.secret.expose());
        let bearer = "-H \"Authorization: Bearer $TOKEN\"";
        let chat = |more: &str| {
            let said = r#""messages": [{"role": "user", "content": "What is a token?"}]"#;
            format!(
                "{gateway}/v1/chat/completions {bearer} \\\n  -H 'Content-Type: application/json' \\\n  \
                 -d '{{\"model\": \"portcullis-ngram-basic\", {said}{more}}}'"
            )
        };
        let token = format!(
            "TOKEN=$(curl -s {issuer}/token -u {id}:{secret} \\\n  -d grant_type=client_credentials | \
             sed 's/.*\"access_token\": *\"\\([^\"]*\\)\".*/\\1/'); echo \"$TOKEN\""
        );
        let premium = format!("'{gateway}/generate/premium?prompt=Hello' {bearer}");
        let why = format!(
            "{} explain --config {} \\\n  $(curl -s -o /dev/null -D - {premium} | \\\n  \
             sed -n 's/^x-decision-id: *\\(dec_[0-9A-Z]*\\).*/\\1/p')",
            program(),
            quoted(&self.config),
        );
        [
            ("Get a token", token),
            ("Call the model", format!("curl -s {}", chat(""))),
            ("Be refused: this token may not use the premium model", format!("curl -si {premium}")),
            ("Ask why", why),
            ("Stream", format!("curl -sN {}", chat(", \"stream\": true"))),
        ]
    }
}

/// Commands to paste, numbered.
pub(super) fn listed(commands: &[(&str, String)]) -> String {
    let mut page = String::new();
    for (number, (title, command)) in (1..).zip(commands) {
        let _ =
            writeln!(page, "\n{TITLE}{number}  {title}{TITLE:#}\n{COMMAND}{command}{COMMAND:#}");
    }
    page.push('\n');
    page
}

/// This program, as it can be called from here.
pub(super) fn program() -> String {
    let Ok(exe) = env::current_exe() else { return "portcullis".to_owned() };
    let named = |directory: std::path::PathBuf| directory.join("portcullis").canonicalize().ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let first = env::split_paths(&path).find_map(named);
    if first.is_some_and(|first| exe.canonicalize().is_ok_and(|exe| exe == first)) {
        return "portcullis".to_owned();
    }
    let below =
        env::current_dir().ok().and_then(|here| exe.strip_prefix(here).ok().map(Path::to_owned));
    quoted(below.as_deref().unwrap_or(&exe))
}

/// A path as a POSIX shell reads it.
pub(super) fn quoted(path: &Path) -> String {
    portcullis_audit::explain::shell_word(&path.to_string_lossy())
}
