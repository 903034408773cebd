//! `portcullis grant`

use super::{
    Exit, Globals, House, Outcome, Stop, dated, house,
    person::{One, acting, find, refused},
    table, talk,
};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_directory::GrantFacts;
use portcullis_types::GrantId;

const EXAMPLES: &str = "Examples:
  portcullis grant list alice@example.com
  portcullis grant end grt_01j8…";

/// Look at what people granted to apps, and end it.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum GrantCommand {
    /// List a person's grants that are in force.
    List(One),
    End(End),
}

/// End grants: their refresh tokens at once, their access tokens within seconds.
#[derive(Debug, clap::Args)]
pub(super) struct End {
    /// Which.
    #[arg(value_name = "GRANT", required = true)]
    grants: Vec<GrantId>,
}

impl GrantCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let directory = house.directory().await?;
            match self {
                Self::List(one) => {
                    let person = find(&directory, &one.login).await?;
                    let grants = directory.grants_of(&person.id, clock::now()).await;
                    let grants = grants.map_err(refused)?;
                    let mut json = serde_json::to_value(&grants).map_err(Stop::cannot_run)?;
                    dated(&mut json, &["created", "last_used"]);
                    globals.format.print(&json, || rows(&grants))
                }
                Self::End(end) => {
                    let (actor, mut chance) = (house::actor(), Chance);
                    for id in &end.grants {
                        let by = acting(&mut chance, &actor);
                        if !directory.end_grant(by, id).await.map_err(refused)? {
                            return Err(Stop::refused(format!("no grant {id} is in force"))
                                .hint("'portcullis grant list LOGIN' shows those of a person"));
                        }
                        talk(format_args!("{id} is ended, with all its tokens"));
                    }
                    Ok(Exit::Done)
                }
            }
        })
    }
}

fn rows(grants: &[GrantFacts]) -> String {
    let rows: Vec<[String; 5]> = grants
        .iter()
        .map(|grant| {
            let what = format!("{} {}", grant.identity, grant.scope).trim().to_owned();
            let until = if grant.offline { "for long" } else { "with the session" };
            [
                grant.id.to_string(),
                grant.client_id.to_string(),
                what,
                until.to_owned(),
                grant.last_used.to_string(),
            ]
        })
        .collect();
    table(["GRANT", "APP", "WHAT", "LASTS", "LAST USED"], &rows)
}
