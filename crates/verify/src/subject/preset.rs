//! What each kind of provider puts into its tokens, and where: one row a provider.
//!
//! A row is what a trust record means by its `preset`. What a record says itself only narrows it, except for
//! `custom`, whose row is as plain as JWTs are.

use super::{
    IssRule, ScopeFormat,
    TokenKind::{self, AccessToken, IdJag, IdToken, Jwt},
    claims::Said,
    condition::cut,
};
use crate::claims::missing;
use portcullis_jose::Alg;
use portcullis_types::Denial;
use serde::{Deserialize, Serialize};

/// A kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Auth0.
    Auth0,
    /// Okta, a custom authorization server.
    Okta,
    /// Microsoft Entra ID, tokens of version 2.0.
    EntraV2,
    /// Microsoft Entra ID, tokens of version 1.0.
    EntraV1,
    /// Keycloak.
    Keycloak,
    /// Google accounts.
    Google,
    /// Amazon Cognito user pools.
    Cognito,
    /// `PingOne`.
    Pingone,
    /// Workflows of GitHub Actions.
    GithubActions,
    /// Service accounts of a Kubernetes cluster.
    Kubernetes,
    /// Workloads with a SPIFFE JWT-SVID.
    Spiffe,
    /// Any other.
    Custom,
}

/// What a preset stands for.
#[derive(Debug)]
pub struct PresetTerms {
    /// Its name for people.
    pub title: &'static str,
    /// What its issuers look like.
    pub iss: IssRule,
    /// `typ` of the header; an empty text is a header without.
    pub typ: &'static [&'static str],
    /// What it signs with.
    pub algs: &'static [Alg],
    /// The kinds of token that say who somebody is.
    pub kinds: &'static [TokenKind],
    /// What says for whom a token is.
    pub aud: AudSource,
    /// The claims that may name the client, in order.
    pub client_claims: &'static [&'static str],
    /// What makes the subject: the first that fits.
    pub subject: &'static [SubjectTemplate],
    /// Who is no person.
    pub service: ServiceRule,
    /// Its scopes.
    pub scope: Option<ScopeTerms>,
    /// Its lists of roles.
    pub role_paths: &'static [&'static str],
    /// Its groups.
    pub group_path: Option<&'static str>,
    /// What tells that groups are missing: claims that are there and not `false`.
    pub overage: &'static [&'static str],
    /// The tenant at the provider.
    pub tenant_claim: Option<&'static str>,
    /// What must be so in every token of a kind.
    pub guards: &'static [Guard],
    /// The claims that must be there besides those of every JWT.
    pub id_claims: &'static [&'static str],
    /// The claim that names the token.
    pub jti: &'static str,
    /// A claim on which every record has a condition with exact values.
    pub discriminator: Option<&'static str>,
    /// On which claims a glob is no trap.
    pub globs: Globs,
    /// What every `sub` begins with.
    pub sub_prefix: &'static str,
    /// Whether its tokens are kept and shown again, so that none can be used up.
    pub reused: bool,
    /// An audience that tokens for others have as well.
    pub common_audience: Option<&'static str>,
}

/// What says for whom a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudSource {
    /// `aud`.
    Aud,
    /// `aud`; of access tokens without it, the claim that names the client.
    ClientWithoutAud,
}

/// The claims of which a subject is made.
#[derive(Debug)]
pub struct SubjectTemplate {
    /// In tokens of these kinds.
    pub kinds: &'static [TokenKind],
    /// Only for services.
    pub services_only: bool,
    /// Joined by a space, which none of them may hold.
    pub claims: &'static [&'static str],
}

/// How services are told from people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceRule {
    /// There are only services.
    Always,
    /// There are only people.
    Never,
    /// `sub` ends so.
    SubEnds(&'static str),
    /// `sub` is the client.
    SubIsClient,
    /// `idtyp` is `app`, or an access token has no `scp`.
    Entra,
    /// This claim begins so.
    Begins(&'static str, &'static str),
    /// Every JWT is a service's, and access tokens whose `sub` is the client.
    ByKind,
}

/// The claim with scopes.
#[derive(Clone, Copy, Debug)]
pub struct ScopeTerms {
    /// Its name.
    pub claim: &'static str,
    /// How it is written.
    pub format: ScopeFormat,
    /// Whether only people's tokens have it.
    pub persons_only: bool,
}

/// What a claim must be.
#[derive(Debug)]
pub struct Guard {
    /// Which claim.
    pub claim: &'static str,
    /// In which kinds of token.
    pub kinds: &'static [TokenKind],
    /// One of these, as JSON.
    pub values: &'static [&'static str],
    /// Whether it tells one kind of token from another.
    pub parts_kinds: bool,
}

/// On which claims a glob is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Globs {
    /// On any.
    OnAny,
    /// On these alone: all others are names, which change hands.
    OnlyOn(&'static [&'static str]),
}

/// What may be pinned at all.
pub(super) const ALGS: [Alg; 6] =
    [Alg::RS256, Alg::PS256, Alg::ES256, Alg::ES384, Alg::Ed25519, Alg::EdDSA];
