//! `portcullis session`

use super::{
    Exit, Globals, House, Outcome, Stop, dated, house,
    person::{acting, find, refused, session_rows},
    talk,
};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_audit::explain::shell_word;
use portcullis_directory::GrantFacts;
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
///
/// What an app may do while the person is away (offline_access) depends on no session and lives on, with its
/// tokens: 'portcullis grant end' ends one such grant, 'portcullis person disable' everything of a person, as it
/// must be done for an account that was stolen.
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
                    let grants = directory.grants_of(&person.id, clock::now()).await;
                    live_on(&grants.map_err(refused)?, &person.login);
                    Ok(Exit::Done)
                }
            }
        })
    }
}

/// Says what the end of sessions does not reach.
fn live_on(grants: &[GrantFacts], login: &str) {
    let offline: Vec<&GrantFacts> = grants.iter().filter(|grant| grant.offline).collect();
    let (grants, them) = match offline.as_slice() {
        [] => return,
        [one] => ("1 grant with offline_access lives on".to_owned(), one.id.to_string()),
        more => (format!("{} grants with offline_access live on", more.len()), "ID…".to_owned()),
    };
    let login = shell_word(login);
    talk(format_args!(
        "{grants}, with all tokens:\n  portcullis grant list {login}  shows what lives on\n  \
         portcullis grant end {them}  ends it\n  \
         portcullis person disable {login}  ends everything, and lets nobody sign in"
    ));
}
