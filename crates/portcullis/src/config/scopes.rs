//! `[[scope]]`: the operator's own additions to the registry; and lists of scopes, wherever they stand.

use super::{
    findings::{Findings, Place},
    read::{Section, Value},
};
use portcullis_types::{Registry, Scope};

/// The registry with every addition that is right.
pub(super) fn registry(root: &mut Section<'_>, out: &mut Findings) -> Registry {
    let mut registry = Registry::standard();
    for mut table in root.tables("scope", out) {
        let family = table.need("family", "\"weather\"", out);
        let verb = table.need("verb", "\"read\"", out);
        let title =
            table.need("title", "\"Read forecasts.\"", out).and_then(|title| title.text(out));
        let brings: Vec<(Scope, Place)> =
            table.get("implies").map(|list| implied(&list, out)).unwrap_or_default();
        let place = family.as_ref().map_or_else(|| table.place().clone(), Value::place);
        let name =
            family.and_then(|family| family.text(out)).zip(verb.and_then(|verb| verb.text(out)));
        table.finish(out);
        let Some((family, verb)) = name else { continue };
        // A title that is missing hides nothing else, nor the scope from whoever names it.
        let title = title.unwrap_or("?");
        let implies: Vec<&str> = brings.iter().map(|(scope, _)| scope.as_str()).collect();
        match registry.clone().with(family, verb, title, &implies) {
            Ok(more) => registry = more,
            Err(fault) => {
                out.error(&place, fault.to_string());
            }
        }
    }
    registry
}

/// A list of scopes that all exist.
pub(super) fn known(
    list: &Value<'_>,
    registry: &Registry,
    out: &mut Findings,
) -> Vec<(Scope, Place)> {
    let mut scopes = list.parse_list::<Scope>(out);
    scopes.retain(|(scope, place)| match registry.known(scope) {
        Ok(()) => true,
        Err(fault) => {
            out.error(place, fault.to_string());
            false
        }
    });
    scopes
}

/// Unlike other lists this one may be empty.
fn implied(list: &Value<'_>, out: &mut Findings) -> Vec<(Scope, Place)> {
    if list.list(out).is_empty() { Vec::new() } else { list.parse_list(out) }
}