const RSA: &[Alg] = &[Alg::RS256];
const RSA_PSS: &[Alg] = &[Alg::RS256, Alg::PS256];
const ANY: &[TokenKind] = &[IdToken, Jwt, AccessToken, IdJag];
const SUB: SubjectTemplate = SubjectTemplate { kinds: ANY, services_only: false, claims: &["sub"] };

/// A JWT of which nothing special is known.
const PLAIN: PresetTerms = PresetTerms {
    title: "another provider",
    iss: IssRule::Https,
    typ: &["JWT", "at+jwt"],
    algs: &ALGS,
    kinds: ANY,
    aud: AudSource::Aud,
    client_claims: &["client_id", "azp"],
    subject: &[SUB],
    service: ServiceRule::ByKind,
    scope: Some(ScopeTerms { claim: "scope", format: ScopeFormat::Space, persons_only: false }),
    role_paths: &[],
    group_path: None,
    overage: &[],
    tenant_claim: None,
    guards: &[],
    id_claims: &["sub"],
    jti: "jti",
    discriminator: None,
    globs: Globs::OnAny,
    sub_prefix: "",
    reused: false,
    common_audience: None,
};

const AUTH0: PresetTerms = PresetTerms {
    title: "Auth0",
    iss: IssRule::OriginAndSlash,
    algs: RSA_PSS,
    kinds: &[IdToken, AccessToken, IdJag],
    client_claims: &["azp", "client_id"],
    service: ServiceRule::SubEnds("@clients"),
    role_paths: &["permissions"],
    tenant_claim: Some("org_id"),
    ..PLAIN
};

const OKTA: PresetTerms = PresetTerms {
    title: "Okta",
    iss: IssRule::OktaCustom,
    typ: &["", "JWT"],
    algs: RSA,
    kinds: &[IdToken, AccessToken, IdJag],
    client_claims: &["cid"],
    // `sub` of a person's access token is a login, which may be given to somebody else one day.
    subject: &[
        SubjectTemplate { kinds: &[AccessToken], services_only: false, claims: &["uid"] },
        SubjectTemplate { kinds: &[AccessToken], services_only: true, claims: &["sub"] },
        SubjectTemplate { kinds: &[IdToken, IdJag], services_only: false, claims: &["sub"] },
    ],
    service: ServiceRule::SubIsClient,
    scope: Some(ScopeTerms { claim: "scp", format: ScopeFormat::Array, persons_only: false }),
    group_path: Some("groups"),
    ..PLAIN
};

const ENTRA_V2: PresetTerms = PresetTerms {
    title: "Microsoft Entra ID, version 2.0",
    iss: IssRule::EntraV2,
    typ: &["JWT"],
    algs: RSA,
    kinds: &[IdToken, Jwt, AccessToken],
    client_claims: &["azp"],
    // `sub` is pairwise: another one for every app.
    subject: &[SubjectTemplate { kinds: ANY, services_only: false, claims: &["oid"] }],
    service: ServiceRule::Entra,
    scope: Some(ScopeTerms { claim: "scp", format: ScopeFormat::Space, persons_only: true }),
    role_paths: &["roles"],
    group_path: Some("groups"),
    overage: &["_claim_names.groups", "hasgroups"],
    tenant_claim: Some("tid"),
    guards: &[Guard { claim: "ver", kinds: ANY, values: &["\"2.0\""], parts_kinds: false }],
    id_claims: &["sub", "oid", "tid"],
    jti: "uti",
    discriminator: Some("tid"),
    ..PLAIN
};

const ENTRA_V1: PresetTerms = PresetTerms {
    title: "Microsoft Entra ID, version 1.0",
    iss: IssRule::EntraV1,
    client_claims: &["appid"],
    guards: &[Guard { claim: "ver", kinds: ANY, values: &["\"1.0\""], parts_kinds: false }],
    ..ENTRA_V2
};

const KEYCLOAK: PresetTerms = PresetTerms {
    title: "Keycloak",
    iss: IssRule::KeycloakRealm,
    kinds: &[IdToken, AccessToken, IdJag],
    client_claims: &["azp"],
    service: ServiceRule::Begins("preferred_username", "service-account-"),
    role_paths: &["realm_access.roles"],
    group_path: Some("groups"),
    guards: &[
        Guard {
            claim: "typ",
            kinds: &[AccessToken],
            values: &["\"Bearer\"", "\"DPoP\""],
            parts_kinds: true,
        },
        Guard { claim: "typ", kinds: &[IdToken], values: &["\"ID\""], parts_kinds: true },
    ],
    common_audience: Some("account"),
    ..PLAIN
};

const GOOGLE: PresetTerms = PresetTerms {
    title: "Google",
    iss: IssRule::Google,
    typ: &["JWT"],
    algs: RSA,
    // Its access tokens are opaque.
    kinds: &[IdToken],
    client_claims: &["azp"],
    service: ServiceRule::Never,
    scope: None,
    tenant_claim: Some("hd"),
    guards: &[Guard { claim: "email_verified", kinds: ANY, values: &["true"], parts_kinds: false }],
    id_claims: &["sub", "hd"],
    discriminator: Some("hd"),
    ..PLAIN
};

