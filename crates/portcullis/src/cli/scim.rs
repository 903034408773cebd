//! `portcullis scim`

use super::{
    Exit, Format, Globals, House, Outcome, Stop, data, dated, house,
    person::{acting, refused},
    table, talk, ttl,
};
use crate::clock::Chance;
use clap::Subcommand;
use portcullis_types::Ttl;
use secrecy::ExposeSecret as _;

const EXAMPLES: &str = "Examples:
  portcullis scim token entra
  portcullis scim list
  portcullis scim remove scm_01j8…";

/// Let a company's directory create, change and disable people (SCIM 2.0).
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum ScimCommand {
    Token(Token),
    /// List the tokens.
    List,
    /// End a token at once.
    Remove(Remove),
}

/// Make a token for a directory; it is shown this once.
#[derive(Debug, clap::Args)]
pub(super) struct Token {
    /// What you call the directory.
    name: String,
    /// How long it works.
    #[arg(long, default_value = "365d", value_parser = ttl)]
    ttl: Ttl,
}

/// A token, by its id.
#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// scm_….
    id: String,
}

impl ScimCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        let format = globals.format;
        house::block_on(async {
            let directory = house.directory().await?;
            let (actor, mut chance) = (house::actor(), Chance);
            match self {
                Self::Token(token) => {
                    let by = acting(&mut chance, &actor);
                    let made = directory.make_scim_token(by, &token.name, token.ttl).await;
                    let (facts, secret) = made.map_err(refused)?;
                    let base = house.issuer()?.as_str().trim_end_matches('/').to_owned();
                    talk(format_args!(
                        "{} works until {}; give it to the directory, with the address {base}/scim/v2",
                        facts.id, facts.expires
                    ));
                    let secret = secret.expose_secret();
                    match format {
                        Format::Text => data(format_args!("{secret}\n")),
                        Format::Json => {
                            let value = serde_json::json!({ "id": facts.id, "token": secret });
                            format.print(&value, String::new)
                        }
                    }
                }
                Self::List => {
                    let tokens = directory.scim_tokens().await.map_err(refused)?;
                    let mut json = serde_json::to_value(&tokens).map_err(Stop::cannot_run)?;
                    dated(&mut json, &["created", "expires", "last_used"]);
                    let rows: Vec<[String; 4]> = tokens
                        .iter()
                        .map(|token| {
                            let used =
                                token.last_used.map_or_else(|| "never".into(), |at| at.to_string());
                            [token.id.clone(), token.name.clone(), token.expires.to_string(), used]
                        })
                        .collect();
                    format.print(&json, || table(["ID", "NAME", "EXPIRES", "LAST USED"], &rows))
                }
                Self::Remove(remove) => {
                    let by = acting(&mut chance, &actor);
                    directory.remove_scim_token(by, &remove.id).await.map_err(refused)?;
                    talk(format_args!("{} works no more", remove.id));
                    Ok(Exit::Done)
                }
            }
        })
    }
}
