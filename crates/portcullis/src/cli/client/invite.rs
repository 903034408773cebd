//! `portcullis client invite`: initial access tokens (RFC 7591 §3).

use super::{acting, refused};
use crate::{
    cli::{Exit, Format, House, Outcome, Stop, data, house, table, talk},
    clock::{self, Chance},
};
use portcullis_directory::{Directory, NewInvitation};
use portcullis_types::Ttl;
use secrecy::ExposeSecret as _;

/// Make an initial access token, with which an app registers itself; it is shown this once.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Invite {
    /// Whom it is for.
    note: String,
    /// How many apps may be registered with it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    uses: u32,
    /// How long it is good.
    #[arg(long, default_value = "24h", value_parser = crate::cli::ttl)]
    ttl: Ttl,
}

/// An invitation, by its id.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Withdraw {
    /// As 'portcullis client invitations' shows it.
    id: String,
}

impl Invite {
    pub(super) async fn run(self, house: &House, directory: &Directory, format: Format) -> Outcome {
        let issuing = house.config.issuer.as_ref();
        if issuing.is_none_or(|issuing| issuing.admission.registrations.is_none()) {
            talk("nobody can register yet: add [issuer.registration] with mode = \"token\"");
        }
        if self.note.is_empty() || self.note.len() > 200 || self.note.contains(char::is_control) {
            return Err(Stop::refused("say in 1 to 200 bytes whom the invitation is for"));
        }
        let new = NewInvitation { note: self.note, ttl: self.ttl, uses: self.uses };
        let made = directory.invite(acting(&mut Chance, &house::actor()), new).await;
        let (invitation, token) = made.map_err(|fault| refused(fault, directory))?;
        talk("the token is shown this once: it goes into Authorization: Bearer at /register");
        match format {
            Format::Text => data(format!("{}\n", token.expose_secret())),
            Format::Json => {
                let mut value = serde_json::to_value(&invitation).map_err(Stop::cannot_run)?;
                crate::cli::dated(&mut value, &["created", "expires"]);
                if let Some(members) = value.as_object_mut() {
                    let token = token.expose_secret().into();
                    members.insert("initial_access_token".to_owned(), token);
                }
                format.print(&value, String::new)
            }
        }
    }
}

/// Those that are still good.
pub(super) async fn all(directory: &Directory, format: Format) -> Outcome {
    let all = directory.invitations(clock::now()).await.map_err(Stop::cannot_run)?;
    let mut value = serde_json::to_value(&all).map_err(Stop::cannot_run)?;
    crate::cli::dated(&mut value, &["created", "expires"]);
    format.print(&value, || {
        let rows: Vec<_> = all
            .iter()
            .map(|one| {
                [
                    one.id.clone(),
                    one.uses_left.to_string(),
                    one.expires.to_string(),
                    one.note.clone(),
                ]
            })
            .collect();
        table(["INVITATION", "USES LEFT", "EXPIRES", "FOR"], &rows)
    })
}

impl Withdraw {
    pub(super) async fn run(self, directory: &Directory) -> Outcome {
        let gone = directory.withdraw(acting(&mut Chance, &house::actor()), &self.id).await;
        if gone.map_err(|fault| refused(fault, directory))? {
            talk(format_args!("nobody registers with {} any more", self.id));
            Ok(Exit::Done)
        } else {
            Err(Stop::refused(format!("there is no invitation '{}'", self.id))
                .hint("'portcullis client invitations' shows all"))
        }
    }
}
