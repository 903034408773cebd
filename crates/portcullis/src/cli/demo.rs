//! `portcullis demo`

use super::{Exit, Format, Outcome, Stop, serve, talk};
use crate::{
    demo::{self, partners},
    serve::start_log,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Run everything on loopback, with a small model behind the gateway.
///
/// Starts an issuer, a gateway and a small text generator behind it, all on loopback, with two clients:
/// free-app may use the basic model, premium-app the advanced one too; and a sample app, with three people
/// who can sign in to it, each in another role. Nothing stays behind.
///
/// With --json the page of addresses, secrets and commands is one JSON object.
///
/// With COMMAND: takes free ports, runs COMMAND when everything is ready, with PORTCULLIS_ISSUER,
/// PORTCULLIS_GATEWAY, FREE_CLIENT_ID, FREE_CLIENT_SECRET, PREMIUM_CLIENT_ID, PREMIUM_CLIENT_SECRET,
/// DEMO_APP, DEMO_USER and DEMO_PASSWORD (the Data Scientist; DEMO_ADMIN_… and DEMO_VIEWER_… are the
/// others) in its environment, and ends as COMMAND ends. Inside it, 'portcullis' finds this demo without
/// being told.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  portcullis demo
  portcullis demo --data ./demo --gateway-port 9000
  portcullis demo -- sh -c 'portcullis token get --client-id $FREE_CLIENT_ID'
  portcullis demo partners
  portcullis demo -- pytest"
)]
pub(super) struct Demo {
    #[command(subcommand)]
    story: Option<Story>,
    /// Keep everything in this directory, and find it there again.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port of the issuer.  [default: 8080; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    issuer_port: Option<u16>,
    /// The port of the gateway.  [default: 8081; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    gateway_port: Option<u16>,
    /// The port of health and metrics.  [default: 8082; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// The port of the app that people sign in to.  [default: 8083; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    app_port: Option<u16>,
    /// What to run while the demo is there.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Debug, clap::Subcommand)]
enum Story {
    Partners(Partners),
}

/// Two tenants with providers of their own, and an analytics API.
///
/// Acme's provider is a second Portcullis with people and keys of its own; Globex has a key and no provider. Each
/// trades its tokens for ours, reads its own datasets and is refused the other's. The files are those of
/// examples/analytics. Nothing stays behind.
///
/// With --json the page of addresses, secrets and commands is one JSON object.
///
/// With COMMAND: takes free ports, runs COMMAND when everything is ready, with PORTCULLIS_ISSUER,
/// PORTCULLIS_GATEWAY, ANALYTICS (the service itself), ACME_ISSUER, ACME_CLIENT_ID and ACME_CLIENT_SECRET (at
/// Acme's provider), ACME_USER, ACME_PASSWORD, ACME_TRAINEE_USER, ACME_TRAINEE_PASSWORD, GLOBEX_KEY, and
/// ACME_APP_ID, ACME_APP_SECRET, GLOBEX_APP_ID, GLOBEX_APP_SECRET (at ours) in its environment, and ends as
/// COMMAND ends. Inside it, 'portcullis' finds this demo without being told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis demo partners
  portcullis demo partners -- sh -c 'portcullis can-i --tenant t123 --list'")]
struct Partners {
    /// Keep everything in this directory, and find it there again.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port of the issuer.  [default: 8080; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    issuer_port: Option<u16>,
    /// The port of the gateway.  [default: 8081; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    gateway_port: Option<u16>,
    /// The port of health and metrics.  [default: 8082; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// The port of Acme's own provider.  [default: 8083; with COMMAND, any free one]
    #[arg(long, value_name = "PORT")]
    partner_port: Option<u16>,
    /// What to run while the demo is there.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What is to be started, on which ports.
enum Wish {
    Models(demo::Ports),
    Partners(partners::Ports),
}

/// It runs.
enum Up {
    Models(Box<demo::Demo>),
    Partners(Box<partners::Partners>),
}

impl Demo {
    pub(super) fn run(self, format: Format) -> Outcome {
        if let Some(Story::Partners(story)) = self.story {
            return story.run(format);
        }
        let port = ports(&self.command);
        let wish = Wish::Models(demo::Ports {
            issuer: port(self.issuer_port, 8080),
            gateway: port(self.gateway_port, 8081),
            admin: port(self.admin_port, 8082),
            app: port(self.app_port, 8083),
        });
        run(wish, self.data.as_deref(), &self.command, format)
    }
}

impl Partners {
    fn run(self, format: Format) -> Outcome {
        let port = ports(&self.command);
        let wish = Wish::Partners(partners::Ports {
            issuer: port(self.issuer_port, 8080),
            gateway: port(self.gateway_port, 8081),
            admin: port(self.admin_port, 8082),
            partner: port(self.partner_port, 8083),
        });
        run(wish, self.data.as_deref(), &self.command, format)
    }
}

/// The port that was named, the usual one, or where a command tells others which it is, any.
fn ports(command: &[OsString]) -> impl Fn(Option<u16>, u16) -> u16 {
    let usual = command.is_empty();
    move |named, port| named.unwrap_or(if usual { port } else { 0 })
}

impl Up {
    async fn start(wish: Wish, data: Option<&Path>) -> Result<Self, Stop> {
        Ok(match wish {
            Wish::Models(ports) => Self::Models(Box::new(demo::Demo::start(data, ports).await?)),
            Wish::Partners(ports) => {
                Self::Partners(Box::new(Box::pin(partners::Partners::start(data, ports)).await?))
            }
        })
    }

    fn shown(&self) -> demo::Shown {
        match self {
            Self::Models(demo) => demo.shown(),
            Self::Partners(demo) => demo.shown(),
        }
    }

    async fn stop(self) {
        match self {
            Self::Models(demo) => demo.stop().await,
            Self::Partners(demo) => demo.stop().await,
        }
    }
}

fn run(wish: Wish, data: Option<&Path>, command: &[OsString], format: Format) -> Outcome {
    start_log("warn");
    let runtime = serve::runtime()?;
    let outcome = runtime.block_on(async {
        // Before anything is written that an early signal would leave behind.
        let mut signals = serve::Signals::listen()?;
        let demo = tokio::select! {
            demo = Up::start(wish, data) => demo?,
            () = signals.next() => return Ok(Exit::Refused),
        };
        let exit = match command.split_first() {
            None => wait(&demo.shown(), &mut signals, format).await?,
            Some(command) => accompany(command, &demo.shown(), &mut signals).await?,
        };
        tokio::select! {
            () = demo.stop() => {}
            () = signals.again() => {}
        }
        Ok(exit)
    });
    runtime.shutdown_background();
    outcome
}

async fn wait(shown: &demo::Shown, signals: &mut serve::Signals, format: Format) -> Outcome {
    format.print(&shown.facts, || shown.page.clone())?;
    signals.next().await;
    talk("");
    Ok(Exit::Done)
}

/// Runs the command; signals reach it too.
async fn accompany(
    (program, arguments): (&OsString, &[OsString]),
    shown: &demo::Shown,
    signals: &mut serve::Signals,
) -> Result<Exit, Stop> {
    let mut command = demo::Command::start(program, arguments, shown)?;
    loop {
        tokio::select! {
            exit = command.ended() => return exit,
            signal = signals.number() => command.signal(signal),
        }
    }
}
