//! `portcullis person`

mod add;
mod factors;
mod link;
mod show;
mod update;

pub(super) use show::session_rows;

use super::{Exit, Format, Globals, House, Outcome, Stop, house, talk};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_directory::{Acting, Directory, Fault, Page, Person, Wanted};
use portcullis_types::PersonId;

const EXAMPLES: &str = "Examples:
  portcullis person add alice@example.com --name 'Alice Example' --role data-scientist --invite
  portcullis person add bob --role viewer --password-stdin < bob.password
  portcullis person list
  portcullis person update bob --claim birthdate=1990-12-31
  portcullis person roles bob viewer data-scientist
  portcullis person factors remove bob --totp
  portcullis person disable bob";

/// Manage the people who may sign in.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum PersonCommand {
    Add(Box<add::Add>),
    List(List),
    /// Show one person: how they sign in, their sessions.
    Show(One),
    /// Keep somebody out: no more sign-ins, and all sessions and grants end at once.
    Disable(One),
    /// Let a disabled person in again.
    Enable(One),
    /// Forget a person, and end everything that was theirs.
    Remove(One),
    Roles(SetRoles),
    Update(update::Update),
    Password(add::SetPassword),
    /// Take back means by which a person signs in.
    #[command(subcommand)]
    Factors(factors::FactorsCommand),
    /// Make a link with which a person joins: once, within a day.
    Invite(link::Link),
    Unlink(Unlink),
    /// Make a link with which a person chooses a new password: once, within an hour.
    Reset(link::Link),
}

/// A person, by login or id.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    pub(super) login: String,
}

/// List people, in the order in which they joined.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// How many at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// How many to pass over.
    #[arg(long, default_value_t = 0)]
    skip: u32,
    /// Only those whose login or name contains this.
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
}

/// Set a person's own roles; those that their groups bring stay.
#[derive(Debug, clap::Args)]
pub(super) struct SetRoles {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    /// The roles; none takes all away.
    #[arg(value_name = "ROLE")]
    roles: Vec<String>,
}

/// Take back the accounts that a person has linked at another provider, and end what came from there.
#[derive(Debug, clap::Args)]
pub(super) struct Unlink {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    /// Its name in the configuration.
    #[arg(long, value_name = "NAME")]
    provider: String,
}

impl PersonCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        let format = globals.format;
        house::block_on(async {
            let directory = house.directory().await?;
            match self {
                Self::Add(add) => add.run(&house, &directory, format).await,
                Self::List(list) => list.run(&directory, format).await,
                Self::Show(one) => {
                    let person = find(&directory, &one.login).await?;
                    show::one(&directory, &person, format).await
                }
                Self::Disable(one) => disable(&directory, &one.login, format).await,
                Self::Enable(one) => enable(&directory, &one.login, format).await,
                Self::Remove(one) => remove(&directory, &one.login).await,
                Self::Roles(set) => set.run(&directory, format).await,
                Self::Update(update) => update.run(&directory, format).await,
                Self::Password(set) => set.run(&directory).await,
                Self::Factors(factors) => factors.run(&directory, format).await,
                Self::Invite(link) => link.invite(&house, &directory, format).await,
                Self::Unlink(unlink) => unlink.run(&directory).await,
                Self::Reset(link) => link.reset(&house, &directory, format).await,
            }
        })
    }
}

impl List {
    async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let page = Page { start: self.skip, count: self.limit };
        let wanted = match self.find.map(|text| text.to_lowercase()) {
            None => Wanted::All,
            Some(text) => Wanted::Test(Box::new(move |person| {
                let name = person.profile.name.as_deref().unwrap_or_default().to_lowercase();
                person.login.contains(&text) || name.contains(&text)
            })),
        };
        let found = directory.people(wanted, page).await.map_err(refused)?;
        let shown = u64::from(self.skip) + u64::try_from(found.items.len()).unwrap_or(u64::MAX);
        if found.total > shown {
            let left = found.total - shown;
            talk(format_args!("{left} more: --skip {shown} shows the next"));
        }
        show::all(&found.items, format)
    }
}

impl SetRoles {
    async fn run(self, directory: &Directory, format: Format) -> Outcome {
        let person = find(directory, &self.login).await?;
        let (actor, roles) = (house::actor(), self.roles);
        let edit = move |person: &mut Person| {
            person.own_roles = roles;
            Ok(())
        };
        let edited = directory.edit_person(acting(&mut Chance, &actor), &person.id, edit).await;
        show::changed(&edited.map_err(refused)?, format)
    }
}

impl Unlink {
    async fn run(self, directory: &Directory) -> Outcome {
        let person = find(directory, &self.login).await?;
        let actor = house::actor();
        let mut chance = Chance;
        let by = acting(&mut chance, &actor);
        let unlinked = directory.unlink_accounts(by, &person.id, &self.provider, None).await;
        unlinked.map_err(refused)?;
        talk(format_args!("{} no longer signs in with {}", person.login, self.provider));
        Ok(Exit::Done)
    }
}

async fn disable(directory: &Directory, login: &str, format: Format) -> Outcome {
    let person = find(directory, login).await?;
    let actor = house::actor();
    let person = directory.disable_person(acting(&mut Chance, &actor), &person.id).await;
    let person = person.map_err(refused)?;
    talk(format_args!("{} is disabled and signed out everywhere", person.login));
    show::changed(&person, format)
}

async fn enable(directory: &Directory, login: &str, format: Format) -> Outcome {
    let person = find(directory, login).await?;
    let actor = house::actor();
    let person = directory.enable_person(acting(&mut Chance, &actor), &person.id).await;
    let person = person.map_err(refused)?;
    match &person.directory {
        Some(directory) if person.disabled_by.directory => {
            talk(format_args!(
                "{} stays out: {directory} says that they are inactive",
                person.login
            ));
        }
        _ => talk(format_args!("{} may sign in again", person.login)),
    }
    show::changed(&person, format)
}

async fn remove(directory: &Directory, login: &str) -> Outcome {
    let person = find(directory, login).await?;
    let actor = house::actor();
    let removed = directory.remove_person(acting(&mut Chance, &actor), &person.id).await;
    removed.map_err(refused)?;
    talk(format_args!("{} is forgotten", person.login));
    Ok(Exit::Done)
}

/// Who is meant.
pub(super) async fn find(directory: &Directory, login: &str) -> Result<Person, Stop> {
    let found = match PersonId::new(login) {
        Ok(id) => directory.person(&id).await,
        Err(_) => directory.person_by_login(login).await,
    };
    let missing = || {
        Stop::refused(format!("nobody signs in as '{}'", portcullis_directory::excerpt(login)))
            .hint("'portcullis person list' shows all")
    };
    found.map_err(refused)?.ok_or_else(missing)
}

pub(super) fn acting<'a>(chance: &'a mut Chance, actor: &'a str) -> Acting<'a> {
    Acting { actor, now: clock::now(), entropy: chance }
}

pub(super) fn refused(fault: Fault) -> Stop {
    match fault {
        Fault::Store(_)
        | Fault::Row { .. }
        | Fault::TenantRow { .. }
        | Fault::Busy
        | Fault::TooMany { .. }
        | Fault::Hash => Stop::cannot_run(fault),
        fault => Stop::refused(fault),
    }
}
