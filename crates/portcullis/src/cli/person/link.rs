//! `portcullis person invite` and `portcullis person reset`

use super::{acting, find, refused};
use crate::{
    cli::{Exit, Format, House, Outcome, Stop, data, house, talk},
    clock::Chance,
};
use portcullis_directory::{Directory, LinkKind, OneTimeLink, Person};
use portcullis_issuer::mail;

/// Whom a link is for, and how it gets there.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Link {
    /// What they type to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    /// Send it to their address for mail, as [mail] says, instead of printing it here.
    #[arg(long)]
    mail: bool,
}

impl Link {
    pub(super) async fn invite(
        self,
        house: &House,
        directory: &Directory,
        format: Format,
    ) -> Outcome {
        self.run(house, directory, (LinkKind::Invitation, format)).await
    }

    pub(super) async fn reset(
        self,
        house: &House,
        directory: &Directory,
        format: Format,
    ) -> Outcome {
        self.run(house, directory, (LinkKind::Reset, format)).await
    }

    async fn run(
        self,
        house: &House,
        directory: &Directory,
        (kind, format): (LinkKind, Format),
    ) -> Outcome {
        let person = find(directory, &self.login).await?;
        if !self.mail {
            return made(house, directory, &person, kind, format).await;
        }
        let link = make(directory, &person, kind).await?;
        let settings = house.mail()?;
        let sent = mail::deliver(&settings, &house.issuer()?, &link).await;
        sent.map_err(Stop::cannot_run)?;
        talk(format_args!(
            "mail to {} is on its way; the link is good until {}",
            person.login, link.expires
        ));
        Ok(Exit::Done)
    }
}

async fn make(directory: &Directory, person: &Person, kind: LinkKind) -> Result<OneTimeLink, Stop> {
    let actor = house::actor();
    directory.make_link(acting(&mut Chance, &actor), &person.id, kind).await.map_err(refused)
}

/// Makes a link and prints it.
pub(super) async fn made(
    house: &House,
    directory: &Directory,
    person: &Person,
    kind: LinkKind,
    format: Format,
) -> Outcome {
    let link = make(directory, person, kind).await?;
    let url = mail::link_url(&house.issuer()?, &link);
    talk(format_args!(
        "for {} alone, once, until {}: hand it on where nobody else reads",
        person.login, link.expires
    ));
    match format {
        Format::Text => data(format_args!("{url}\n")),
        Format::Json => {
            let value = serde_json::json!({
                "id": person.id, "login": person.login, "link": url, "expires": link.expires.to_string(),
            });
            format.print(&value, String::new)
        }
    }
}
