//! Clients as people and programs read them.

use super::app;
use crate::cli::{Format, Outcome, Stop, data, dated, table, talk};
use anstyle::Style;
use portcullis_directory::{Added, Client, ClientAuth};
use serde_json::Value;
use std::{fmt::Write, sync::Arc};

const STRONG: Style = Style::new().bold();

/// A client as programs read it.
pub(super) fn value(client: &Client) -> Result<Value, Stop> {
    let mut value = serde_json::to_value(client).map_err(Stop::cannot_run)?;
    dated(&mut value, &["created", "expires", "last_used", "disabled_since", "not_before"]);
    Ok(value)
}

/// A new client or secret; the secret itself, this once.
pub(super) fn added(added: &Added, format: Format) -> Outcome {
    let secret = added.secret.as_ref().map(portcullis_directory::ClientSecret::expose);
    match format {
        Format::Json => {
            let value = serde_json::json!({
                "client_id": added.client.id, "client_secret": secret, "client": value(&added.client)?,
            });
            format.print(&value, String::new)
        }
        Format::Text => {
            let mut text = format!("client_id      {STRONG}{}{STRONG:#}\n", added.client.id);
            if let Some(secret) = secret {
                let _ = writeln!(text, "client_secret  {STRONG}{secret}{STRONG:#}");
                talk("the secret is shown this once: keep it where only the client can read it");
            }
            data(text)
        }
    }
}

/// All clients.
pub(super) fn all(clients: &[Arc<Client>], format: Format) -> Outcome {
    let values = clients.iter().map(|client| value(client)).collect::<Result<Vec<_>, _>>()?;
    format.print(&values, || {
        if clients.is_empty() {
            talk("no client yet: portcullis client add NAME --api API --scope SCOPE");
            return String::new();
        }
        let rows: Vec<[String; 5]> = clients
            .iter()
            .map(|client| {
                [
                    client.id.to_string(),
                    state(client),
                    method(client).to_owned(),
                    words(&client.scopes),
                    client.name.clone(),
                ]
            })
            .collect();
        table(["CLIENT_ID", "STATE", "PROVES ITSELF BY", "MAY ASK FOR", "NAME"], &rows)
    })
}

/// One client, with everything but its secrets.
pub(super) fn one(client: &Client, format: Format) -> Outcome {
    format.print(&value(client)?, || {
        let optional = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        let mut rows: Vec<(&str, String)> = vec![
            ("client_id", client.id.to_string()),
            ("name", client.name.clone()),
            ("state", state(client)),
            ("proves itself by", method(client).to_owned()),
            ("may ask for", words(&client.scopes)),
            ("default scope", optional(client.default_scope.as_ref().map(ToString::to_string))),
            ("for", words(&client.resources)),
            (
                "default resource",
                optional(client.default_resource.as_ref().map(ToString::to_string)),
            ),
            ("tenant", optional(client.tenant.as_ref().map(ToString::to_string))),
            ("registered", client.created.to_string()),
        ];
        let grants = words(&client.grant_types);
        rows.push(("grants", grants));
        match (&client.auth, client.keys()) {
            (ClientAuth::TlsClient { matcher }, _) => {
                rows.push(("certificate", matcher.to_string()));
            }
            (_, Some(keys)) => rows.push(("keys", keys.to_string())),
            (_, None) => {}
        }
        if let Some(expires) = client.expires {
            rows.push(("ends", expires.to_string()));
        }
        let registered = app::described(&client.registration);
        rows.extend(registered.iter().map(|(name, value)| (name.as_str(), value.clone())));
        if let Some(before) = client.not_before {
            rows.push(("tokens from before", format!("{before} are ended")));
        }
        for secret in &client.secrets {
            let used = secret
                .last_used
                .map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
            let ends = secret.expires.map(|at| format!(", ends {at}")).unwrap_or_default();
            rows.push((
                "secret",
                format!("no. {}, made {}, {used}{ends}", secret.number, secret.created),
            ));
        }
        rows.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name:<18}  {value}");
            text
        })
    })
}

fn state(client: &Client) -> String {
    client
        .disabled_since
        .map_or_else(|| "enabled".to_owned(), |since| format!("disabled since {since}"))
}

fn method(client: &Client) -> &'static str {
    match &client.auth {
        ClientAuth::ClientSecret => "client_secret",
        ClientAuth::None => "nothing (public)",
        other => other.name(),
    }
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
