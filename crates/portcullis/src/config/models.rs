//! `[models.NAME]`: what is known of the models that requests may name.

use super::{findings::Findings, people::is_name, read::Section};
use portcullis_gateway::settings::{Model, Models};

/// The longest name of a model.
const LONGEST: usize = 256;

/// Every model. With an asterisk at its end a name stands for all that begin so.
pub(super) fn models(root: &mut Section<'_>, out: &mut Findings) -> Models {
    let entries = root.get("models").map(|models| models.entries(out)).unwrap_or_default();
    let mut models = Vec::new();
    for (name, value) in entries {
        let beginning = name.strip_suffix('*').unwrap_or(name);
        if name.is_empty() || name.len() > LONGEST || beginning.contains('*') {
            out.error(&value.place(), format!("'{name}' cannot be the name of a model")).expected(
                "the name as requests write it, or how such names begin and '*': \"gpt-*\"",
            );
        }
        let Some(mut table) = value.section(out) else { continue };
        let class = table.get("class").and_then(|class| {
            let text = class.text(out)?;
            if !is_name(text) {
                out.error(&class.place(), format!("'{text}' cannot be the name of a class"))
                    .expected("letters, digits, '.', '_' and '-', at most 64");
            }
            Some(text.to_owned())
        });
        let tenant = table.get("tenant").and_then(|tenant| tenant.parse(out));
        table.finish(out);
        models.push(Model { name: name.to_owned(), class, tenant });
    }
    Models::new(models)
}
