//! What is written to people, in plain words and plain text. Another language is another [`Words`].

use super::MailFault;
use portcullis_directory::{LinkKind, OneTimeLink};
use portcullis_types::Issuer;
use secrecy::ExposeSecret as _;

/// One message to one person. `{name}`, `{place}`, `{link}` and `{until}` are filled in.
struct Words {
    subject: &'static str,
    body: &'static str,
}

/// The catalogue.
const ENGLISH: [(LinkKind, Words); 2] = [
    (
        LinkKind::Invitation,
        Words {
            subject: "Your account at {place}",
            body: "Hello {name},

you were invited to {place}. Choose a password to join:

{link}

The link works once, until {until}. If you expected no invitation, do nothing.
",
        },
    ),
    (
        LinkKind::Reset,
        Words {
            subject: "Choose a new password for {place}",
            body: "Hello {name},

somebody, probably you, forgot the password of your account at {place}. Choose a new one:

{link}

The link works once, until {until}, and signs you out everywhere. If it was not you, do nothing:
your password stays as it is.
",
        },
    ),
];

/// A message that is ready to be sent.
pub(super) struct Message {
    pub(super) to: String,
    pub(super) name: Option<String>,
    pub(super) subject: String,
    pub(super) body: String,
}

impl Message {
    pub(super) fn of(link: &OneTimeLink, issuer: &Issuer) -> Result<Self, MailFault> {
        let profile = &link.person.profile;
        let to = profile.email.clone().ok_or(MailFault::NoAddress)?;
        let words = ENGLISH.iter().find(|(kind, _)| *kind == link.kind);
        let (_, words) = words.ok_or(MailFault::NoAddress)?;
        let name = profile.given_name.as_deref().or(profile.name.as_deref());
        let shown = plain(name.unwrap_or(&link.person.login));
        let address = link_url(issuer, link);
        let values = [
            ("{name}", shown.as_str()),
            ("{place}", place(issuer)),
            ("{link}", address.as_str()),
            ("{until}", &link.expires.to_string()),
        ];
        let fill = |text: &str| {
            values.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
        };
        let name = profile.name.as_deref().map(plain);
        Ok(Self { to, name, subject: fill(words.subject), body: fill(words.body) })
    }
}

/// Where the link leads: a page that lets its reader choose a password.
pub fn link_url(issuer: &Issuer, link: &OneTimeLink) -> String {
    let page = match link.kind {
        LinkKind::Invitation => "invitation",
        LinkKind::Reset => "password-reset/choose",
    };
    let base = issuer.as_str().trim_end_matches('/');
    format!("{base}/{page}?token={}", link.token.expose_secret())
}

/// The issuer without its scheme.
fn place(issuer: &Issuer) -> &str {
    issuer
        .as_str()
        .split_once("://")
        .map_or(issuer.as_str(), |(_, rest)| rest)
        .trim_end_matches('/')
}

/// Attack: an address in somebody's name, so that our mail advertises it. Names have no such marks.
fn plain(name: &str) -> String {
    let harmless = |c: char| if c.is_control() || "/:@<>{}".contains(c) { ' ' } else { c };
    name.chars().map(harmless).take(80).collect()
}
