//! `portcullis token get`

use crate::{
    cli::{Format, Globals, Outcome, Stop, config, data, house, talk},
    clock::{self, Chance},
    config::Purpose,
};
use portcullis_jose::{SigningKey, jwk::Jwk};
use portcullis_types::{ApiName, Audience, ClientId, Issuer, Jti, Random, Scopes, Ttl};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};
use url::Url;

/// For the whole conversation with an issuer.
const TIME_OUT: Duration = Duration::from_secs(30);
/// How long a client assertion lives (RFC 7523 §3: shortly).
const ASSERTION: Ttl = Ttl::seconds(60);

/// Get a token by client credentials; prints the token alone.
///
/// The secret comes from the environment variable CLIENT_SECRET, unless another source is named. Only the
/// token goes to standard output; with --json the whole answer of the issuer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  CLIENT_SECRET=... portcullis token get --client-id my-app --scope generate:basic
  portcullis token get --client-id my-app --client-secret-stdin --api text < secret.txt
  portcullis token get --client-id partner --key partner.jwk.json --issuer https://id.example.com")]
pub(in crate::cli) struct Get {
    /// The client.
    #[arg(long, env = "CLIENT_ID")]
    client_id: ClientId,
    /// The secret itself; others on this machine can see it in the list of processes.
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["client_secret_env", "client_secret_stdin", "key"])]
    client_secret: Option<String>,
    /// The environment variable that holds the secret.
    #[arg(long, value_name = "NAME", default_value = "CLIENT_SECRET")]
    client_secret_env: String,
    /// Read the secret from standard input.
    #[arg(long, conflicts_with = "key")]
    client_secret_stdin: bool,
    /// Authenticate by private_key_jwt with this private JWK, instead of a secret.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What the token is to hold, separated by spaces; without it, the client's default.
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<Scopes>,
    /// The API it is for, by resource; without it, the client's default.
    #[arg(long, value_name = "URI")]
    resource: Option<Audience>,
    /// The API it is for, by its name in the configuration.
    #[arg(long, value_name = "NAME", conflicts_with = "resource")]
    api: Option<ApiName>,
    /// The issuer; without it, the one of the configuration.
    #[arg(long, env = "PORTCULLIS_ISSUER", value_name = "URL")]
    issuer: Option<Issuer>,
}

/// How the client proves who it is.
enum Proof {
    Secret(SecretString),
    Key(Box<SigningKey>),
}

impl Get {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let (issuer, resource) = self.places(globals)?;
        let proof = self.proof()?;
        house::block_on(async {
            let client = client()?;
            let endpoint = token_endpoint(&client, &issuer).await?;
            let form = self.form(&issuer, resource.as_ref(), &proof)?;
            let mut request = client.post(endpoint).form(&form);
            if let Proof::Secret(secret) = &proof {
                request = request.basic_auth(self.client_id.as_str(), Some(secret.expose_secret()));
            }
            let response =
                request.send().await.map_err(|fault| unreachable_issuer(&issuer, &fault))?;
            answer(response, globals.format).await
        })
    }

    /// Issuer and resource; the configuration is read only if it is needed for one of them.
    fn places(&self, globals: &Globals) -> Result<(Issuer, Option<Audience>), Stop> {
        if let (Some(issuer), None) = (&self.issuer, &self.api) {
            return Ok((issuer.clone(), self.resource.clone()));
        }
        let config = config(&globals.config, Purpose::Command)?;
        let own = config.issuer.as_ref().map(|issuer| issuer.url.clone());
        let issuer = self.issuer.clone().or(own);
        let issuer = issuer
            .ok_or_else(|| Stop::usage("it is not said which issuer").hint("add --issuer URL"))?;
        let resource = match &self.api {
            None => self.resource.clone(),
            Some(name) => {
                let api = config.api(name.as_str());
                let api = api.ok_or_else(|| {
                    Stop::refused(format!("there is no API '{name}' in the configuration"))
                })?;
                Some(api.resource.clone())
            }
        };
        Ok((issuer, resource))
    }

    fn proof(&self) -> Result<Proof, Stop> {
        if let Some(file) = &self.key {
            let fault = |fault: &dyn std::fmt::Display| {
                Stop::cannot_run(format!("the key in {}: {fault}", file.display()))
            };
            let bytes = std::fs::read(file).map_err(|found| fault(&found))?;
            let jwk = Jwk::parse(&bytes).map_err(|found| fault(&found))?;
            let key = SigningKey::from_jwk(&jwk, None).map_err(|found| fault(&found))?;
            return Ok(Proof::Key(Box::new(key)));
        }
        let text = if let Some(secret) = &self.client_secret {
            secret.clone()
        } else if self.client_secret_stdin {
            std::io::read_to_string(std::io::stdin()).map_err(Stop::cannot_run)?
        } else {
            std::env::var(&self.client_secret_env).map_err(|_| {
                Stop::usage(format!(
                    "the environment variable {} does not hold the client's secret",
                    self.client_secret_env
                ))
                .hint("set it, or use --client-secret-stdin or --client-secret-env NAME")
            })?
        };
        Ok(Proof::Secret(text.trim().into()))
    }

    /// RFC 6749 §4.4.2, RFC 8707 §2.2, RFC 7523 §2.2.
    fn form(
        &self,
        issuer: &Issuer,
        resource: Option<&Audience>,
        proof: &Proof,
    ) -> Result<Vec<(&'static str, String)>, Stop> {
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        let scope = self.scope.iter().flatten().cloned().collect::<Scopes>();
        if !scope.is_empty() {
            form.push(("scope", scope.to_string()));
        }
        form.extend(resource.map(|resource| ("resource", resource.to_string())));
        if let Proof::Key(key) = proof {
            form.push(("client_id", self.client_id.to_string()));
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            form.push(("client_assertion_type", kind.to_owned()));
            form.push(("client_assertion", self.assertion(key, issuer)?));
        }
        Ok(form)
    }

    /// rfc7523bis §4: our issuer alone is the audience, and each assertion is used once.
    fn assertion(&self, key: &SigningKey, issuer: &Issuer) -> Result<String, Stop> {
        let now = clock::now();
        let claims = serde_json::json!({
            "iss": self.client_id, "sub": self.client_id, "aud": issuer,
            "iat": now.seconds(), "exp": now.plus(ASSERTION).seconds(),
            "jti": Jti::fresh(now, &Random::draw(&mut Chance)),
        });
        key.sign_compact(&key.header("client-authentication+jwt"), &claims)
            .map_err(Stop::cannot_run)
    }
}

