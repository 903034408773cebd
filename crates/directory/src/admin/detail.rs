//! What the audit log says about a change.

use crate::{Client, ClientAuth, Registration};
use portcullis_types::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// A client as the audit log has it: no secret, and keys by their thumbprints.
pub(crate) fn described(client: &Client) -> BTreeMap<String, String> {
    let words = |items: Vec<String>| items.join(" ");
    let text = |item: Option<String>| item.unwrap_or_default();
    let since = |at: Option<Timestamp>| text(at.map(|at| at.to_string()));
    let keys = match (&client.auth, client.keys()) {
        (ClientAuth::TlsClient { matcher }, _) => matcher.to_string(),
        (_, Some(keys)) => keys.to_string(),
        (_, None) => String::new(),
    };
    let grants = client.grant_types.iter().map(ToString::to_string).collect();
    let scopes = client.scopes.iter().map(ToString::to_string).collect();
    let resources = client.resources.iter().map(ToString::to_string).collect();
    let all = [
        ("name", client.name.clone()),
        ("auth", client.auth.name().to_owned()),
        ("keys", keys),
        ("grant_types", words(grants)),
        ("scopes", words(scopes)),
        ("default_scope", text(client.default_scope.as_ref().map(ToString::to_string))),
        ("resources", words(resources)),
        ("default_resource", text(client.default_resource.as_ref().map(ToString::to_string))),
        ("tenant", text(client.tenant.as_ref().map(ToString::to_string))),
        ("disabled_since", since(client.disabled_since)),
        ("expires", since(client.expires)),
    ];
    let mut described = detailed(all);
    described.extend(registered(&client.registration));
    described.retain(|_, value| !value.is_empty());
    described
}

/// Each member of the registration that says something.
fn registered(registration: &Registration) -> BTreeMap<String, String> {
    let members = serde_json::to_value(registration).unwrap_or_default();
    let usual = serde_json::to_value(Registration::default()).unwrap_or_default();
    let Value::Object(members) = members else { return BTreeMap::new() };
    let news = members.into_iter().filter(|(name, value)| {
        // The keys are described by their thumbprints.
        name != "jwks" && usual.get(name) != Some(value)
    });
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    news.map(|(name, value)| (name, text(value))).collect()
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What changed, and what it is now.
pub(crate) fn difference(before: &Client, after: &Client) -> BTreeMap<String, String> {
    let (before, mut after) = (described(before), described(after));
    let gone = before.keys().filter(|name| !after.contains_key(*name)).cloned();
    let gone: Vec<_> = gone.collect();
    after.retain(|name, value| before.get(name) != Some(value));
    after.extend(gone.into_iter().map(|name| (name, "none".to_owned())));
    after
}

pub(crate) fn detailed<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
