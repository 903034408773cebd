//! Where mail goes: to a server, into a folder, or onto the console.

use super::message::Message;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::authentication::Credentials,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    fmt, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How mail is sent.
#[derive(Debug)]
pub struct MailSettings {
    /// Whom it comes from: `Name <address>`.
    pub from: String,
    /// Where it goes.
    pub sink: Sink,
}

/// Where mail goes.
pub enum Sink {
    /// Each message is a file of its own in this folder, for its owner's eyes.
    Folder(PathBuf),
    /// Onto standard error.
    Console,
    /// To a mail server.
    Smtp(Smtp),
}

/// A mail server.
pub struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

/// Why mail was not sent. Holds no address, and nothing of the message.
#[derive(Debug, thiserror::Error)]
pub enum MailFault {
    /// The person has no address, or none that is one.
    #[error("the person has no usable address for mail")]
    NoAddress,
    /// `from` is no address.
    #[error("'from' must be an address for mail, such as Portcullis <no-reply@example.com>")]
    From,
    /// `smtp` is no address of a server.
    #[error(
        "'smtp' must be smtps://user@host, smtp://user@host?tls=required, or smtp:// on this machine: {0}"
    )]
    Server(String),
    /// The folder or the console cannot be written.
    #[error("the message cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The server did not take it.
    #[error("the mail server did not take it: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

impl MailFault {
    /// Whether another try has any use.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Smtp(fault) => !fault.is_permanent(),
            Self::Io(_) => true,
            Self::NoAddress | Self::From | Self::Server(_) => false,
        }
    }
}

impl Smtp {
    /// From its URL: `smtps://user@host:port` for TLS at once, `smtp://host?tls=required` for STARTTLS. In the
    /// clear only to this machine.
    pub fn new(url: &str, password: Option<SecretString>) -> Result<Self, MailFault> {
        let parsed = url::Url::parse(url).map_err(|fault| MailFault::Server(fault.to_string()))?;
        if parsed.password().is_some() {
            return Err(MailFault::Server("a password is in it; name where it is instead".into()));
        }
        let encrypted = parsed.scheme() == "smtps"
            || parsed.query_pairs().any(|(key, value)| key == "tls" && value == "required");
        let loopback = parsed.host_str().is_some_and(|host| {
            let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        });
        if !encrypted && !loopback {
            let problem =
                "mail would go in the clear to another machine; use smtps:// or add ?tls=required";
            return Err(MailFault::Server(problem.into()));
        }
        let mut bare = parsed.clone();
        bare.set_username("").map_err(|()| MailFault::Server("it names no host".into()))?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(bare.as_str());
        let mut builder = builder.map_err(|fault| MailFault::Server(fault.to_string()))?;
        if let (false, Some(password)) = (parsed.username().is_empty(), password) {
            let user = percent_decoded(parsed.username());
            let password = password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self(builder.timeout(Some(Duration::from_secs(20))).build()))
    }
}

/// `user%40example.com` is `user@example.com`.
fn percent_decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

impl MailSettings {
    /// What is wrong with them, if anything.
    pub fn problem(&self) -> Option<MailFault> {
        self.from.parse::<Mailbox>().err().map(|_| MailFault::From)
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), MailFault> {
        let from: Mailbox = self.from.parse().map_err(|_| MailFault::From)?;
        let to: Address = message.to.parse().map_err(|_| MailFault::NoAddress)?;
        let mail = lettre::Message::builder()
            .from(from)
            .to(Mailbox::new(message.name, to))
            .subject(message.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(message.body)
            .map_err(|_| MailFault::NoAddress)?;
        match &self.sink {
            Sink::Smtp(server) => {
                server.0.send(mail).await?;
                Ok(())
            }
            Sink::Console => {
                let text = mail.formatted();
                let mut out = io::stderr().lock();
                out.write_all(&text)?;
                Ok(out.write_all(b"\n")?)
            }
            Sink::Folder(folder) => {
                let (folder, text) = (folder.clone(), mail.formatted());
                let write = tokio::task::spawn_blocking(move || write(&folder, &text));
                Ok(write.await.map_err(io::Error::other)??)
            }
        }
    }
}

/// A file that only its owner can read, named so that files sort by time.
fn write(folder: &Path, text: &[u8]) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for number in 1..100_000 {
        let path = folder.join(format!("{number:05}.eml"));
        let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match open {
            Ok(mut file) => return file.write_all(text),
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(io::Error::other("the folder is full; empty it"))
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Self::Console => f.write_str("Console"),
            Self::Smtp(_) => f.write_str("Smtp"),
        }
    }
}
