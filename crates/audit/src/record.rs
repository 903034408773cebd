//! What is remembered of one decision. No field is meant for a token or a secret, and what looks
//! like a token is taken out of any field before the record is kept.

use crate::brief::{brief, brief_opt, long, path};
use portcullis_types::{
    Acr, DecisionId, Denial, Dropped, GrantId, IdentityScopes, Jti, Judged, PersonId, Ruled,
    Scopes, SessionId, Timestamp, Trace,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// One decision: who asked for what, which checks were made, how it ended.
///
/// Text from outside may be borrowed; what was read back owns it. As JSON, `id` is the first member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// The name under which it is explained.
    pub id: DecisionId,
    /// When it was decided, in milliseconds.
    pub at: Timestamp,
    /// The checks that were made; empty for an administrative change.
    pub trace: Trace,
    /// Why it was refused; `None`: it was allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<Cow<'a, Denial>>,
    /// What a policy was asked, and what it ruled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled: Option<Cow<'a, Ruled>>,
    /// What was decided about.
    #[serde(flatten)]
    pub event: Event<'a>,
}

/// What a decision was about; the JSON member `event` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A request at the gateway or at a service.
    Access(Access<'a>),
    /// A request for a token.
    Grant(Grant<'a>),
    /// A change by an administrator.
    Admin(Admin<'a>),
}

/// A request to an API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access<'a> {
    /// The HTTP method.
    #[serde(serialize_with = "brief")]
    pub method: Cow<'a, str>,
    /// The path without its query; cut to 256 bytes.
    #[serde(serialize_with = "path")]
    pub path: Cow<'a, str>,
    /// The route that matched.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub route: Option<Cow<'a, str>>,
    /// The API behind that route.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub api: Option<Cow<'a, str>>,
    /// The audience of that API.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub resource: Option<Cow<'a, str>>,
    /// The scopes that the request needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<Cow<'a, Scopes>>,
    /// What the token said, as far as it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenFacts<'a>>,
}

/// The claims that mattered. Of a token whose signature was not (yet) verified these are its own
/// words, nothing more: see `verified`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts<'a> {
    /// Whether the signature was verified before these claims were read.
    pub verified: bool,
    /// `iss`.
    #[serde(serialize_with = "brief")]
    pub iss: Cow<'a, str>,
    /// `sub`.
    #[serde(serialize_with = "brief")]
    pub sub: Cow<'a, str>,
    /// `client_id`.
    #[serde(serialize_with = "brief")]
    pub client_id: Cow<'a, str>,
    /// `aud`; several joined by a space.
    #[serde(serialize_with = "brief")]
    pub aud: Cow<'a, str>,
    /// `jti`.
    #[serde(serialize_with = "brief")]
    pub jti: Cow<'a, str>,
    /// `scope`; cut to 2048 bytes.
    #[serde(serialize_with = "long")]
    pub scope: Cow<'a, str>,
    /// `exp`, in seconds.
    pub exp: i64,
    /// `iat`, in seconds.
    pub iat: i64,
    /// `kid` of the header.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub kid: Option<Cow<'a, str>>,
    /// `alg` of the header.
    #[serde(serialize_with = "brief")]
    pub alg: Cow<'a, str>,
    /// The tenant that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub tenant: Option<Cow<'a, str>>,
}

impl TokenFacts<'_> {
    /// The same, borrowed from nobody.
    pub fn into_owned(self) -> TokenFacts<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        TokenFacts {
            verified: self.verified,
            iss: own(self.iss),
            sub: own(self.sub),
            client_id: own(self.client_id),
            aud: own(self.aud),
            jti: own(self.jti),
            scope: own(self.scope),
            exp: self.exp,
            iat: self.iat,
            kid: self.kid.map(own),
            alg: own(self.alg),
            tenant: self.tenant.map(own),
        }
    }
}

