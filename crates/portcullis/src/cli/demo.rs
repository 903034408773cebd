//! `portcullis demo`

use super::{Exit, Format, Outcome, Stop, serve, talk};
use crate::{
    demo::{self, Ports},
    serve::start_log,
};
use std::{ffi::OsString, path::PathBuf};

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
#[command(after_help = "Examples:
  portcullis demo
  portcullis demo --data ./demo --gateway-port 9000
  portcullis demo -- sh -c 'portcullis token get --client-id $FREE_CLIENT_ID'
  portcullis demo -- pytest")]
pub(super) struct Demo {
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

impl Demo {
    pub(super) fn run(self, format: Format) -> Outcome {
        start_log("warn");
        let usual = |port: u16| if self.command.is_empty() { port } else { 0 };
        let ports = Ports {
            issuer: self.issuer_port.unwrap_or(usual(8080)),
            gateway: self.gateway_port.unwrap_or(usual(8081)),
            admin: self.admin_port.unwrap_or(usual(8082)),
            app: self.app_port.unwrap_or(usual(8083)),
        };
        let runtime = serve::runtime()?;
        let outcome = runtime.block_on(async {
            // Before anything is written that an early signal would leave behind.
            let mut signals = serve::Signals::listen()?;
            let demo = tokio::select! {
                demo = demo::Demo::start(self.data.as_deref(), ports) => demo?,
                () = signals.next() => return Ok(Exit::Refused),
            };
            let exit = match self.command.split_first() {
                None => wait(&demo, &mut signals, format).await?,
                Some(command) => run(command, &demo, &mut signals).await?,
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
}

async fn wait(demo: &demo::Demo, signals: &mut serve::Signals, format: Format) -> Outcome {
    format.print(&demo.facts(), || demo.welcome())?;
    signals.next().await;
    talk("");
    Ok(Exit::Done)
}

/// Runs the command; signals reach it too.
async fn run(
    (program, arguments): (&OsString, &[OsString]),
    demo: &demo::Demo,
    signals: &mut serve::Signals,
) -> Result<Exit, Stop> {
    let mut command = demo::Command::start(program, arguments, demo)?;
    loop {
        tokio::select! {
            exit = command.ended() => return exit,
            signal = signals.number() => command.signal(signal),
        }
    }
}
