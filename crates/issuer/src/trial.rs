//! What an exchange would yield, and why, before anybody asks for one: by the very steps of an exchange, for the command
//! line and for the API. Nothing is issued, and the token is not used up.

use crate::Partners;
use portcullis_directory::{Client, Directory, KnownTenant, Left};
use portcullis_types::{ClientId, Denial, IdFault, Narrowed, Scopes, Timestamp};
use portcullis_verify::subject::{CheckedTrust, Examination, Offered, TokenKind, examine};
use serde_json::{Value, json};
use std::sync::Arc;

/// As what a token would be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `subject_token`, an ID token.
    IdToken,
    /// `subject_token`, an access token.
    #[default]
    AccessToken,
    /// `subject_token`, another JWT.
    Jwt,
    /// An identity assertion of the jwt-bearer grant.
    IdJag,
}

/// What would be asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// A token of the tenant's provider.
    pub token: &'a str,
    /// As what it would be sent.
    pub kind: Kind,
    /// The client that would send it; its allow-list counts then, too.
    pub client: Option<&'a Client>,
    /// What it would ask for; without it, all that the token allows.
    pub scope: Option<&'a Scopes>,
}

/// How it went by one trust.
pub struct Tried {
    /// The trust.
    pub trust: Arc<CheckedTrust>,
    /// Each step.
    pub seen: Examination,
    /// What would be left of it.
    pub yields: Option<Result<Narrowed, Box<Denial>>>,
}

/// Tries the token by every trust of the tenant, with the keys that `partners` have or fetch.
pub async fn tried(
    (directory, partners): (&Directory, &Partners),
    tenant: &KnownTenant,
    question: Question<'_>,
    now: Timestamp,
) -> Result<Vec<Tried>, IdFault> {
    let nobody = ClientId::new("tenant-check")?;
    let Question { token, kind, client, scope } = question;
    let client_id = client.map_or(&nobody, |client| &client.id);
    let mut all = Vec::with_capacity(tenant.trusts.len());
    for trust in &tenant.trusts {
        let keys = partners.keys(trust, now).await;
        let offered = match kind {
            Kind::IdToken => Offered::subject(token, TokenKind::IdToken, client_id),
            Kind::AccessToken => Offered::subject(token, TokenKind::AccessToken, client_id),
            Kind::Jwt => Offered::subject(token, TokenKind::Jwt, client_id),
            Kind::IdJag => Offered::assertion(token, client_id),
        };
        let seen = examine(&offered, trust, &keys, now);
        let yields = seen.outcome.as_ref().ok().map(|subject| {
            let left = Left { client, api: None, asked: scope };
            directory.left(tenant, &trust.rights(subject, now), left)
        });
        all.push(Tried { trust: trust.clone(), seen, yields });
    }
    Ok(all)
}

impl Tried {
    /// Whether an exchange would yield something.
    pub const fn is_good(&self) -> bool {
        matches!(self.yields, Some(Ok(_)))
    }

    /// As programs read it.
    pub fn view(&self) -> Value {
        let refused = |denial: &Denial| {
            json!({
                "code": denial.code().name,
                "found": denial.found(),
                "expected": denial.expected(),
                "remedy": denial.remedy_for_operator().change,
            })
        };
        let (yields, refusal) = match (&self.seen.outcome, &self.yields) {
            (Err(denial), _) => (None, Some(refused(denial))),
            (Ok(_), Some(Err(denial))) => (None, Some(refused(denial))),
            (Ok(subject), Some(Ok(narrowed))) => {
                let yields = json!({
                    "sub": subject.principal,
                    "scope": narrowed.rights.scopes,
                    "authorization_details": narrowed.rights.details,
                    "expires": narrowed.rights.expires.to_string(),
                    "dropped": narrowed.dropped,
                });
                (Some(yields), None)
            }
            (Ok(_), None) => (None, None),
        };
        json!({
            "trust": self.trust.name(),
            "issuer": self.trust.issuer(),
            "steps": self.seen.course.rows().collect::<Vec<_>>(),
            "conditions": self.seen.conditions,
            "mapping": self.seen.mapping,
            "yields": yields,
            "refused": refusal,
        })
    }
}
