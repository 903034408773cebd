//! A person, as everybody who asks for them sees them. Holds no secret, only facts about them.

use portcullis_types::{Acr, PersonId, Tenant, Timestamp};
use serde::{Deserialize, Serialize};

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// `usr_…`, the public `sub`.
    pub id: PersonId,
    /// What they type to sign in: lower case, unique; often their address for mail.
    pub login: String,
    /// What is told about them.
    pub profile: Profile,
    /// Names of roles, as the configuration has them: those of their own, and those of their groups.
    pub roles: Vec<String>,
    /// The roles that are their own, whatever their groups are.
    pub own_roles: Vec<String>,
    /// Names of groups: those of their own, and those of the directory that provisions them.
    pub groups: Vec<String>,
    /// Names of the groups that the operator put them into.
    pub own_groups: Vec<String>,
    /// Names of groups at other providers, from the accounts that are linked.
    pub upstream_groups: Vec<String>,
    /// The customer they belong to.
    pub tenant: Option<Tenant>,
    /// The company's directory that provisions them (SCIM), by the operator's name for it.
    pub directory: Option<String>,
    /// What the company's directory calls them (SCIM `externalId`).
    pub external_id: Option<String>,
    /// Counts the changes, for `ETag`.
    pub version: u32,
    /// How they can prove who they are.
    pub factors: Factors,
    /// When they joined.
    pub created: Timestamp,
    /// When something about them changed last.
    pub updated: Timestamp,
    /// Since when they cannot sign in.
    pub disabled_since: Option<Timestamp>,
    /// Who keeps them out.
    pub disabled_by: DisabledBy,
}

/// Who keeps a person from signing in. Each takes back only its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DisabledBy {
    /// The operator: `portcullis person disable`.
    pub operator: bool,
    /// The directory that provisions them: `active: false` by SCIM.
    pub directory: bool,
}

impl DisabledBy {
    /// Whether anybody does.
    pub const fn anybody(self) -> bool {
        self.operator || self.directory
    }
}

/// The standard claims (OpenID Connect Core §5.1), each as it goes into `/userinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the standard claim of its name")]
pub struct Profile {
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub middle_name: Option<String>,
    pub nickname: Option<String>,
    pub preferred_username: Option<String>,
    pub profile: Option<String>,
    pub picture: Option<String>,
    pub website: Option<String>,
    pub email: Option<String>,
    pub email_verified: bool,
    pub gender: Option<String>,
    pub birthdate: Option<String>,
    pub zoneinfo: Option<String>,
    pub locale: Option<String>,
    pub phone_number: Option<String>,
    pub phone_number_verified: bool,
    pub address: Option<Address>,
}

/// OpenID Connect Core §5.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the standard member of its name")]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// The means that a person has, never the means that they used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Factors {
    /// Whether there is a password.
    pub password: bool,
    /// Whether there is an authenticator app.
    pub totp: bool,
    /// How many passkeys.
    pub passkeys: u32,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
    /// How many accounts of other providers are linked.
    pub linked: u32,
}

impl Factors {
    /// Whether the person can sign in without another provider.
    pub const fn signs_in_here(self) -> bool {
        self.password || self.passkeys > 0
    }

    /// The strongest sign-in that these allow. Whoever binds or removes one of them must have shown as much:
    /// otherwise a weaker one, stolen, becomes a stronger one (NIST SP 800-63B §4.1.2).
    pub const fn strongest(self) -> Acr {
        if self.passkeys > 0 {
            Acr::Phr
        } else if self.totp {
            Acr::Mfa
        } else {
            Acr::Pwd
        }
    }

    /// Whether a link by mail may bring a password. Not to somebody who has none because other means let them
    /// in: a passkey is safer than a mailbox, and whom their company let go may have the old address still.
    pub const fn resettable(self) -> bool {
        self.password || (self.passkeys == 0 && self.linked == 0)
    }
}
