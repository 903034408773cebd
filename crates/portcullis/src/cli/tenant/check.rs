//! `portcullis tenant check`: what an exchange would yield, and why, before anybody asks for one.

use crate::{
    cli::{Exit, Format, House, Outcome, Stop, data, explain::by_hand, put, table},
    clock,
    config::Config,
};
use clap::ValueEnum;
use portcullis_directory::{Directory, KnownTenant};
use portcullis_issuer::Partners;
use portcullis_types::{
    Allows, Asked, ClientId, Denial, Details, Mark, Narrowed, Rights, Scopes, Side, Sides, Tenant,
};
use portcullis_verify::subject::{CheckedTrust, Examination, Offered, TokenKind, examine};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
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

/// How it went by one trust.
struct Tried<'t> {
    trust: &'t CheckedTrust,
    seen: Examination,
    /// What would be left of it.
    yields: Option<Result<Narrowed, Box<Denial>>>,
}

impl Check {
    pub(super) async fn run(self, house: &House, directory: &Directory, format: Format) -> Outcome {
        let tenant = super::known(directory, &self.id)?;
        let (_, token) = by_hand::token(&self.token)?;
        let token = token.expose_secret();
        let partners = partners(&house.config)?;
        let now = clock::now();
        let mut tried = Vec::new();
        for trust in &tenant.trusts {
            let keys = partners.keys(trust, now).await;
            let nobody = ClientId::new("tenant-check").map_err(Stop::cannot_run)?;
            let client = self.client.as_ref().unwrap_or(&nobody);
            let offered = match self.kind {
                Kind::IdToken => Offered::subject(token, TokenKind::IdToken, client),
                Kind::AccessToken => Offered::subject(token, TokenKind::AccessToken, client),
                Kind::Jwt => Offered::subject(token, TokenKind::Jwt, client),
                Kind::IdJag => Offered::assertion(token, client),
            };
            let seen = examine(&offered, trust, &keys, now);
            let yields = match &seen.outcome {
                Ok(subject) => {
                    let rights = trust.rights(subject, now);
                    Some(self.narrowed(house, directory, (&tenant, &rights))?)
                }
                Err(_) => None,
            };
            tried.push(Tried { trust, seen, yields });
        }
        let good = tried.iter().any(|one| matches!(one.yields, Some(Ok(_))));
        match format {
            Format::Json => {
                let all: Vec<_> = tried.iter().map(Tried::json).collect();
                format.print(&json!({ "tenant": tenant.id, "trusts": all }), String::new)?;
            }
            Format::Text => {
                put(format_args!("{}", heading(&tenant)))?;
                for one in &tried {
                    put(format_args!("{}", one.text()))?;
                }
                if tried.is_empty() {
                    data(format_args!("It trusts nobody: add a [[trust]].\n"))?;
                }
            }
        }
        Ok(if good && tenant.halted.is_none() { Exit::Done } else { Exit::Refused })
    }

    /// What the tenant's contract leaves, and the client, if one is named.
    fn narrowed(
        &self,
        house: &House,
        directory: &Directory,
        (tenant, rights): (&KnownTenant, &Rights),
    ) -> Result<Result<Narrowed, Box<Denial>>, Stop> {
        let client = match &self.client {
            Some(id) => Some(directory.client(id).ok_or_else(|| {
                Stop::refused(format!("there is no client {id}"))
                    .hint("'portcullis client list' shows all")
            })?),
            None => None,
        };
        let contract = directory.contract_of(tenant).map_err(Stop::refused)?;
        let nothing = Details::default();
        let expires = rights.expires;
        let every = Side { allows: Allows::Scopes(&rights.scopes), details: &nothing, expires };
        let asked = Asked { scopes: self.scope.as_ref(), details: &nothing, expires };
        let sides = Sides {
            subject: rights,
            client: client
                .as_ref()
                .map_or(every, |client| Side { allows: Allows::Patterns(&client.scopes), ..every }),
            tenant: Side {
                allows: Allows::Patterns(&contract.scopes),
                details: &contract.details,
                expires,
            },
            api: every,
            policy: every,
            reason: "",
            crossings: &tenant.crossings,
        };
        Ok(Rights::narrow(&asked, &sides, &house.config.registry))
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

impl Tried<'_> {
    fn text(&self) -> String {
        let mut text = format!("\ntrust {}: {}\n\n", self.trust.name(), self.trust.issuer());
        let steps = self.seen.course.rows().map(|row| {
            [mark(row.mark).to_owned(), row.step.title().to_owned(), row.step.source().to_owned()]
        });
        text += &table(["", "STEP", "SOURCE"], &steps.collect::<Vec<_>>());
        if !self.seen.conditions.is_empty() {
            let rows = self.seen.conditions.iter().map(|row| {
                let held = if row.held { "holds" } else { "DOES NOT HOLD" };
                let found = row.found.clone().unwrap_or_else(|| "nothing".to_owned());
                [held.to_owned(), row.claim.clone(), row.wanted.clone(), found]
            });
            text += "\n";
            text += &table(["", "CONDITION", "WANTED", "FOUND"], &rows.collect::<Vec<_>>());
        }
        if !self.seen.mapping.is_empty() {
            let rows = self.seen.mapping.iter().map(|row| {
                [row.scope.clone(), row.from.clone(), row.dropped.unwrap_or("stays").to_owned()]
            });
            text += "\n";
            text += &table(["SCOPE", "FROM", ""], &rows.collect::<Vec<_>>());
        }
        text += "\n";
        text += &self.outcome();
        text
    }

    fn outcome(&self) -> String {
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
        match (&self.seen.outcome, &self.yields) {
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

    fn json(&self) -> Value {
        let refused = |denial: &Denial| {
            json!({
                "code": denial.code().name,
                "found": denial.found(),
                "expected": denial.expected(),
                "remedy": denial.remedy_for_operator().change,
            })
        };
        let (yields, refusal) = match (&self.seen.outcome, &self.yields) {
            (Err(denial), _) => (None, Some(refused(denial))),
            (Ok(_), Some(Err(denial))) => (None, Some(refused(denial))),
            (Ok(subject), Some(Ok(narrowed))) => {
                let yields = json!({
                    "sub": subject.principal,
                    "scope": narrowed.rights.scopes,
                    "authorization_details": narrowed.rights.details,
                    "expires": narrowed.rights.expires.to_string(),
                    "dropped": narrowed.dropped,
                });
                (Some(yields), None)
            }
            (Ok(_), None) => (None, None),
        };
        json!({
            "trust": self.trust.name(),
            "issuer": self.trust.issuer(),
            "steps": self.seen.course.rows().collect::<Vec<_>>(),
            "conditions": self.seen.conditions,
            "mapping": self.seen.mapping,
            "yields": yields,
            "refused": refusal,
        })
    }
}
