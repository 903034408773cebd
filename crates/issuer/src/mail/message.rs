//! What is written to people, in plain words and plain text, in their own language if it is there.

use super::MailFault;
use portcullis_directory::{LinkKind, OneTimeLink};
use portcullis_types::Issuer;
use portcullis_web::page::Words;
use secrecy::ExposeSecret as _;

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
        let words = Words::among(profile.locale.as_deref()).unwrap_or_default();
        let [subject, text, end] = match link.kind {
            LinkKind::Invitation => {
                ["mail.invitation_subject", "mail.invitation", "mail.invitation_end"]
            }
            LinkKind::Reset => ["mail.reset_subject", "mail.reset", "mail.reset_end"],
        };
        let name = profile.given_name.as_deref().or(profile.name.as_deref());
        let shown = plain(name.unwrap_or(&link.person.login));
        let (place, address) = (place(issuer), link_url(issuer, link));
        let hello = words.fill("mail.hello", &[&shown]);
        let text = words.fill(text, &[place]);
        let end = words.fill(end, &[&link.expires.to_string()]);
        let body = format!("{hello}\n\n{text}\n\n{address}\n\n{end}\n");
        let subject = words.fill(subject, &[place]);
        let name = profile.name.as_deref().map(plain);
        Ok(Self { to, name, subject, body })
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
