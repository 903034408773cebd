//! Acme's own provider: a second Portcullis, which knows nothing of ours but whom its tokens are for.

use super::{Places, SCOPE, house};
use crate::{
    cli::Stop,
    clock::{self, Chance},
    demo::{
        Taken, Visitor, clients,
        people::{self, Person},
    },
    serve::{self, Listeners, Running},
};
use portcullis_directory::{GrantType, NewClient};
use portcullis_keyring::Act;
use portcullis_types::{Audience, Scopes};
use std::path::Path;

const CONFIG: &str = include_str!("../../../../../examples/analytics/acme.toml");
/// Login, name and role.
const PEOPLE: [(&str, &str, &str); 2] =
    [("ada", "Ada Analyst", "analyst"), ("tom", "Tom Trainee", "trainee")];

/// It runs.
pub(super) struct Acme {
    /// The nightly report: a program of Acme's.
    pub(super) nightly: Visitor,
    pub(super) people: Vec<Person>,
    running: Running,
}

impl Acme {
    pub(super) async fn start(
        (directory, places): (&Path, &Places),
        listens: Taken,
    ) -> Result<Self, Stop> {
        let house = house(directory, "acme", &places.fill(CONFIG))?;
        let known = house.directory().await?;
        let people = tokio::spawn(people::invite(known.clone(), &PEOPLE));
        house.keys(house.issuer_keys(), Act::new("demo", clock::now(), &mut Chance)).await?;
        let supplier = Audience::new(&places.issuer).map_err(Stop::cannot_run)?;
        let scopes: Scopes = SCOPE.parse().map_err(Stop::cannot_run)?;
        let nightly = NewClient {
            default_scope: Some(scopes.clone()),
            grant_types: vec![GrantType::ClientCredentials],
            ..clients::client("nightly-report", scopes, &supplier)?
        };
        let nightly = clients::with_secret(&known, nightly).await?;
        clients::command_line(&known, SCOPE, &supplier).await?;
        let people = people.await.map_err(Stop::cannot_run)??;
        let listeners =
            Listeners { issuer: Some(listens.listener), mtls: None, gateway: None, admin: None };
        let running = serve::start(house, listeners).await?;
        Ok(Self { nightly, people, running })
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }
}
