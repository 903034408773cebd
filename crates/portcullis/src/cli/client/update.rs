//! `portcullis client update`

use super::{acting, refused, show, unknown};
use crate::{
    cli::{Format, House, Outcome, Stop, house, talk},
    clock::Chance,
};
use portcullis_directory::{Client, Directory};
use portcullis_types::{ApiName, Audience, ClientId, Pattern, Scope, Scopes};

/// Changes what a client is called or may ask for. Tokens that are out keep what they have.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis client update my-app --add-scope generate:advanced
  portcullis client update my-app --add-api embeddings --add-scope embedding:create
  portcullis client update my-app --remove-scope 'model:*' --default-scope generate:basic")]
pub(in crate::cli) struct Update {
    /// The client_id.
    #[arg(value_name = "CLIENT_ID")]
    id: ClientId,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// What it may ask for too; may be repeated.
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    add_scope: Vec<Pattern>,
    /// What it may ask for no more, as it was added; may be repeated.
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    remove_scope: Vec<Pattern>,
    /// An API that it may have tokens for too, by name; may be repeated.
    #[arg(long, value_name = "NAME")]
    add_api: Vec<ApiName>,
    /// An API that it may have tokens for too, by resource; may be repeated.
    #[arg(long, value_name = "URI")]
    add_resource: Vec<Audience>,
    /// An API that it may have tokens for no more, by resource; may be repeated.
    #[arg(long, value_name = "URI")]
    remove_resource: Vec<Audience>,
    /// What it gets if it asks for no scope.
    #[arg(long, value_name = "SCOPES")]
    default_scope: Option<Scopes>,
    /// The API it gets a token for if it names none.
    #[arg(long, value_name = "URI")]
    default_resource: Option<Audience>,
}

impl Update {
    pub(super) async fn run(
        mut self,
        house: &House,
        directory: &Directory,
        format: Format,
    ) -> Outcome {
        let before = directory.client(&self.id).ok_or_else(|| unknown(&self.id, directory))?;
        self.resolve(house)?;
        let id = self.id.clone();
        let client = directory
            .update(acting(&mut Chance, &house::actor()), &id, move |client| self.edit(client))
            .await
            .map_err(|fault| refused(fault, directory))?;
        if *client == *before {
            talk(format_args!("client {id} was so already"));
        }
        show::one(&client, format)
    }

    /// Names become resources, and every scope and API must exist.
    fn resolve(&mut self, house: &House) -> Result<(), Stop> {
        let config = &house.config;
        for name in std::mem::take(&mut self.add_api) {
            let api = config.api(name.as_str()).ok_or_else(|| no_api(name.as_str(), house))?;
            self.add_resource.push(api.resource.clone());
        }
        let stray = self
            .add_resource
            .iter()
            .find(|resource| !config.apis.iter().any(|api| api.resource == **resource));
        if let Some(stray) = stray {
            return Err(no_api(stray.as_str(), house));
        }
        for pattern in &self.add_scope {
            if let Ok(scope) = pattern.to_string().parse::<Scope>() {
                config.registry.known(&scope).map_err(Stop::refused)?;
            }
        }
        Ok(())
    }

    fn edit(self, client: &mut Client) {
        client.name = self.name.unwrap_or_else(|| client.name.clone());
        client.scopes.retain(|scope| !self.remove_scope.contains(scope));
        client.resources.retain(|resource| !self.remove_resource.contains(resource));
        for scope in self.add_scope {
            if !client.scopes.contains(&scope) {
                client.scopes.push(scope);
            }
        }
        for resource in self.add_resource {
            if !client.resources.contains(&resource) {
                client.resources.push(resource);
            }
        }
        client.default_scope = self.default_scope.or_else(|| client.default_scope.take());
        client.default_resource = self.default_resource.or_else(|| client.default_resource.take());
    }
}

fn no_api(name: &str, house: &House) -> Stop {
    let names: Vec<&str> = house.config.apis.iter().map(|api| api.name.as_str()).collect();
    Stop::refused(format!("there is no API '{name}' in {}", house.config.file.display()))
        .hint(format!("there are: {}", names.join(", ")))
}
