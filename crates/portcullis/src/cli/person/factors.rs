//! `portcullis person factors`

use super::{acting, find, refused, show};
use crate::{
    cli::{Format, Outcome, house, talk},
    clock::Chance,
};
use clap::{ArgGroup, Subcommand};
use portcullis_directory::{Directory, Means};

/// The means by which a person signs in.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FactorsCommand {
    Remove(Remove),
}

/// Take passkeys or the authenticator app off a person who lost them. Ends all their sessions and grants.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("means").required(true).multiple(false))]
pub(in crate::cli) struct Remove {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    /// All their passkeys.
    #[arg(long, group = "means")]
    passkeys: bool,
    /// Their authenticator app, and its recovery codes.
    #[arg(long, group = "means")]
    totp: bool,
    /// Both: the password is what is left, or an invitation.
    #[arg(long, group = "means")]
    all: bool,
}

impl FactorsCommand {
    pub(super) async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let Self::Remove(remove) = self;
        remove.run(directory, format).await
    }
}

impl Remove {
    async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let person = find(directory, &self.login).await?;
        let means = match (self.passkeys, self.totp) {
            (true, _) => Means::Passkeys,
            (_, true) => Means::Totp,
            _ => Means::All,
        };
        let (actor, mut chance) = (house::actor(), Chance);
        let by = acting(&mut chance, &actor);
        let person = directory.remove_means(by, &person.id, means).await.map_err(refused)?;
        let left = show::means(&person);
        talk(format_args!("{} is signed out everywhere and signs in by: {left}", person.login));
        if !person.factors.password && person.factors.passkeys == 0 && person.factors.linked == 0 {
            talk("they cannot sign in: portcullis person invite makes a link");
        }
        show::changed(&person, format)
    }
}
