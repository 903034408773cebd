//! `[tiers.NAME]`: what tenants may have for what they pay.

use super::{
    findings::{Findings, Place},
    people::is_name,
    read::{Section, Value},
};
use portcullis_directory::{Limits, Tier, Tiers};
use portcullis_types::{Details, Pattern, Registry};
use serde_json::json;

/// Every tier.
pub(super) fn tiers(root: &mut Section<'_>, registry: &Registry, out: &mut Findings) -> Tiers {
    let entries = root.get("tiers").map(|tiers| tiers.entries(out)).unwrap_or_default();
    let mut tiers = Tiers::new();
    for (name, value) in entries {
        if !is_name(name) {
            out.error(&value.place(), format!("'{name}' cannot be the name of a tier"))
                .expected("letters, digits, '.', '_' and '-', at most 64");
        }
        let place = value.place();
        let Some(mut table) = value.section(out) else { continue };
        let tier = tier(&mut table, (name, &place), registry, out);
        table.finish(out);
        tiers.insert(name.to_owned(), tier);
    }
    tiers
}

fn tier(
    table: &mut Section<'_>,
    (name, place): (&str, &Place),
    registry: &Registry,
    out: &mut Findings,
) -> Tier {
    let title = table.get("title").and_then(|title| title.text(out)).unwrap_or(name).to_owned();
    let scopes = table.need("scopes", "[\"generate:basic\"]", out);
    let scopes: Vec<(Pattern, _)> = scopes.map(|scopes| scopes.parse_list(out)).unwrap_or_default();
    for (pattern, place) in &scopes {
        if pattern.expand(registry).is_empty() {
            out.error(place, format!("no scope is meant by '{pattern}'"))
                .hint("a scope of your own needs a [[scope]]");
        }
    }
    let names = |table: &mut Section<'_>, key, out: &mut Findings| -> Vec<String> {
        let list: Vec<(String, _)> =
            table.get(key).map(|list| list.parse_list(out)).unwrap_or_default();
        list.into_iter().map(|(name, _)| name).collect()
    };
    let models = names(table, "models", out);
    let datasets = names(table, "datasets", out);
    let limits = limits(table, out);
    let price = table.get("price").and_then(|price| price.text(out)).map(str::to_owned);
    let details = details(&models, &datasets, limits.max_output_tokens);
    let details = details.unwrap_or_else(|fault| {
        out.error(place, fault.to_string());
        Details::default()
    });
    let scopes = scopes.into_iter().map(|(pattern, _)| pattern).collect();
    Tier { title, scopes, details, limits, price }
}

/// As `authorization_details` say it (RFC 9396).
fn details(
    models: &[String],
    datasets: &[String],
    most: Option<u32>,
) -> Result<Details, portcullis_types::DetailsFault> {
    let limited = |mut model: serde_json::Value| {
        if let (Some(most), Some(model)) = (most, model.as_object_mut()) {
            model.insert("limits".to_owned(), json!({ "max_output_tokens": most }));
        }
        model
    };
    let named = |model: &String| limited(json!({ "type": "ai_model", "identifier": model }));
    let mut all: Vec<_> = models.iter().map(named).collect();
    if models.is_empty() && most.is_some() {
        all.push(limited(json!({ "type": "ai_model" })));
    }
    all.extend(datasets.iter().map(|name| json!({ "type": "ai_dataset", "identifier": name })));
    Details::of(&all.into())
}

fn limits(table: &mut Section<'_>, out: &mut Findings) -> Limits {
    let mut number =
        |key, most: usize| table.get(key).and_then(|value: Value<'_>| value.number(1..=most, out));
    let small = |number: Option<usize>| number.and_then(|number| u32::try_from(number).ok());
    let million = 1_000_000;
    Limits {
        requests_per_minute: small(number("requests_per_minute", million)),
        tokens_per_day: number("tokens_per_day", 1_000_000_000_000)
            .and_then(|number| u64::try_from(number).ok()),
        max_output_tokens: small(number("max_output_tokens", million)),
        exchanges_per_minute: small(number("exchanges_per_minute", million)),
    }
}
