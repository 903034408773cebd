//! `portcullis tenant check`: what an exchange would yield, and why, before anybody asks for one.

use crate::{
    cli::{Exit, Format, House, Outcome, Stop, data, explain::by_hand, put, table},
    clock,
    config::Config,
};
use clap::ValueEnum;
use portcullis_directory::{Directory, KnownTenant};
use portcullis_issuer::{
    Partners,
    trial::{self, Question, Tried},
};
use portcullis_types::{ClientId, Denial, Mark, Scopes, Tenant};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::fmt::Write as _;

/// Show with a real token of a tenant's provider what an exchange would yield, step by step. Nothing is issued, and
/// the token is not used up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis tenant check t123 --token token.jwt
  portcullis tenant check t123 --token id-token.jwt --kind id-token
  portcullis tenant check t123 --token token.jwt --client a-app --scope analytics:read")]
pub(in crate::cli) struct Check {
    /// As it stands in scopes: t123.
    #[arg(value_name = "TENANT")]
    id: Tenant,
    /// A file with the token, or - for standard input. The token itself works too, but others can read it there.
    #[arg(long, value_name = "FILE")]
    token: SecretString,
    /// As what it would be sent.
    #[arg(long, value_enum, default_value = "access-token")]
    kind: Kind,
    /// The client that would send it; its allow-list counts then, too.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<ClientId>,
    /// What it would ask for; without it, all that the token allows.
    #[arg(long, value_name = "SCOPES")]
    scope: Option<Scopes>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    IdToken,
    AccessToken,
    Jwt,
    /// An identity assertion of the jwt-bearer grant.
    IdJag,
}

impl From<Kind> for trial::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::IdToken => Self::IdToken,
            Kind::AccessToken => Self::AccessToken,
            Kind::Jwt => Self::Jwt,
            Kind::IdJag => Self::IdJag,
        }
    }
}

impl Check {
    pub(super) async fn run(self, house: &House, directory: &Directory, format: Format) -> Outcome {
        let tenant = super::known(directory, &self.id)?;
        let (_, token) = by_hand::token(&self.token)?;
        let token = token.expose_secret();
        let partners = partners(&house.config)?;
        let client = self.client.as_ref().map(|id| {
            directory.client(id).ok_or_else(|| {
                Stop::refused(format!("there is no client {id}"))
                    .hint("'portcullis client list' shows all")
            })
        });
        let client = client.transpose()?;
        let question = Question {
            token,
            kind: self.kind.into(),
            client: client.as_deref(),
            scope: self.scope.as_ref(),
        };
        let tried = trial::tried((directory, &partners), &tenant, question, clock::now()).await;
        let tried = tried.map_err(Stop::cannot_run)?;
        let good = tried.iter().any(Tried::is_good);
        match format {
            Format::Json => {
                let all: Vec<_> = tried.iter().map(Tried::view).collect();
                format.print(&json!({ "tenant": tenant.id, "trusts": all }), String::new)?;
            }
            Format::Text => {
                put(format_args!("{}", heading(&tenant)))?;
                for one in &tried {
                    put(format_args!("{}", text(one)))?;
                }
                if tried.is_empty() {
                    data(format_args!("It trusts nobody: add a [[trust]].\n"))?;
                }
            }
        }
        Ok(if good && tenant.halted.is_none() { Exit::Done } else { Exit::Refused })
    }
}

fn partners(config: &Config) -> Result<Partners, Stop> {
    let issuing = config.issuer.as_ref();
    let issuing = issuing.ok_or_else(|| Stop::cannot_run("there is no [issuer] here"))?;
    Ok(Partners::new(crate::serve::outgoing(issuing)?))
}

fn heading(tenant: &KnownTenant) -> String {
    let mut text = format!(
        "tenant {} ({}), tier {}, {}\n",
        tenant.id,
        tenant.record.name,
        tenant.record.tier,
        super::show::state(tenant)
    );
    for found in &tenant.problems {
        let (field, problem) = (&found.field, &found.problem);
        let _ = writeln!(text, "  its record is not good any more: {field}: {problem}");
    }
    text
}

const fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "passed",
        Mark::Failed => "FAILED",
        Mark::NotReached => "-",
    }
}

fn text(tried: &Tried) -> String {
    let mut text = format!("\ntrust {}: {}\n\n", tried.trust.name(), tried.trust.issuer());
    let steps = tried.seen.course.rows().map(|row| {
        [mark(row.mark).to_owned(), row.step.title().to_owned(), row.step.source().to_owned()]
    });
    text += &table(["", "STEP", "SOURCE"], &steps.collect::<Vec<_>>());
    if !tried.seen.conditions.is_empty() {
        let rows = tried.seen.conditions.iter().map(|row| {
            let held = if row.held { "holds" } else { "DOES NOT HOLD" };
            let found = row.found.clone().unwrap_or_else(|| "nothing".to_owned());
            [held.to_owned(), row.claim.clone(), row.wanted.clone(), found]
        });
        text += "\n";
        text += &table(["", "CONDITION", "WANTED", "FOUND"], &rows.collect::<Vec<_>>());
    }
    if !tried.seen.mapping.is_empty() {
        let rows = tried.seen.mapping.iter().map(|row| {
            [
                row.scope.clone(),
                row.from.clone(),
                row.dropped.as_deref().unwrap_or("stays").to_owned(),
            ]
        });
        text += "\n";
        text += &table(["SCOPE", "FROM", ""], &rows.collect::<Vec<_>>());
    }
    text += "\n";
    text += &outcome(tried);
    text
}

fn outcome(tried: &Tried) -> String {
    let refused = |denial: &Denial| {
        let remedy = denial.remedy_for_operator();
        format!(
            "An exchange would be refused: {}.\nfound     {}\nexpected  {}\nto do     {}\n",
            denial.code().description,
            denial.found(),
            denial.expected(),
            remedy.change
        )
    };
    match (&tried.seen.outcome, &tried.yields) {
        (Err(denial), _) => refused(denial),
        (Ok(_), Some(Err(denial))) => refused(denial),
        (Ok(subject), Some(Ok(narrowed))) => {
            let mut text = format!(
                "An exchange would yield, until {} at the latest:\nsub       {}\nscope     {}\n",
                narrowed.rights.expires, subject.principal, narrowed.rights.scopes
            );
            if !narrowed.rights.details.is_empty() {
                let _ = writeln!(text, "details   {}", narrowed.rights.details);
            }
            for lost in &narrowed.dropped {
                let _ = writeln!(text, "without   {} ({})", lost.scope, lost.by);
            }
            text
        }
        (Ok(_), None) => String::new(),
    }
}
