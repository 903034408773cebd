//! A small web app that people sign in to: authorization code with PKCE, an ID token, and an access token
//! with which it asks a model in the person's name.
//!
//! It holds the tokens on the server; the browser has a cookie that means nothing elsewhere. This is how an
//! app of your own could look, in any language that has an OpenID library.

mod ask;
mod pages;
mod provider;
mod sessions;
mod sign_in;
mod sign_out;

use axum::{
    Router,
    routing::{get, post},
};
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
use provider::{Http, Provider};
use secrecy::{ExposeSecret, SecretString};
use sessions::Sessions;
use std::sync::Arc;
use url::Url;

/// What the app is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `iss` of those who sign people in, letter by letter.
    pub issuer: String,
    /// Its own `client_id` there.
    pub client_id: String,
    /// Its secret. It does not print.
    pub client_secret: SecretString,
    /// Its own address, without a path.
    pub url: Url,
    /// The API that it asks, also the `resource` of its access tokens.
    pub api: Url,
    /// What it asks for at that API.
    pub scopes: Vec<String>,
}

/// Why the app cannot run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Settings {
    /// Where the person comes back to: register it for the client.
    pub fn redirect_uri(&self) -> String {
        format!("{}callback", self.url)
    }

    /// Where the person comes back to after signing out: register it as well.
    pub fn signed_out_uri(&self) -> String {
        format!("{}signed-out", self.url)
    }
}

/// What the handlers share.
struct App {
    settings: Settings,
    provider: Provider,
    sessions: Sessions,
    http: reqwest::Client,
}

/// Every page of the app.
pub fn router(settings: Settings) -> Result<Router, Fault> {
    let fault = |fault: &dyn std::fmt::Display| Fault(fault.to_string());
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| fault(&e))?;
    let provider = Provider {
        issuer: IssuerUrl::new(settings.issuer.clone()).map_err(|e| fault(&e))?,
        client_id: ClientId::new(settings.client_id.clone()),
        client_secret: ClientSecret::new(settings.client_secret.expose_secret().to_owned()),
        redirect_uri: RedirectUrl::new(settings.redirect_uri()).map_err(|e| fault(&e))?,
        http: Http(http.clone()),
    };
    let app = Arc::new(App { settings, provider, sessions: Sessions::default(), http });
    Ok(Router::new()
        .route("/", get(pages::home))
        .route("/style.css", get(pages::style))
        .route("/sign-in", post(sign_in::begin))
        .route("/callback", get(sign_in::finish))
        .route("/ask", post(ask::ask))
        .route("/sign-out", post(sign_out::sign_out))
        .route("/signed-out", get(pages::signed_out))
        .with_state(app))
}
