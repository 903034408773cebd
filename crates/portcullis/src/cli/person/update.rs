//! `portcullis person update`

use super::{acting, find, refused, show};
use crate::{
    cli::{Format, Outcome, Stop, house},
    clock::Chance,
};
use portcullis_directory::{Directory, Person, Profile};

/// Set what is told about a person: standard claims by name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis person update alice --claim birthdate=1990-12-31 --claim zoneinfo=Europe/Zurich
  portcullis person update alice --claim address.country=CH --claim phone_number='+41 44 123 45 67'
  portcullis person update alice --claim nickname=")]
pub(in crate::cli) struct Update {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    claims: Claims,
}

/// Claims to set, in order.
#[derive(Debug, clap::Args)]
pub(super) struct Claims {
    /// A standard claim (OpenID Connect Core §5.1), members of the address as address.country; may be
    /// repeated. An empty value takes the claim away.
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<String>,
}

impl Claims {
    /// Sets them all, or none.
    pub(super) fn set(&self, profile: &mut Profile) -> Result<(), Stop> {
        for claim in &self.claims {
            let Some((name, value)) = claim.split_once('=') else {
                return Err(Stop::usage(format!("--claim {claim} has no value"))
                    .hint("write --claim NAME=VALUE"));
            };
            profile.set(name.trim(), value).map_err(Stop::refused)?;
        }
        Ok(())
    }
}

impl Update {
    pub(super) async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let person = find(directory, &self.login).await?;
        if self.claims.claims.is_empty() {
            return Err(Stop::usage("it is not said what to set").hint("add --claim NAME=VALUE"));
        }
        self.claims.set(&mut person.profile.clone())?;
        let (actor, claims) = (house::actor(), self.claims);
        let edit = move |person: &mut Person| {
            // It was good a moment ago, and what it replaces does not matter.
            let _ = claims.set(&mut person.profile);
            Ok(())
        };
        let edited = directory.edit_person(acting(&mut Chance, &actor), &person.id, edit).await;
        show::changed(&edited.map_err(refused)?, format)
    }
}