const COGNITO: PresetTerms = PresetTerms {
    title: "Amazon Cognito",
    iss: IssRule::CognitoPool,
    typ: &["", "JWT"],
    algs: RSA,
    kinds: &[IdToken, AccessToken],
    aud: AudSource::ClientWithoutAud,
    client_claims: &["client_id"],
    service: ServiceRule::SubIsClient,
    group_path: Some("cognito:groups"),
    guards: &[
        Guard {
            claim: "token_use",
            kinds: &[AccessToken],
            values: &["\"access\""],
            parts_kinds: true,
        },
        Guard { claim: "token_use", kinds: &[IdToken], values: &["\"id\""], parts_kinds: true },
    ],
    ..PLAIN
};

const PINGONE: PresetTerms = PresetTerms {
    title: "PingOne",
    iss: IssRule::PingOne,
    typ: &["at+jwt", "JWT", ""],
    algs: RSA,
    kinds: &[IdToken, AccessToken, IdJag],
    client_claims: &["client_id"],
    service: ServiceRule::SubIsClient,
    tenant_claim: Some("env"),
    ..PLAIN
};

const GITHUB: PresetTerms = PresetTerms {
    title: "GitHub Actions",
    iss: IssRule::GithubActions,
    typ: &["JWT"],
    algs: RSA,
    kinds: &[Jwt],
    client_claims: &[],
    subject: &[SubjectTemplate {
        kinds: ANY,
        services_only: false,
        claims: &["repository_id", "workflow_ref"],
    }],
    service: ServiceRule::Always,
    scope: None,
    tenant_claim: Some("repository_owner_id"),
    id_claims: &["sub", "repository_id", "repository_owner_id", "workflow_ref"],
    discriminator: Some("repository_owner_id"),
    // Whoever takes over a name that was given up has it; and `repo:acme*` is also `repo:acme-evil`.
    globs: Globs::OnlyOn(&["ref"]),
    ..PLAIN
};

const KUBERNETES: PresetTerms = PresetTerms {
    title: "Kubernetes",
    iss: IssRule::Cluster,
    typ: &["", "JWT"],
    algs: &[Alg::RS256, Alg::ES256],
    kinds: &[Jwt],
    client_claims: &[],
    service: ServiceRule::Always,
    scope: None,
    sub_prefix: "system:serviceaccount:",
    reused: true,
    ..PLAIN
};

const SPIFFE: PresetTerms = PresetTerms {
    title: "SPIFFE",
    iss: IssRule::TrustDomain,
    typ: &["", "JWT", "JOSE"],
    algs: &[Alg::RS256, Alg::PS256, Alg::ES256, Alg::ES384],
    kinds: &[Jwt],
    client_claims: &[],
    service: ServiceRule::Always,
    scope: None,
    sub_prefix: "spiffe://",
    reused: true,
    ..PLAIN
};

impl Preset {
    /// All there are.
    pub const ALL: [Self; 12] = [
        Self::Auth0,
        Self::Okta,
        Self::EntraV2,
        Self::EntraV1,
        Self::Keycloak,
        Self::Google,
        Self::Cognito,
        Self::Pingone,
        Self::GithubActions,
        Self::Kubernetes,
        Self::Spiffe,
        Self::Custom,
    ];

    /// Its row.
    pub const fn terms(self) -> &'static PresetTerms {
        match self {
            Self::Auth0 => &AUTH0,
            Self::Okta => &OKTA,
            Self::EntraV2 => &ENTRA_V2,
            Self::EntraV1 => &ENTRA_V1,
            Self::Keycloak => &KEYCLOAK,
            Self::Google => &GOOGLE,
            Self::Cognito => &COGNITO,
            Self::Pingone => &PINGONE,
            Self::GithubActions => &GITHUB,
            Self::Kubernetes => &KUBERNETES,
            Self::Spiffe => &SPIFFE,
            Self::Custom => &PLAIN,
        }
    }
}

impl AudSource {
    pub(super) fn may_be_absent(self, kind: TokenKind) -> bool {
        self == Self::ClientWithoutAud && kind == AccessToken
    }
}

impl Guard {
    pub(super) fn check(&self, said: &Said<'_>, kind: TokenKind) -> Result<(), Denial> {
        if !self.kinds.contains(&kind) {
            return Ok(());
        }
        let claim = self.claim;
        let found = said.raw(claim).ok_or_else(|| missing(claim))?;
        if self.values.contains(&found) {
            return Ok(());
        }
        let expected = self.values.join(" or ");
        if self.parts_kinds {
            return Err(Denial::WrongType {
                found: Some(format!("{claim} {}", cut(found))),
                expected: format!("{claim} {expected}"),
            });
        }
        Err(Denial::BadClaim { claim: claim.into(), expected })
    }
}