/// A request at the token endpoint, or at another of the issuer's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant<'a> {
    /// Which other endpoint, as metadata names it: `authorization`, `pushed_authorization_request`. Older
    /// records say it of none.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub endpoint: Option<Cow<'a, str>>,
    /// `grant_type` as sent.
    #[serde(serialize_with = "brief")]
    pub grant_type: Cow<'a, str>,
    /// The client, as claimed: proven only if the check `client` passed.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub client_id: Option<Cow<'a, str>>,
    /// How the client authenticated, in the words of `token_endpoint_auth_method`.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub auth_method: Option<Cow<'a, str>>,
    /// What was asked for; `None`: nothing, so that the client's default was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_scope: Option<Scopes>,
    /// Whether a default of the client stood in for `scope` or `resource`.
    pub default_used: bool,
    /// `resource`, each as sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested_resource: Vec<String>,
    /// The audience that was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub resource: Option<Cow<'a, str>>,
    /// The API of that audience.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub api: Option<Cow<'a, str>>,
    /// What was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Scopes>,
    /// What was asked for and not granted, and by whose limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// The `jti` of the token that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<Jti>,
    /// Its `exp`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// The key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub kid: Option<Cow<'a, str>>,
    /// The address that asked, as text.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub remote: Option<Cow<'a, str>>,
    /// The person for whom the app asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The session in which they agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The grant that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// What the app may learn about the person.
    #[serde(default, skip_serializing_if = "IdentityScopes::is_nothing")]
    pub identity: IdentityScopes,
    /// How strongly the person had signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// What the token is bound to: `dpop` or `mtls`.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub bound: Option<Cow<'a, str>>,
    /// The tenant whose token came to be exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub tenant: Option<Cow<'a, str>>,
    /// Which of its trusts let it in.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub trust: Option<Cow<'a, str>>,
    /// How the token that came was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<Judged>>,
    /// How the token of whoever acts was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_judged: Option<Box<Judged>>,
    /// Which API key was exchanged: its id and name, never the key.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub api_key: Option<Cow<'a, str>>,
    /// For whom the token is, where that is not the client.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub subject: Option<Cow<'a, str>>,
    /// Who acts for them.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "brief_opt")]
    pub actor: Option<Cow<'a, str>>,
}

impl Grant<'_> {
    /// Whether it yields neither a token nor an authorization.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.endpoint.as_deref().is_some_and(|endpoint| endpoint != "authorization")
    }

    /// What it was: `token request`, or `pushed authorization request`.
    pub fn kind(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or("token").replace('_', " ");
        format!("{} request", endpoint.trim_end_matches(" request"))
    }
}

/// An administrative change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admin<'a> {
    /// Who made it.
    #[serde(serialize_with = "brief")]
    pub actor: Cow<'a, str>,
    /// What was done: `client.add`, `key.rotate`.
    #[serde(serialize_with = "brief")]
    pub action: Cow<'a, str>,
    /// To what.
    #[serde(serialize_with = "brief")]
    pub target: Cow<'a, str>,
    /// What else is worth knowing; never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}

impl Record<'_> {
    /// The earliest and the latest time by which it may be looked up: its own, that of its id and
    /// that of the `jti` it issued.
    pub(crate) fn times(&self) -> [Timestamp; 2] {
        let [own, id] = [self.at, self.id.time()];
        let issued = match &self.event {
            Event::Grant(grant) => grant.jti.as_ref().and_then(Jti::time).unwrap_or(own),
            Event::Access(_) | Event::Admin(_) => own,
        };
        [own.min(id).min(issued), own.max(id).max(issued)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_types::{Cause, Json, Point, Revision, Ruling, Stage};

    #[test]
    fn what_a_policy_said_is_read_back_as_it_was() {
        let ruled = Ruled {
            point: Point::Exchange,
            ruling: Ruling::failed(
                Cause::Limit("50000 instructions".into()),
                Revision::of_files([7; 32]),
            ),
            input: Json(r#"{"subject":{"sub":"usr_a"},"requested":["a:b"],"n":1.5}"#.into()),
            shadow: Some(Ruling {
                allow: true,
                ..Ruling::failed(Cause::Policy, Revision::of_files([8; 32]))
            }),
            decision_log_id: None,
        };
        let record = Record {
            id: "dec_01K0000000000000000000000A".parse().unwrap(),
            at: Timestamp::from_seconds(1_800_000_000),
            trace: Trace::new(Stage::Grant),
            denial: None,
            ruled: Some(Cow::Owned(ruled)),
            event: Event::Grant(Grant::default()),
        };
        let json = serde_json::to_string(&record).unwrap();
        assert!(json.contains(r#""input":{"subject":{"sub":"usr_a"}"#), "a value, no text: {json}");
        assert_eq!(serde_json::from_str::<Record<'_>>(&json).unwrap(), record);
    }
}
