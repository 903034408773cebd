//! `portcullis tenant apply`

use crate::{
    cli::{
        Exit, Format, Outcome, Stop, house,
        person::{acting, refused},
        talk,
    },
    clock::Chance,
};
use portcullis_directory::{Directory, Fault, TenantProblem, TenantRecord};
use portcullis_types::Tenant;
use std::path::{Path, PathBuf};

/// Make tenants what their files say; all of them, or none if one has a mistake.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Apply {
    /// Each is named for its tenant: t123.toml.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only say what is wrong.
    #[arg(long)]
    dry_run: bool,
}

impl Apply {
    pub(super) async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let mut wrong = Vec::new();
        let mut records = Vec::new();
        for file in &self.files {
            match read(file, directory) {
                Ok(read) => records.push(read),
                Err(problems) => wrong.push((file, problems)),
            }
        }
        if !wrong.is_empty() {
            return Err(told(&wrong));
        }
        let (actor, mut chance) = (house::actor(), Chance);
        for (id, record) in records {
            if self.dry_run {
                talk(format_args!("tenant {id}: no mistakes"));
                continue;
            }
            let before = directory.tenant(&id).map(|tenant| tenant.version);
            let by = acting(&mut chance, &actor);
            let applied = directory.apply_tenant(by, &id, record, Some(before.unwrap_or(0))).await;
            let tenant = applied.map_err(refused)?;
            let word = match before {
                None => "is there now",
                Some(version) if version == tenant.version => "is as it was",
                Some(_) => "is changed",
            };
            talk(format_args!("tenant {id} {word}"));
            if format == Format::Json {
                format.print(&tenant.view(), String::new)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn read(file: &Path, directory: &Directory) -> Result<(Tenant, TenantRecord), Vec<TenantProblem>> {
    let whole = |problem: String, remedy: &str| {
        vec![TenantProblem { field: String::new(), problem, remedy: remedy.to_owned() }]
    };
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let id = Tenant::new(name).map_err(|fault| {
        whole(format!("'{name}' is no tenant: {fault}"), "name the file for it")
    })?;
    let text = std::fs::read_to_string(file)
        .map_err(|fault| whole(format!("it cannot be read: {fault}"), ""))?;
    let record: TenantRecord = toml::from_str(&text)
        .map_err(|fault| whole(fault.to_string().trim_end().to_owned(), "see docs/tenants.md"))?;
    let problems = record.problems(&id, directory.issuer(), &directory.contracts());
    if problems.is_empty() { Ok((id, record)) } else { Err(problems) }
}

/// Every mistake of every file.
fn told(wrong: &[(&PathBuf, Vec<TenantProblem>)]) -> Stop {
    let mut lines = Vec::new();
    for (file, problems) in wrong {
        for TenantProblem { field, problem, remedy } in problems {
            let place = if field.is_empty() { String::new() } else { format!(" {field}:") };
            let remedy = if remedy.is_empty() { String::new() } else { format!(" ({remedy})") };
            lines.push(format!("{}:{place} {problem}{remedy}", file.display()));
        }
    }
    Stop::with(Exit::Refused, Fault::Invalid(lines.join("\n       "))).hint("nothing was changed")
}
