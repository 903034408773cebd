//! The record of whom a tenant trusts, as somebody wrote it: in a file as `[[trust]]`, or in the API as JSON.

use super::{Condition, Preset, TokenKind, spell};
use portcullis_types::{ClientId, Details, Ttl};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One issuer that one tenant trusts, and on what terms. Nothing of it is checked yet: see
/// [`checked`](Trust::checked).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// What the tenant calls it; unique in the tenant.
    pub name: String,
    /// Which provider it is.
    pub preset: Preset,
    /// `iss`, byte by byte; of SPIFFE, the trust domain.
    pub issuer: String,
    /// Where its keys are from.
    pub keys: KeySource,
    /// Whether the keys stay as they are, whatever the issuer publishes: for a set that is written here alone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub freeze_keys: bool,
    /// The algorithms it may sign with; the preset's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algs: Option<Vec<String>>,
    /// The `typ` values accepted, of the preset `custom` alone; an empty text is a header without `typ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<Vec<String>>,
    /// The values of `aud` that are accepted. If absent, our issuer's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
    /// What kinds of token it is trusted for.
    pub kinds: Vec<TokenKind>,
    /// By how much its clock may differ; at most and usually 60 s.
    #[serde(default, with = "spell", skip_serializing_if = "Option::is_none")]
    pub skew: Option<Ttl>,
    /// How long ago a token may have been issued; of ID tokens usually 10 min.
    #[serde(default, with = "spell", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Ttl>,
    /// The longest life of its tokens; at most and usually 24 h.
    #[serde(default, with = "spell", skip_serializing_if = "Option::is_none")]
    pub max_lifetime: Option<Ttl>,
    /// Whether a token is exchanged once; usually so for ID tokens alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_time: Option<bool>,
    /// How many exchanges a minute one subject may have; usually 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// What must be true of a token besides; all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Where the token says what; the preset's places where absent.
    #[serde(default)]
    pub mapping: Mapping,
    /// What its subjects may do here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// What none of its subjects exceeds.
    pub ceiling: Ceiling,
    /// The longest life of our tokens for its subjects; usually 15 min, and never past their own token's.
    #[serde(default, with = "spell", skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Ttl>,
    /// Whether clients with `exchange:impersonate` may leave themselves out of tokens for its subjects.
    #[serde(default, skip_serializing_if = "is_false")]
    pub impersonation: bool,
    /// How often one ID-JAG is exchanged, which may come again until it expires; usually 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// How its people must have signed in there; if absent, as they like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// For callers that prove nothing but their token, as the SDKs of AI vendors do; if absent, there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<Federation>,
}

/// A demand on sign-ins (RFC 9470 §3). Services sign in nowhere, and it is not about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// How long ago it may have been.
    #[serde(default, with = "spell", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Ttl>,
    /// The values of `acr` that will do, in the provider's words; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
}

/// A door without client authentication, to one client's rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// The client of the tenant's, as which such callers come: no token of theirs exceeds what it may have.
    pub client: ClientId,
}

/// Where the keys of an issuer are from: `"discovery"`, `{ jwks_uri = "…" }` or `{ jwks = { keys = […] } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The issuer's metadata names them (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
    Discovery,
    /// At this address.
    JwksUri(String),
    /// Here (RFC 7517 §5).
    Jwks(Value),
}

/// Where a token says what. What is absent is where the preset says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Its scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeMapping>,
    /// Lists of roles, by their paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Its groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupMapping>,
    /// The tenant at the issuer, which makes part of who the subject is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What people call the subject; for pages and records alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The claims that make the subject, of the preset `custom` alone; usually `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Vec<String>>,
    /// The claims that may name the client, of the preset `custom` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Vec<String>>,
}

/// The claim with the scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeMapping {
    /// Its path.
    pub claim: String,
    /// How it is written. Another type than this is no scope.
    pub format: ScopeFormat,
    /// What our scopes begin with there; words without it are not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_strip: Option<String>,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeFormat {
    /// One text, words separated by spaces (RFC 6749 §3.3).
    Space,
    /// A list of texts.
    Array,
    /// One text, words separated by commas.
    Csv,
}

/// The claim with the groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMapping {
    /// Its path.
    pub path: String,
    /// What to do with a token that says that it could not hold all of them.
    #[serde(default)]
    pub overage: Overage,
}

/// What becomes of a token that does not hold all groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overage {
    /// It is refused: a rule that says "not of this group" would be walked around.
    #[default]
    Refuse,
    /// Its subject counts as in no group.
    NoGroups,
}

/// What some subjects may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who: `"everyone"`, `{ role = "…" }` or `{ group = "…" }`.
    pub to: Grantee,
    /// What, with wildcards as in allow-lists.
    pub scopes: Vec<String>,
    /// What limits it. The limits of all grants of a subject hold, side by side; a grant without any lifts none.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub authorization_details: Details,
}

/// Who may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// Every subject of this issuer that meets the conditions.
    Everyone,
    /// Who has this role.
    Role(String),
    /// Who is in this group.
    Group(String),
}

/// What nobody exceeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Scopes, with wildcards as in allow-lists.
    pub scopes: Vec<String>,
    /// Further limits.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub authorization_details: Details,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
