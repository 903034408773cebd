//! `portcullis key`

use super::{Exit, Format, Globals, House, Outcome, Stop, data, dated, house, table, talk};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_jose::Alg;
use portcullis_keyring::{Act, Haste, KeyChange, KeyInfo, KeyState, KeyringFault, OurKeys};
use portcullis_types::{Kid, Timestamp};

/// Manage the keys that tokens are signed with.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  portcullis key list
  portcullis key rotate --alg ES256
  portcullis key rotate --now             the key may be in the wrong hands
  portcullis key retire KID --now")]
pub(super) enum KeyCommand {
    /// List all keys, with what each is doing.
    List,
    Rotate(Rotate),
    Retire(Retire),
}

/// Let the next key sign; the current one stays published until its last token has expired.
#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    /// Only the key of this algorithm.
    #[arg(long)]
    alg: Option<Alg>,
    /// The identities that the gateway shows to upstreams, not the issuer's tokens.
    #[arg(long)]
    gateway: bool,
    /// Do not wait until every cache knows the next key: tokens may fail for a while.
    #[arg(long)]
    now: bool,
}

/// Take a key out of the published set.
#[derive(Debug, clap::Args)]
pub(super) struct Retire {
    /// The key, as 'portcullis key list' shows it.
    // One in 64 thumbprints begins with a hyphen.
    #[arg(allow_hyphen_values = true)]
    kid: Kid,
    /// Even if it signs now, or tokens that it signed may be alive: they fail at once.
    #[arg(long)]
    now: bool,
}

impl KeyCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            match self {
                Self::List => list(&house, globals.format).await,
                Self::Rotate(rotate) => rotate.run(&house, globals.format).await,
                Self::Retire(retire) => retire.run(&house, globals.format).await,
            }
        })
    }
}

/// The keys that this house has: the issuer's, and the gateway's if it shows identities. To look at them
/// changes none.
async fn rings(house: &House) -> Result<Vec<OurKeys>, Stop> {
    let issuer = house.config.issuer.as_ref().map(|_| house.issuer_keys());
    let gateway = house.config.shows_identities().then(|| house.gateway_keys());
    let mut rings = Vec::new();
    for plan in issuer.into_iter().chain(gateway) {
        rings.push(house.look_at_keys(plan).await?);
    }
    Ok(rings)
}

async fn list(house: &House, format: Format) -> Outcome {
    let rings = rings(house).await?;
    let keys: Vec<(&str, KeyInfo)> = rings
        .iter()
        .flat_map(|ring| ring.list().into_iter().map(|key| (ring.plan().purpose, key)))
        .collect();
    let value: Vec<_> = keys
        .iter()
        .map(|(purpose, key)| {
            serde_json::json!({
                "kid": key.kid, "alg": key.alg.name(), "purpose": purpose, "state": key.state,
                "created": key.created.to_string(),
                "activates": key.activates.map(|at| at.to_string()),
                "retires": key.retires.map(|at| at.to_string()),
            })
        })
        .collect();
    if keys.is_empty() {
        talk("there are no keys yet; 'portcullis serve' makes them");
    }
    format.print(&value, || {
        let rows: Vec<[String; 5]> = keys
            .iter()
            .map(|(purpose, key)| {
                [
                    key.kid.to_string(),
                    key.alg.name().to_owned(),
                    (*purpose).to_owned(),
                    state(key),
                    when(key),
                ]
            })
            .collect();
        table(["KID", "ALG", "SIGNS FOR", "STATE", "WHEN"], &rows)
    })
}

fn state(key: &KeyInfo) -> String {
    match key.state {
        KeyState::Next => "next",
        KeyState::Current => "current",
        KeyState::Retiring => "retiring",
        KeyState::Retired => "retired",
    }
    .to_owned()
}

fn when(key: &KeyInfo) -> String {
    let at = |word: &str, at: Option<Timestamp>| {
        at.map_or_else(String::new, |at| format!("{word} {at}"))
    };
    match key.state {
        KeyState::Next => at("signs from", key.activates),
        KeyState::Current => at("signs since", key.activates),
        KeyState::Retiring => at("published until", key.retires),
        KeyState::Retired => at("gone since", key.retires),
    }
}

impl Rotate {
    async fn run(self, house: &House, format: Format) -> Outcome {
        let plan = if self.gateway { house.gateway_keys() } else { house.issuer_keys() };
        let keys = house.keys(plan, act()).await?;
        let changes = keys.rotate(self.alg, haste(self.now), act()).await.map_err(refused)?;
        changed(&changes, format)
    }
}

impl Retire {
    async fn run(self, house: &House, format: Format) -> Outcome {
        let rings = rings(house).await?;
        let ring = rings.iter().find(|ring| ring.list().iter().any(|key| key.kid == self.kid));
        let ring =
            ring.ok_or_else(|| refused(KeyringFault::UnknownKey { kid: self.kid.clone() }))?;
        let changes = ring.retire(&self.kid, haste(self.now), act()).await.map_err(refused)?;
        changed(&changes, format)
    }
}

fn changed(changes: &[KeyChange], format: Format) -> Outcome {
    match format {
        Format::Json => {
            let mut value = serde_json::to_value(changes).map_err(Stop::cannot_run)?;
            dated(&mut value, &["until", "at"]);
            format.print(&value, String::new)
        }
        Format::Text if changes.is_empty() => {
            talk("nothing changed");
            Ok(Exit::Done)
        }
        Format::Text => {
            let lines = changes.iter().map(|change| format!("{change}\n"));
            data(lines.collect::<String>())
        }
    }
}

fn refused(fault: KeyringFault) -> Stop {
    match fault {
        KeyringFault::InUse { .. } | KeyringFault::StillNeeded { .. } => {
            Stop::refused(fault).hint("--now forces it")
        }
        KeyringFault::UnknownKey { .. } | KeyringFault::NoSuchAlg { .. } => Stop::refused(fault),
        _ => Stop::cannot_run(fault),
    }
}

const fn haste(now: bool) -> Haste {
    if now { Haste::AtOnce } else { Haste::Orderly }
}

fn act() -> Act {
    Act::new(house::actor(), clock::now(), &mut Chance)
}
