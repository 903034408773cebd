//! A tenant as people and programs read it.

use crate::cli::{Format, Outcome, Stop, data};
use portcullis_directory::KnownTenant;

/// The file that 'tenant apply' reads, or JSON with what is known besides.
pub(super) fn one(tenant: &KnownTenant, format: Format) -> Outcome {
    match format {
        Format::Text => {
            let text = toml::to_string_pretty(&tenant.record).map_err(Stop::cannot_run)?;
            data(format_args!("# Tenant {}, {}.\n{text}", tenant.id, state(tenant)))
        }
        Format::Json => format.print(&tenant.view(), String::new),
    }
}

/// In words.
pub(super) fn state(tenant: &KnownTenant) -> String {
    match tenant.halted {
        None => "active".to_owned(),
        Some((halt, since)) => format!("{} {since}", halt.word()),
    }
}
