//! Who is known: clients, their credentials and what they may ask for.
//!
//! Clients live in the store; every process keeps an immutable copy of all of them in memory, so that
//! authenticating one reads no database. Each administrative change names who made it, and its audit
//! record is written in the same transaction.
//!
//! People live in the store alone and are read one by one: there may be more of them than fit into memory.

mod action;
mod admin;
mod api_key;
mod argon;
mod assertion;
mod authenticate;
mod authorization;
mod away;
mod budget;
mod certificate;
mod client;
mod consent;
mod deed;
mod directory;
mod documents;
mod doors;
mod dynamic;
mod excerpt;
mod fault;
pub mod grant;
mod invitation;
mod jwks_uri;
mod keys;
mod known;
mod login;
mod logout_notice;
mod migrations;
mod opaque;
mod passkey;
mod password;
mod people;
mod person;
mod policies;
mod profile;
mod recovery;
mod registration;
mod roles;
mod rows;
mod scim;
mod secret;
mod session;
pub mod sign_in;
mod tenant;
mod throttle;
mod ticket;
mod tier;
mod totp;
mod transact;

pub use action::Action;
pub use admin::{Acting, Added, NewAuth, NewClient};
pub use api_key::{
    API_KEY_PREFIX, ApiKey, ApiKeyHash, NewApiKey, NewApiKeyKind, WeakApiKey, use_api_key,
};
pub use authenticate::{Attempt, AuthMethod, Authenticated, Credentials, Proven};
pub use authorization::{Authorization, ClaimsAsked};
pub use budget::{Budget, Unproven};
pub use certificate::{CertificateMatcher, MatcherFault, NameKind};
pub use client::{Client, ClientAuth, GrantType, SecretFacts};
pub use consent::{Consent, consents_in, forget_consent, remember_consent};
pub use deed::Deed;
pub use directory::Directory;
pub use documents::{DocumentReader, Turn};
pub use dynamic::{Admission, Invitation, NewInvitation, NotAdmitted, Registered};
pub use excerpt::{excerpt, without_secrets};
pub use fault::Fault;
pub use grant::{GrantFacts, GrantSettings};
pub use invitation::{LinkKind, OneTimeLink, SpentLink};
pub use jwks_uri::{FetchTrouble, WantedKey};
pub use keys::{ClientKeys, ClientKeysFault, KeysTrouble, PublicKeys, encryption_algs};
pub use login::{Login, LoginFault};
pub use logout_notice::{LogoutNotice, drop_notice, notices_due, take_notice};
pub use migrations::MIGRATIONS;
pub use passkey::{NoPasskeys, PasskeyFacts, PasskeyOptions};
pub use password::{BreachList, BreachListFault, WeakPassword};
pub use people::{
    Found, Group, LinkFault, LinkedAccount, Means, Member, Members, NewPerson, Newcomer, Page,
    PeopleSettings, ProviderRoles, Provisioned, RoleRule, Wanted, person_in,
};
pub use person::{Address, DisabledBy, Factors, Person, Profile};
pub use policies::{AppliedPolicy, Asked, NewPolicy, Outcome, Policies, PolicyPlace, PolicySource};
pub use profile::{ClaimFault, ClaimShape};
pub use registration::{
    ApplicationType, AssertionAudience, Fapi2, Origin, Pkce, Registration, Shape, SubjectType,
};
pub use roles::{Role, Roles};
pub use scim::{Provisioner, ScimDirectory, ScimToken};
pub use secret::{ClientSecret, SecretFault, SecretHashKey};
pub use session::{
    Beginning, NewSession, Session, SessionCookie, UpstreamSession, begin_session, device,
    end_session, end_upstream_sessions, session_by_id_in, session_in, strengthen, touch_session,
};
pub use totp::TotpEnrolment;

pub use tenant::{
    Candidate, CrossingRecord, KnownTenant, Left, OpenApi, Reach, TenantProblem, TenantRecord,
    Tenants,
};
pub use tier::{Contracts, Limits, Tier, Tiers};
