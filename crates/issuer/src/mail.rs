//! Mail to people: an invitation, a link because the password is forgotten, or word of a change to their account.
//!
//! Whoever asks for mail is answered before it is decided whether there is any: the answer, and the time that it
//! takes, tell nothing about who is known. What waits is bounded, and so are the tries.

mod message;
mod sink;

pub use message::link_url;
pub use sink::{MailFault, MailSettings, Sink, Smtp};

use crate::server::{Clock, EntropySource};
use message::Message;
use portcullis_directory::{Acting, Action, Directory, OneTimeLink, Person};
use portcullis_types::{Issuer, PersonId};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc};

/// More than this do not wait: further requests are forgotten, and the log says so.
const WAITING: usize = 256;
/// So many messages are on their way at once, those that are tried again included.
const AT_ONCE: usize = 16;
/// Before the second, third and fourth try.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_mins(1)];

/// Takes requests for mail and never makes anybody wait. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(mpsc::Sender<Job>);

enum Job {
    Forgotten { typed: String, actor: String },
    Link(Box<OneTimeLink>),
    Changed(Box<Person>, Action),
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer")
    }
}

/// Sends what a [`Mailer`] took. Ends with the last mailer.
pub struct MailTask {
    jobs: mpsc::Receiver<Job>,
    office: Arc<Office>,
    places: Arc<Semaphore>,
}

/// What sending needs.
struct Office {
    settings: Arc<MailSettings>,
    directory: Directory,
    issuer: Issuer,
    clock: Clock,
    entropy: EntropySource,
}

impl Mailer {
    /// A mailer, and the task that does its work: spawn it.
    pub fn new(
        settings: MailSettings,
        directory: Directory,
        issuer: Issuer,
        (clock, entropy): (Clock, EntropySource),
    ) -> (Self, MailTask) {
        let (sender, jobs) = mpsc::channel(WAITING);
        let settings = Arc::new(settings);
        let office = Office { settings, directory, issuer, clock, entropy };
        let places = Arc::new(Semaphore::new(AT_ONCE));
        (Self(sender), MailTask { jobs, office: Arc::new(office), places })
    }

    /// One that sends nothing: for an issuer that is only asked questions.
    pub fn idle() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// Somebody forgot the password of whoever `typed` means. Nobody is told whether that is anybody.
    pub fn forgotten(&self, typed: &str, remote: Option<std::net::IpAddr>) {
        let typed = typed.chars().take(300).collect();
        let actor =
            remote.map_or_else(|| "visitor".to_owned(), |remote| format!("visitor:{remote}"));
        self.take(Job::Forgotten { typed, actor });
    }

    /// Sends a link that was made.
    pub fn send(&self, link: OneTimeLink) {
        self.take(Job::Link(Box::new(link)));
    }

    /// Tells somebody who has an address that this was done to their account: if it was not them, they learn it.
    pub fn changed(&self, person: &Person, action: Action) {
        if person.profile.email.is_some() {
            self.take(Job::Changed(Box::new(person.clone()), action));
        }
    }

    fn take(&self, job: Job) {
        if self.0.try_send(job).is_err() {
            tracing::warn!("too much mail waits to be sent; a request for some was forgotten");
        }
    }
}

impl MailTask {
    /// Runs until the last mailer is gone.
    pub async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            let letter = match job {
                Job::Link(link) => Some(self.office.of_link(&link)),
                Job::Forgotten { typed, actor } => {
                    let link = self.office.forgotten(&typed, &actor).await;
                    link.map(|link| self.office.of_link(&link))
                }
                Job::Changed(person, action) => {
                    let message = Message::of_change(&person, action, &self.office.issuer);
                    Some((person.id, message))
                }
            };
            let Some((person, message)) = letter else { continue };
            // Off the line: whom a server takes nothing for keeps one place, not everybody's mail.
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            let office = self.office.clone();
            tokio::spawn(async move {
                office.send(person.as_str(), message).await;
                drop(place);
            });
        }
    }
}

impl Office {
    async fn forgotten(&self, typed: &str, actor: &str) -> Option<OneTimeLink> {
        let mut entropy = (self.entropy)();
        let by = Acting { actor, now: (self.clock)(), entropy: &mut *entropy };
        match self.directory.forgotten(by, typed).await {
            Ok(link) => link,
            Err(fault) => {
                tracing::error!(%fault, "cannot make a link for a forgotten password");
                None
            }
        }
    }

    fn of_link(&self, link: &OneTimeLink) -> (PersonId, Result<Message, MailFault>) {
        (link.person.id.clone(), Message::of(link, &self.issuer))
    }

    async fn send(&self, person: &str, message: Result<Message, MailFault>) {
        let message = match message {
            Ok(message) => message,
            Err(fault) => return tracing::error!(person, %fault, "mail cannot be sent"),
        };
        let mut pauses = PAUSES.into_iter();
        loop {
            let fault = match self.settings.send(message.clone()).await {
                Ok(()) => return tracing::info!(person, "mail is on its way"),
                Err(fault) => fault,
            };
            let Some(pause) = pauses.next().filter(|_| fault.may_pass()) else {
                return tracing::error!(person, %fault, "mail cannot be sent");
            };
            tracing::warn!(person, %fault, "mail cannot be sent yet");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Sends one link, now.
pub async fn deliver(
    settings: &MailSettings,
    issuer: &Issuer,
    link: &OneTimeLink,
) -> Result<(), MailFault> {
    let message = Message::of(link, issuer)?;
    settings.send(message).await
}
