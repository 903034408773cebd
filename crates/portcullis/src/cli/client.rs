//! `portcullis client`

mod add;
mod app;
mod certificate;
mod invite;
mod show;
mod update;

use super::{Exit, Format, Globals, House, Outcome, Stop, house, talk};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_directory::{Acting, Directory};
use portcullis_types::{ClientId, Ttl};

const EXAMPLES: &str = "Examples:
  portcullis client add my-app --api text --scope generate:basic --scope model:list
  portcullis client add batch --api text --scope 'batch:*' --jwks batch.jwks.json
  portcullis client list
  portcullis client rotate-secret my-app --overlap 24h
  portcullis client disable my-app
  portcullis client invite 'the editor team' --uses 5 --ttl 7d";

/// Manage the clients that may ask for tokens.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum ClientCommand {
    Add(Box<add::Add>),
    /// List all clients.
    List,
    /// Show one client.
    Show(One),
    Update(Box<update::Update>),
    /// End a client at once: no more tokens, and those that are out open nothing.
    Disable(One),
    /// Let a disabled client in again.
    Enable(One),
    RotateSecret(Rotate),
    Invite(invite::Invite),
    /// List the invitations that are still good.
    Invitations,
    /// Take an invitation back.
    Withdraw(invite::Withdraw),
}

/// A client, by its id.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The client_id.
    #[arg(value_name = "CLIENT_ID")]
    id: ClientId,
}

/// Give a client a new secret; it is shown this once.
#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    /// The client_id.
    #[arg(value_name = "CLIENT_ID")]
    id: ClientId,
    /// How long the old secret works on; 0s ends it, and the client's tokens, at once.
    #[arg(long, default_value = "24h", value_parser = super::ttl)]
    overlap: Ttl,
}

impl ClientCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let directory = house.directory().await?;
            match self {
                Self::Add(add) => add.run(&house, &directory, globals.format).await,
                Self::List => show::all(&directory.list(), globals.format),
                Self::Show(one) => {
                    let client =
                        directory.client(&one.id).ok_or_else(|| unknown(&one.id, &directory))?;
                    show::one(&client, globals.format)
                }
                Self::Update(update) => update.run(&house, &directory, globals.format).await,
                Self::Disable(one) => disable(&one.id, &directory, globals.format).await,
                Self::Enable(one) => {
                    let client =
                        directory.enable(acting(&mut Chance, &house::actor()), &one.id).await;
                    let client = client.map_err(|fault| refused(fault, &directory))?;
                    talk(format_args!(
                        "client {} is enabled; a running server knows within a second",
                        one.id
                    ));
                    changed(&client, globals.format)
                }
                Self::Invite(invite) => invite.run(&house, &directory, globals.format).await,
                Self::Invitations => invite::all(&directory, globals.format).await,
                Self::Withdraw(withdraw) => withdraw.run(&directory).await,
                Self::RotateSecret(rotate) => rotate.run(&directory, globals.format).await,
            }
        })
    }
}

async fn disable(id: &ClientId, directory: &Directory, format: Format) -> Outcome {
    let client = directory.disable(acting(&mut Chance, &house::actor()), id).await;
    let client = client.map_err(|fault| refused(fault, directory))?;
    talk(format_args!("client {id} is disabled; a running server knows within a second"));
    changed(&client, format)
}

/// The talk has said it; data only for programs.
fn changed(client: &portcullis_directory::Client, format: Format) -> Outcome {
    match format {
        Format::Text => Ok(Exit::Done),
        Format::Json => format.print(&show::value(client)?, String::new),
    }
}

impl Rotate {
    async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let added = directory
            .rotate_secret(acting(&mut Chance, &house::actor()), &self.id, self.overlap)
            .await;
        let added = added.map_err(|fault| refused(fault, directory))?;
        match self.overlap.as_seconds() {
            0 => talk("the old secret is ended, and so are the tokens of this client"),
            _ => talk(format_args!("the old secret works for {} longer", self.overlap)),
        }
        show::added(&added, format)
    }
}

fn acting<'a>(chance: &'a mut Chance, actor: &'a str) -> Acting<'a> {
    Acting { actor, now: clock::now(), entropy: chance }
}

fn refused(fault: portcullis_directory::Fault, directory: &Directory) -> Stop {
    use portcullis_directory::Fault;
    match fault {
        Fault::UnknownClient(id) => unknown(&id, directory),
        Fault::Store(_) | Fault::Row { .. } | Fault::Busy | Fault::TooMany { .. } | Fault::Hash => {
            Stop::cannot_run(fault)
        }
        fault => Stop::refused(fault),
    }
}

fn unknown(id: &ClientId, directory: &Directory) -> Stop {
    let clients = directory.list();
    let known = clients.iter().map(|client| client.id.as_str());
    let stop = Stop::refused(format!("there is no client '{id}'"));
    match crate::config::did_you_mean(id.as_str(), known) {
        Some(hint) => stop.hint(hint),
        None => stop.hint("'portcullis client list' shows all"),
    }
}
