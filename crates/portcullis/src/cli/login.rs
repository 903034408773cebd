//! `portcullis login` and `portcullis logout`: a person signs in, once, for this terminal.

mod browser;
mod device;
pub(super) mod keep;

use super::{
    Exit, Globals, Outcome, Stop,
    authority::{Answer, Authority},
    config, house, talk,
};
use crate::{clock, config::Purpose};
use keep::{Keep, Kept};
use portcullis_types::{Audience, ClientId, Issuer, Scopes, Ttl};

/// The client that every issuer is expected to know for this command.
const CLI: &str = "portcullis-cli";

/// Sign in, so that 'portcullis token get' works without a secret.
///
/// Opens the browser on this machine; where there is none, shows an address and a code to type on another
/// device. What is kept lies in a file that only you can read; 'portcullis logout' ends it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis login --issuer https://id.example.com
  portcullis login --device
  TOKEN=$(portcullis token get)")]
pub(super) struct Login {
    /// The issuer; without it, the one of the configuration, or where there is none, the one of the only sign-in.
    #[arg(long, env = "PORTCULLIS_ISSUER", value_name = "URL")]
    issuer: Option<Issuer>,
    /// The client that stands for this command at the issuer.
    #[arg(long, default_value = CLI)]
    client_id: ClientId,
    /// What to ask for, separated by spaces; without it, all that you may have.
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<Scopes>,
    /// The API that the tokens are for; without it, the issuer's only one, or the client's default.
    #[arg(long, value_name = "URI")]
    resource: Option<Audience>,
    /// Show a code to type on another device, and open nothing.
    #[arg(long)]
    device: bool,
    /// Show the address instead of opening a browser.
    #[arg(long, conflicts_with = "device")]
    no_open: bool,
}

/// Forget the sign-in, here and at the issuer.
#[derive(Debug, clap::Args)]
pub(super) struct Logout {
    /// The issuer; without it, the one of the configuration, or where there is none, the one of the only sign-in.
    #[arg(long, env = "PORTCULLIS_ISSUER", value_name = "URL")]
    issuer: Option<Issuer>,
}

/// What a sign-in asks for.
struct Wish {
    client_id: ClientId,
    scope: String,
    resource: Option<Audience>,
}

impl Login {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let issuer = issuer(self.issuer.as_ref(), globals)?;
        house::block_on(async move {
            let authority = Authority::of(issuer).await?;
            let wish = self.wish(&authority);
            let answer = if self.device || (!self.no_open && !browser::is_here()) {
                device::sign_in(&authority, &wish).await?
            } else {
                let opening =
                    if self.no_open { browser::Opening::Show } else { browser::Opening::Open };
                browser::sign_in(&authority, &wish, opening).await?
            };
            let kept = Kept::of(&answer, &wish.client_id, wish.resource, clock::now())?;
            talk(format_args!("signed in; for this terminal: {}", kept.scope));
            Keep::open()?.insert(&authority.issuer, kept)?;
            Ok(Exit::Done)
        })
    }

    fn wish(&self, authority: &Authority) -> Wish {
        let scope: Scopes = self.scope.iter().flatten().cloned().collect();
        let apis = if scope.is_empty() {
            let words = authority.list("scopes_supported");
            words.into_iter().filter(|word| word.contains(':')).collect::<Vec<_>>().join(" ")
        } else {
            scope.to_string()
        };
        let resource =
            self.resource.clone().or_else(|| match *authority.list("protected_resources") {
                [only] => only.parse().ok(),
                _ => None,
            });
        let scope = format!("openid offline_access {apis}").trim().to_owned();
        Wish { client_id: self.client_id.clone(), scope, resource }
    }
}

impl Logout {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let issuer = issuer(self.issuer.as_ref(), globals)?;
        house::block_on(async move {
            let mut keep = Keep::open()?;
            let Some(kept) = keep.remove(&issuer)? else {
                talk(format_args!("nobody is signed in to {issuer} here"));
                return Ok(Exit::Done);
            };
            let authority = Authority::of(issuer).await?;
            let form = [("token", kept.refresh_token), ("client_id", kept.client_id.to_string())];
            let answer = authority.post("revocation_endpoint", &form).await?;
            if !answer.status.is_success() {
                return Err(answer.refusal());
            }
            talk(format_args!("signed out"));
            Ok(Exit::Done)
        })
    }
}

/// A fresh access token of whoever is signed in, kept or by the refresh token. `None` if nobody is.
///
/// The file is locked meanwhile: of two commands at once the second finds what the first was given, since a
/// refresh token is good once.
pub(super) async fn token(
    issuer: &Issuer,
    resource: Option<&Audience>,
) -> Result<Option<Kept>, Stop> {
    const SPARE: Ttl = Ttl::seconds(30);
    let mut keep = Keep::open()?;
    let Some(kept) = keep.get(issuer) else { return Ok(None) };
    let fits = resource.is_none() || resource == kept.resource.as_ref();
    if fits && clock::now().plus(SPARE) < kept.expires {
        return Ok(Some(kept));
    }
    let authority = Authority::of(issuer.clone()).await?;
    let mut form = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", kept.client_id.to_string()),
        ("refresh_token", kept.refresh_token.clone()),
    ];
    form.extend(resource.map(|resource| ("resource", resource.to_string())));
    let answer: Answer = authority.post("token_endpoint", &form).await?;
    if !answer.status.is_success() {
        if answer.text("error") == Some("invalid_grant") {
            keep.remove(issuer)?;
            let again = format!("the sign-in is over: portcullis login --issuer {issuer}");
            return Err(answer.refusal().hint(again));
        }
        return Err(answer.refusal());
    }
    let resource = resource.cloned().or_else(|| kept.resource.clone());
    let fresh = Kept::renewed(kept, &answer, resource, clock::now())?;
    keep.insert(issuer, fresh.clone())?;
    Ok(Some(fresh))
}

/// The issuer that is named, that of the configuration, or where there is none, that of the only sign-in.
pub(super) fn issuer(named: Option<&Issuer>, globals: &Globals) -> Result<Issuer, Stop> {
    match told(named, globals)? {
        Some(issuer) => Ok(issuer),
        None => Keep::open()?.only(),
    }
}

/// The issuer that is named, or that of the configuration; `None` where there is no configuration.
pub(super) fn told(named: Option<&Issuer>, globals: &Globals) -> Result<Option<Issuer>, Stop> {
    if named.is_some() || globals.is_without_config() {
        return Ok(named.cloned());
    }
    match config(&globals.config, Purpose::Command)?.issuer {
        Some(issuer) => Ok(Some(issuer.url)),
        None => Err(unsaid()),
    }
}

/// Nobody says which issuer is meant.
pub(super) fn unsaid() -> Stop {
    Stop::usage("it is not said which issuer").hint("add --issuer URL, or set PORTCULLIS_ISSUER")
}
