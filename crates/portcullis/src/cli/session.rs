//! `portcullis session`

use super::{
    Exit, Globals, House, Outcome, Stop, dated, house,
    person::{acting, find, refused, session_rows},
    talk,
};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_types::SessionId;

const EXAMPLES: &str = "Examples:
  portcullis session list alice@example.com
  portcullis session end alice@example.com ses_01j8…
  portcullis session end alice@example.com --all";

/// Look at where people are signed in, and sign them out.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum SessionCommand {
    /// List a person's sessions.
    List(super::person::One),
    End(End),
}

/// End sessions; tokens that depend on them stop working within seconds.
#[derive(Debug, clap::Args)]
pub(super) struct End {
    /// What the person types to sign in, or usr_….
    #[arg(value_name = "LOGIN")]
    login: String,
    /// Which; may be repeated.
    #[arg(value_name = "SESSION", required_unless_present = "all")]
    sessions: Vec<SessionId>,
    /// All of them.
    #[arg(long, conflicts_with = "sessions")]
    all: bool,
}

impl SessionCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let directory = house.directory().await?;
            let (actor, mut chance) = (house::actor(), Chance);
            match self {
                Self::List(one) => {
                    let person = find(&directory, &one.login).await?;
                    let sessions = directory.sessions_of(&person.id, clock::now()).await;
                    let sessions = sessions.map_err(refused)?;
                    let mut json = serde_json::to_value(&sessions).map_err(Stop::cannot_run)?;
                    dated(&mut json, &["started", "seen", "at"]);
                    globals.format.print(&json, || session_rows(&sessions))
                }
                Self::End(end) => {
                    let person = find(&directory, &end.login).await?;
                    let mut ended = 0;
                    if end.all {
                        let by = acting(&mut chance, &actor);
                        let all = directory.end_sessions(by, &person.id, None).await;
                        ended = all.map_err(refused)?;
                    }
                    for session in &end.sessions {
                        let by = acting(&mut chance, &actor);
                        directory.end_session(by, &person.id, session).await.map_err(refused)?;
                        ended += 1;
                    }
                    talk(format_args!("{ended} sessions of {} are ended", person.login));
                    Ok(Exit::Done)
                }
            }
        })
    }
}
