//! The clients of the demo: two services, an app that people sign in to, and the command line.

use super::{OVERLAP, acting};
use crate::{cli::Stop, clock::Chance};
use portcullis_directory::{ClientSecret, Directory, GrantType, NewAuth, NewClient, Registration};
use portcullis_types::{Audience, ClientId, IdentityScope, IdentityScopes, RedirectUri, Scopes};

/// The app that people sign in to.
const NOTEBOOK: &str = "notebook";
/// What stands for `portcullis login`.
const CLI: &str = "portcullis-cli";
/// What the app and the command line may ask for; a person's role says what they get of it.
pub(super) const EVERYTHING: &str = "generate:advanced generate:basic model:list";

/// A client of the demo, with its secret.
pub(crate) struct Visitor {
    pub(super) id: ClientId,
    pub(super) secret: ClientSecret,
}

/// A service that gets what it may without asking.
pub(super) async fn service(
    directory: &Directory,
    name: &str,
    scopes: &str,
    resource: &Audience,
) -> Result<Visitor, Stop> {
    let scopes: Scopes = scopes.parse().map_err(Stop::cannot_run)?;
    let new = NewClient { default_scope: Some(scopes.clone()), ..client(name, scopes, resource)? };
    with_secret(directory, new).await
}

/// The app. It asks for consent, as an app of somebody else's would.
pub(super) async fn notebook(
    directory: &Directory,
    app: &portcullis_notebook::Settings,
    resource: &Audience,
) -> Result<Visitor, Stop> {
    use IdentityScope::{Email, Openid, Profile, Roles};
    let uri = |text: String| RedirectUri::new(&text).map_err(Stop::cannot_run);
    let scopes: Scopes = EVERYTHING.parse().map_err(Stop::cannot_run)?;
    let new = NewClient {
        name: "Notebook".to_owned(),
        grant_types: vec![GrantType::AuthorizationCode],
        registration: Registration {
            redirect_uris: vec![uri(app.redirect_uri())?],
            post_logout_redirect_uris: vec![uri(app.signed_out_uri())?],
            identity: [Openid, Profile, Email, Roles].into_iter().collect(),
            ..Registration::default()
        },
        ..client(NOTEBOOK, scopes, resource)?
    };
    with_secret(directory, new).await
}

/// The command line: a public client, for each machine the same.
pub(super) async fn command_line(
    directory: &Directory,
    scopes: &str,
    resource: &Audience,
) -> Result<(), Stop> {
    use IdentityScope::{OfflineAccess, Openid};
    let id: ClientId = CLI.parse().map_err(Stop::cannot_run)?;
    if directory.client(&id).is_some() {
        return Ok(());
    }
    let scopes: Scopes = scopes.parse().map_err(Stop::cannot_run)?;
    let new = NewClient {
        name: "Portcullis command line".to_owned(),
        auth: NewAuth::Public,
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::DeviceCode,
        ],
        registration: Registration {
            redirect_uris: vec![
                RedirectUri::new("http://127.0.0.1/callback").map_err(Stop::cannot_run)?,
            ],
            identity: [Openid, OfflineAccess].into_iter().collect::<IdentityScopes>(),
            ..Registration::default()
        },
        ..client(CLI, scopes, resource)?
    };
    directory.add(acting(&mut Chance), new).await.map(drop).map_err(Stop::cannot_run)
}

/// A service that may do this; whoever calls says what is different.
pub(super) fn client(name: &str, scopes: Scopes, resource: &Audience) -> Result<NewClient, Stop> {
    Ok(NewClient {
        id: Some(name.parse().map_err(Stop::cannot_run)?),
        name: name.to_owned(),
        auth: NewAuth::Generated,
        grant_types: vec![GrantType::ClientCredentials],
        scopes: scopes.into_iter().map(Into::into).collect(),
        default_scope: None,
        resources: vec![resource.clone()],
        default_resource: Some(resource.clone()),
        tenant: None,
        registration: Registration::default(),
        expires: None,
    })
}

/// Registers a client; one that was there before moves along and gets a new secret.
pub(super) async fn with_secret(directory: &Directory, new: NewClient) -> Result<Visitor, Stop> {
    let mut chance = Chance;
    let id = new.id.clone().ok_or_else(|| Stop::cannot_run("a client of the demo has no id"))?;
    let added = if directory.client(&id).is_some() {
        let moved = directory.update(acting(&mut chance), &id, move |client| {
            client.scopes = new.scopes;
            client.default_scope = new.default_scope;
            client.resources = new.resources;
            client.default_resource = new.default_resource;
            client.registration = new.registration;
        });
        moved.await.map_err(Stop::cannot_run)?;
        directory.rotate_secret(acting(&mut chance), &id, OVERLAP).await
    } else {
        directory.add(acting(&mut chance), new).await
    };
    let secret = added.map_err(Stop::cannot_run)?.secret;
    secret
        .map(|secret| Visitor { id, secret })
        .ok_or_else(|| Stop::cannot_run("no secret was made"))
}
