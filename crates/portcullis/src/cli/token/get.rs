//! `portcullis token get`

use crate::{
    cli::{
        Format, Globals, Outcome, Stop,
        authority::{Answer, Authority},
        config, data, house, login, talk,
    },
    clock::{self, Chance},
    config::Purpose,
};
use portcullis_jose::{SigningKey, jwk::Jwk};
use portcullis_types::{ApiName, Audience, ClientId, Issuer, Jti, Random, Scopes, Ttl};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// How long a client assertion lives (RFC 7523 §3: shortly).
const ASSERTION: Ttl = Ttl::seconds(60);

/// Get a token by client credentials, or of whoever is signed in; prints the token alone.
///
/// The secret comes from the environment variable CLIENT_SECRET, unless another source is named. Only the
/// token goes to standard output; with --json the whole answer of the issuer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis login && portcullis token get
  CLIENT_SECRET=... portcullis token get --client-id my-app --scope generate:basic
  portcullis token get --client-id my-app --client-secret-stdin --api text < secret.txt
  portcullis token get --client-id partner --key partner.jwk.json --issuer https://id.example.com")]
pub(in crate::cli) struct Get {
    /// The client; without it, the person who signed in with 'portcullis login'.
    #[arg(long, env = "CLIENT_ID")]
    client_id: Option<ClientId>,
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
    /// The issuer; without it, the one of the configuration, or where there is none, the one of the only sign-in.
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
        let Some(client_id) = &self.client_id else { return self.of_the_person(globals) };
        let (issuer, resource) = self.places(globals)?;
        let proof = self.proof()?;
        house::block_on(async {
            let authority = Authority::of(issuer.clone()).await?;
            let form = self.form(client_id, &issuer, resource.as_ref(), &proof)?;
            let answered = match &proof {
                Proof::Secret(secret) => {
                    let secret = secret.expose_secret();
                    authority.post_as((client_id.as_str(), secret), &form).await?
                }
                Proof::Key(_) => authority.post("token_endpoint", &form).await?,
            };
            answer(&answered, globals.format)
        })
    }

    /// The token of whoever signed in with 'portcullis login'.
    fn of_the_person(&self, globals: &Globals) -> Outcome {
        let (issuer, resource) = self.places(globals)?;
        house::block_on(async {
            let kept = login::token(&issuer, resource.as_ref()).await?.ok_or_else(|| {
                let login = format!("portcullis login --issuer {issuer}");
                Stop::refused(format!("nobody is signed in to {issuer} here"))
                    .hint(login + "; or name a client: --client-id ID")
            })?;
            let lives = kept.expires.millis_since(clock::now()) / 1000;
            if globals.format == Format::Json {
                let value = serde_json::json!({
                    "access_token": kept.access_token, "expires_in": lives, "scope": kept.scope,
                });
                return globals.format.print(&value, String::new);
            }
            talk(format_args!("for {lives} s: {}", kept.scope));
            data(format_args!("{}\n", kept.access_token))
        })
    }

    /// Issuer and resource; the configuration is read only if it is needed for one of them.
    fn places(&self, globals: &Globals) -> Result<(Issuer, Option<Audience>), Stop> {
        let issuer = match &self.client_id {
            None => login::issuer(self.issuer.as_ref(), globals)?,
            Some(_) => login::told(self.issuer.as_ref(), globals)?.ok_or_else(login::unsaid)?,
        };
        let Some(name) = &self.api else { return Ok((issuer, self.resource.clone())) };
        if globals.is_without_config() {
            let nowhere =
                format!("there is no configuration here that tells what the API '{name}' is");
            return Err(Stop::usage(nowhere).hint("name it as tokens do: --resource URI"));
        }
        let config = config(&globals.config, Purpose::Command)?;
        let api = config.api(name.as_str()).ok_or_else(|| {
            Stop::refused(format!("there is no API '{name}' in the configuration"))
        })?;
        Ok((issuer, Some(api.resource.clone())))
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
        client_id: &ClientId,
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
            form.push(("client_id", client_id.to_string()));
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            form.push(("client_assertion_type", kind.to_owned()));
            form.push(("client_assertion", assertion(client_id, key, issuer)?));
        }
        Ok(form)
    }
}

/// rfc7523bis §4: our issuer alone is the audience, and each assertion is used once.
fn assertion(client_id: &ClientId, key: &SigningKey, issuer: &Issuer) -> Result<String, Stop> {
    let now = clock::now();
    let claims = serde_json::json!({
        "iss": client_id, "sub": client_id, "aud": issuer,
        "iat": now.seconds(), "exp": now.plus(ASSERTION).seconds(),
        "jti": Jti::fresh(now, &Random::draw(&mut Chance)),
    });
    key.sign_compact(&key.header("client-authentication+jwt"), &claims).map_err(Stop::cannot_run)
}

fn answer(answer: &Answer, format: Format) -> Outcome {
    let (true, Some(token)) = (answer.status.is_success(), answer.text("access_token")) else {
        return Err(answer.refusal());
    };
    if format == Format::Json {
        return format.print(&answer.value, String::new);
    }
    let lives = answer.number("expires_in").map(Ttl::seconds);
    if let (Some(lives), Some(scope)) = (lives, answer.text("scope")) {
        talk(format_args!("for {lives}: {scope}"));
    }
    data(format_args!("{token}\n"))
}