fn client() -> Result<Client, Stop> {
    let builder = Client::builder().timeout(TIME_OUT).redirect(reqwest::redirect::Policy::none());
    builder
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(Stop::cannot_run)
}

/// The token endpoint by the issuer's metadata (RFC 8414 §3), which must name this very issuer.
async fn token_endpoint(client: &Client, issuer: &Issuer) -> Result<Url, Stop> {
    let mut url = Url::parse(issuer.as_str()).map_err(Stop::cannot_run)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    let response =
        client.get(url.clone()).send().await.map_err(|fault| unreachable_issuer(issuer, &fault))?;
    let status = response.status();
    let metadata: Value = match response.bytes().await {
        Ok(bytes) if status.is_success() => serde_json::from_slice(&bytes).unwrap_or_default(),
        _ => Value::Null,
    };
    let found = metadata.get("issuer").and_then(Value::as_str);
    if found != Some(issuer.as_str()) {
        let found = found.map_or_else(
            || format!("no metadata (HTTP {})", status.as_u16()),
            |it| format!("issuer {it}"),
        );
        return Err(Stop::cannot_run(format!(
            "{url} does not describe the issuer {issuer}: it has {found}"
        ))
        .hint("an issuer is compared byte by byte, with its path and without a '/' too many"));
    }
    let endpoint =
        metadata.get("token_endpoint").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    endpoint.ok_or_else(|| {
        Stop::cannot_run(format!("the metadata of {issuer} names no token_endpoint"))
    })
}

async fn answer(response: Response, format: Format) -> Outcome {
    let status = response.status();
    let bytes = response
        .bytes()
        .await
        .map_err(|fault| Stop::cannot_run(format!("the answer broke off: {fault}")))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
        Stop::cannot_run(format!("the issuer answered HTTP {} without JSON", status.as_u16()))
    })?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if let (true, Some(token)) = (status.is_success(), text("access_token")) {
        return match format {
            Format::Json => format.print(&value, String::new),
            Format::Text => {
                let lives = value.get("expires_in").and_then(Value::as_u64).map(Ttl::seconds);
                if let (Some(lives), Some(scope)) = (lives, text("scope")) {
                    talk(format_args!("for {lives}: {scope}"));
                }
                data(format_args!("{token}\n"))
            }
        };
    }
    let (error, description) =
        (text("error").unwrap_or("no error code"), text("error_description").unwrap_or(""));
    let stop = Stop::refused(format!(
        "the issuer refused (HTTP {}): {error}: {description}",
        status.as_u16()
    ));
    Err(match text("decision_id") {
        Some(id) => stop.hint(format!("portcullis explain {id}")),
        None => stop,
    })
}

fn unreachable_issuer(issuer: &Issuer, fault: &reqwest::Error) -> Stop {
    let mut reason = fault.to_string();
    let mut source = std::error::Error::source(fault);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    Stop::cannot_run(format!("cannot reach the issuer {issuer}: {reason}"))
        .hint("is it running? 'portcullis serve'")
}
