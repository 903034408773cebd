//! What is written to people, in plain words and plain text, in their own language if it is there.

use super::MailFault;
use portcullis_directory::{Action, LinkKind, OneTimeLink, Person};
use portcullis_types::Issuer;
use portcullis_web::page::Words;
use secrecy::ExposeSecret as _;

/// A message that is ready to be sent.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) to: String,
    pub(super) name: Option<String>,
    pub(super) subject: String,
    pub(super) body: String,
}

impl Message {
    pub(super) fn of(link: &OneTimeLink, issuer: &Issuer) -> Result<Self, MailFault> {
        let words = words_for(&link.person);
        let [subject, text, end] = match link.kind {
            LinkKind::Invitation => {
                ["mail.invitation_subject", "mail.invitation", "mail.invitation_end"]
            }
            LinkKind::Reset => ["mail.reset_subject", "mail.reset", "mail.reset_end"],
        };
        let (place, address) = (place(issuer), link_url(issuer, link));
        let text = words.fill(text, &[place]);
        let end = words.fill(end, &[&link.expires.to_string()]);
        Self::to(&link.person, words.fill(subject, &[place]), &[&text, &address, &end])
    }

    /// Word of what was done to somebody's account.
    pub(super) fn of_change(
        person: &Person,
        action: Action,
        issuer: &Issuer,
    ) -> Result<Self, MailFault> {
        let (words, place) = (words_for(person), place(issuer));
        let what = words.find(&format!("action.{}", action.name()));
        let what = what.unwrap_or(words.say("activity.other"));
        let text = words.fill("mail.changed", &[place]);
        let end = words.fill("mail.changed_end", &[place]);
        Self::to(person, words.fill("mail.changed_subject", &[place]), &[&text, what, &end])
    }

    fn to(person: &Person, subject: String, parts: &[&str]) -> Result<Self, MailFault> {
        let profile = &person.profile;
        let to = profile.email.clone().ok_or(MailFault::NoAddress)?;
        let name = profile.given_name.as_deref().or(profile.name.as_deref());
        let shown = plain(name.unwrap_or(&person.login));
        let hello = words_for(person).fill("mail.hello", &[&shown]);
        let body = format!("{hello}\n\n{}\n", parts.join("\n\n"));
        Ok(Self { to, name: profile.name.as_deref().map(plain), subject, body })
    }
}

fn words_for(person: &Person) -> Words {
    Words::among(person.profile.locale.as_deref()).unwrap_or_default()
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
