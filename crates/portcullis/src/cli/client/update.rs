//! `portcullis client update`

use super::{acting, add, app::AppFlags, refused, show, unknown};
use crate::{
    cli::{Format, House, Outcome, Stop, house, talk},
    clock::Chance,
};
use portcullis_directory::{Client, ClientAuth, ClientKeys, Directory};
use portcullis_types::{ApiName, Audience, ClientId, Pattern, Scopes};
use std::path::PathBuf;

/// Change what a client may ask for, its defaults, its name or its keys.
///
/// Tokens that are out already keep what they hold until they expire. A list such as --redirect-uri replaces
/// the old one as a whole; an empty text takes an address away, and '=false' switches off what is on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis client update my-app --add-scope generate:advanced
  portcullis client update my-app --remove-scope 'model:*' --default-scope generate:basic
  portcullis client update notebook --redirect-uri https://notebook.example.com/back --dpop
  portcullis client update notebook --backchannel-logout-uri '' --dpop=false
  portcullis client update partner --jwks new-keys.jwks.json")]
pub(in crate::cli) struct Update {
    /// The client_id.
    #[arg(value_name = "CLIENT_ID")]
    id: ClientId,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// One more scope that it may ask for; may be repeated.
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    add_scope: Vec<Pattern>,
    /// A scope that it may not ask for any more, written as it was allowed; may be repeated.
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    remove_scope: Vec<Pattern>,
    /// One more API that it may have tokens for, by name; may be repeated.
    #[arg(long, value_name = "NAME")]
    add_api: Vec<ApiName>,
    /// One more API, by resource; may be repeated.
    #[arg(long, value_name = "URI")]
    add_resource: Vec<Audience>,
    /// An API that it may not have tokens for any more, by resource; may be repeated.
    #[arg(long, value_name = "URI")]
    remove_resource: Vec<Audience>,
    /// What it gets if it asks for no scope; or, for a person, if it names an API and no scope of it (openid alone).
    #[arg(long, value_name = "SCOPES")]
    default_scope: Option<Scopes>,
    /// The API it gets a token for if it names none.
    #[arg(long, value_name = "URI")]
    default_resource: Option<Audience>,
    /// Its new public keys, in place of the old ones.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Where it publishes its public keys from now on.
    #[arg(long, value_name = "URL", conflicts_with = "jwks")]
    jwks_uri: Option<String>,
    #[command(flatten)]
    app: Box<AppFlags>,
}

/// What is to be changed, checked against the configuration.
struct Change {
    update: Update,
    resources: Vec<Audience>,
    keys: Option<ClientKeys>,
}

impl Update {
    pub(super) async fn run(
        mut self,
        house: &House,
        directory: &Directory,
        format: Format,
    ) -> Outcome {
        let id = self.id.clone();
        let before = directory.client(&id).ok_or_else(|| unknown(&id, directory))?;
        let named = add::resources(&self.add_api, &self.add_resource, &house.config)?;
        let may: Vec<Audience> = before.resources.iter().chain(&named).cloned().collect();
        add::check_scopes(&self.add_scope, &house.config, &may)?;
        for pattern in &self.remove_scope {
            if !before.scopes.contains(pattern) {
                let has: Vec<String> = before.scopes.iter().map(ToString::to_string).collect();
                return Err(Stop::refused(format!("the allow-list of {id} has no '{pattern}'"))
                    .hint(format!("it is: {}", has.join(" "))));
            }
        }
        let keys = add::published_or(self.jwks.as_deref(), self.jwks_uri.as_deref())?;
        self.app.check(house)?;
        let change = Change { update: self, resources: named, keys };
        let after = directory
            .update(acting(&mut Chance, &house::actor()), &id, move |client| change.apply(client))
            .await
            .map_err(|fault| refused(fault, directory))?;
        if *after == *before {
            talk(format_args!("client {id} was so already"));
        } else {
            talk(format_args!("client {id} is updated; a running server knows within a second"));
        }
        show::one(&after, format)
    }
}

impl Change {
    fn apply(self, client: &mut Client) {
        let update = self.update;
        client.scopes.retain(|pattern| !update.remove_scope.contains(pattern));
        for pattern in update.add_scope {
            if !client.scopes.contains(&pattern) {
                client.scopes.push(pattern);
            }
        }
        client.resources.retain(|resource| !update.remove_resource.contains(resource));
        for resource in self.resources {
            if !client.resources.contains(&resource) {
                client.resources.push(resource);
            }
        }
        // A default must not promise what is not allowed any more.
        let allowed = |scope: &_| client.scopes.iter().any(|pattern| pattern.matches(scope));
        let kept = client
            .default_scope
            .take()
            .map(|scopes| scopes.into_iter().filter(allowed).collect::<Scopes>());
        client.default_scope =
            update.default_scope.or_else(|| kept.filter(|scopes| !scopes.is_empty()));
        let kept =
            client.default_resource.take().filter(|resource| client.resources.contains(resource));
        client.default_resource = update.default_resource.or(kept);
        if let Some(name) = update.name {
            client.name = name;
        }
        update.app.apply(&mut client.registration, &mut client.grant_types);
        if let Some(jwks) = self.keys {
            match &mut client.auth {
                ClientAuth::PrivateKeyJwt { jwks: old }
                | ClientAuth::SelfSignedTls { jwks: old } => {
                    *old = jwks;
                }
                _ => client.registration.jwks = Some(jwks),
            }
        }
    }
}
