//! `portcullis scim`

use super::{
    Exit, Format, Globals, House, Outcome, Stop, data, dated, house,
    person::{acting, find, refused},
    table, talk, ttl,
};
use crate::clock::Chance;
use clap::Subcommand;
use portcullis_directory::Directory;
use portcullis_types::{Tenant, Ttl};
use secrecy::ExposeSecret as _;

const EXAMPLES: &str = "Examples:
  portcullis scim add entra
  portcullis scim add acme --tenant acme
  portcullis scim adopt entra alice@example.com bob@example.com
  portcullis scim token entra
  portcullis scim list
  portcullis scim remove scm_01j8…";

/// Let a company's directory create, change and disable its people (SCIM 2.0).
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum ScimCommand {
    Add(Add),
    Token(Token),
    Adopt(Adopt),
    /// List the directories and their tokens.
    List,
    /// End a token at once.
    Remove(Remove),
}

/// Make a directory, and its first token, which is shown this once.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The customer to whom its people belong.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<Tenant>,
    #[command(flatten)]
    token: Token,
}

/// Give people to a directory: it may change and disable them from now on, and say their addresses.
#[derive(Debug, clap::Args)]
pub(super) struct Adopt {
    /// The directory.
    name: String,
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN", required = true)]
    logins: Vec<String>,
}

/// Make another token for a directory; it is shown this once.
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
                Self::Add(add) => {
                    let (by, name) = (acting(&mut chance, &actor), &add.token.name);
                    directory.add_scim_directory(by, name, add.tenant).await.map_err(refused)?;
                    add.token.run(&house, &directory, format).await
                }
                Self::Token(token) => token.run(&house, &directory, format).await,
                Self::Adopt(adopt) => {
                    for login in &adopt.logins {
                        let person = find(&directory, login).await?;
                        let by = acting(&mut chance, &actor);
                        let adopted = directory.adopt_person(by, &adopt.name, &person.id).await;
                        adopted.map_err(refused)?;
                        talk(format_args!("{} is {}'s to change now", person.login, adopt.name));
                    }
                    Ok(Exit::Done)
                }
                Self::List => list(&directory, format).await,
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

impl Token {
    async fn run(self, house: &House, directory: &Directory, format: Format) -> Outcome {
        let (actor, mut chance) = (house::actor(), Chance);
        let by = acting(&mut chance, &actor);
        let made = directory.make_scim_token(by, &self.name, self.ttl).await;
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
}

/// Each token, and each directory that has none.
async fn list(directory: &Directory, format: Format) -> Outcome {
    let directories = directory.scim_directories().await.map_err(refused)?;
    let tokens = directory.scim_tokens().await.map_err(refused)?;
    let mut json = serde_json::to_value(&tokens).map_err(Stop::cannot_run)?;
    dated(&mut json, &["created", "expires", "last_used"]);
    let mut rows = Vec::new();
    for directory in directories {
        let tenant = directory.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
        let row = |id: &str, expires: String, used: String| {
            [directory.name.clone(), tenant.clone(), id.to_owned(), expires, used]
        };
        let mut own = tokens.iter().filter(|token| token.directory == directory.name).peekable();
        if own.peek().is_none() {
            rows.push(row("none", String::new(), String::new()));
        }
        for token in own {
            let used = token.last_used.map_or_else(|| "never".into(), |at| at.to_string());
            rows.push(row(&token.id, token.expires.to_string(), used));
        }
    }
    format.print(&json, || table(["DIRECTORY", "TENANT", "TOKEN", "EXPIRES", "LAST USED"], &rows))
}
