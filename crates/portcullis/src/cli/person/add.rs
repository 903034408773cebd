//! `portcullis person add` and `portcullis person password`

use super::{acting, find, link, refused, show, update::Claims};
use crate::{
    cli::{Exit, Format, House, Outcome, Stop, house, talk},
    clock::Chance,
};
use portcullis_directory::{Directory, LinkKind, NewPerson, Profile};
use portcullis_types::Tenant;
use secrecy::SecretString;
use std::{io::Read, path::PathBuf};

/// More than any password has, in bytes.
const LONGEST: u64 = 4096;

/// Add a person. Without a password they need an invitation: --invite.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Add {
    /// What they type to sign in; often their address for mail.
    login: String,
    /// What they are called.
    #[arg(long)]
    name: Option<String>,
    /// Their address for mail; the login, if it is one.
    #[arg(long)]
    email: Option<String>,
    /// Somebody made sure that the address is theirs: apps are told so.
    #[arg(long)]
    email_verified: bool,
    /// A role; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A group; may be repeated, and is made if it is not there.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The customer they belong to.
    #[arg(long)]
    tenant: Option<Tenant>,
    #[command(flatten)]
    claims: Claims,
    #[command(flatten)]
    password: PasswordSource,
    /// Print a link with which they choose a password.
    #[arg(long, conflicts_with_all = ["password_stdin", "password_file"])]
    invite: bool,
}

/// Set a person's password. All their sessions end.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SetPassword {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    password: PasswordSource,
}

/// Where the password is: never in an argument, which others on this machine can read.
#[derive(Debug, clap::Args)]
struct PasswordSource {
    /// Take the password from standard input, one line.
    #[arg(long)]
    password_stdin: bool,
    /// Take the password from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
}

impl Add {
    pub(super) async fn run(self, house: &House, directory: &Directory, format: Format) -> Outcome {
        let password = self.password.read()?;
        let email =
            self.email.or_else(|| self.login.contains('@').then(|| self.login.trim().to_owned()));
        let mut profile = Profile {
            name: self.name,
            email_verified: self.email_verified && email.is_some(),
            email,
            ..Profile::default()
        };
        self.claims.set(&mut profile)?;
        let new = NewPerson {
            login: self.login,
            profile,
            roles: self.roles,
            groups: self.groups,
            tenant: self.tenant,
            ..NewPerson::default()
        };
        let (actor, mut chance) = (house::actor(), Chance);
        let added = directory.add_person(acting(&mut chance, &actor), new).await;
        let added = added.map_err(refused)?;
        if let Some(password) = password {
            let set =
                directory.set_password(acting(&mut chance, &actor), &added.id, password, None);
            if let Err(weak) = set.await.map_err(refused)? {
                // Half a person helps nobody.
                let by = acting(&mut chance, &actor);
                directory.remove_person(by, &added.id).await.map_err(refused)?;
                return Err(Stop::refused(weak));
            }
        }
        if self.invite {
            return link::made(house, directory, &added, LinkKind::Invitation, format).await;
        }
        let person = find(directory, added.id.as_str()).await?;
        if !person.factors.password {
            talk("they cannot sign in yet: portcullis person invite makes a link");
        }
        show::added(&person, format)
    }
}

impl SetPassword {
    pub(super) async fn run(self, directory: &Directory) -> Outcome {
        let person = find(directory, &self.login).await?;
        let Some(password) = self.password.read()? else {
            return Err(Stop::usage("it is not said where the password is")
                .hint("add --password-stdin or --password-file FILE"));
        };
        let (actor, mut chance) = (house::actor(), Chance);
        let set = directory.set_password(acting(&mut chance, &actor), &person.id, password, None);
        if let Err(weak) = set.await.map_err(refused)? {
            return Err(Stop::refused(weak));
        }
        talk(format_args!("{} has a new password and is signed out everywhere", person.login));
        Ok(Exit::Done)
    }
}

impl PasswordSource {
    fn read(&self) -> Result<Option<SecretString>, Stop> {
        let mut text = String::new();
        let read = match &self.password_file {
            Some(path) => std::fs::File::open(path)
                .and_then(|file| file.take(LONGEST).read_to_string(&mut text)),
            None if self.password_stdin => std::io::stdin().take(LONGEST).read_to_string(&mut text),
            None => return Ok(None),
        };
        read.map_err(|fault| Stop::cannot_run(format!("cannot read the password: {fault}")))?;
        let password = text.trim_end_matches(['\r', '\n']).to_owned();
        let text = SecretString::from(text);
        drop(text);
        Ok(Some(SecretString::from(password)))
    }
}
