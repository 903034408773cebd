//! `portcullis token revoke`

use super::given;
use crate::{
    cli::{
        Exit, Globals, House, Outcome, Stop, house,
        person::{acting, refused},
        talk,
    },
    clock::{self, Chance},
};
use portcullis_directory::grant::RefreshToken;
use portcullis_jose::jws::Compact;
use portcullis_types::Jti;

/// End a token before its time. An access token ends alone, a refresh token with its whole grant.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Revoke {
    /// The token, or the jti of an access token; without it, or as '-', standard input is read.
    #[arg(value_name = "TOKEN|JTI")]
    token: Option<String>,
}

impl Revoke {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let token = given(self.token)?;
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let directory = house.directory().await?;
            let (actor, mut chance) = (house::actor(), Chance);
            if token.starts_with(RefreshToken::PREFIX) {
                let found = directory.grant_of_refresh_token(token.into(), clock::now()).await;
                let unknown = || Stop::refused("no grant has this refresh token");
                let grant = found.map_err(refused)?.ok_or_else(unknown)?;
                let by = acting(&mut chance, &actor);
                directory.end_grant(by, &grant).await.map_err(refused)?;
                talk(format_args!("{grant} is ended, with all its tokens"));
                return Ok(Exit::Done);
            }
            let jti = jti(&token)?;
            let by = acting(&mut chance, &actor);
            directory.revoke_token(by, &jti).await.map_err(refused)?;
            talk(format_args!("{jti} is revoked; gateways hear of it within seconds"));
            Ok(Exit::Done)
        })
    }
}

/// The token's own name, or the name that was given. A name that no token has does no harm.
fn jti(token: &str) -> Result<Jti, Stop> {
    if !token.contains('.') {
        return Jti::new(token).map_err(Stop::usage);
    }
    let unreadable = || Stop::refused("this is no token that can be read");
    let jws = Compact::parse(token).map_err(|_| unreadable())?;
    let claims: serde_json::Value =
        serde_json::from_slice(jws.unverified_payload()).map_err(|_| unreadable())?;
    let jti = claims.get("jti").and_then(|jti| jti.as_str());
    let jti =
        jti.ok_or_else(|| Stop::refused("the token has no jti, so it cannot be revoked alone"))?;
    Jti::new(jti).map_err(Stop::refused)
}
