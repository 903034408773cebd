//! What the issuers of a provider look like, and which issuers many customers share.

use portcullis_types::Issuer;
use url::Url;

/// What `iss` looks like at one kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssRule {
    /// Any `https` URL.
    Https,
    /// A host and a slash: `https://acme.eu.auth0.com/`.
    OriginAndSlash,
    /// `https://acme.okta.com/oauth2/default`. The organization's own server, without path, issues opaque tokens
    /// that look like JWTs: their format and keys change without notice.
    OktaCustom,
    /// `https://login.microsoftonline.com/{tid}/v2.0`.
    EntraV2,
    /// `https://sts.windows.net/{tid}/`.
    EntraV1,
    /// `https://sso.acme.example/realms/staff`.
    KeycloakRealm,
    /// `https://accounts.google.com`; tokens may say it without its scheme.
    Google,
    /// `https://cognito-idp.{region}.amazonaws.com/{pool}`.
    CognitoPool,
    /// `https://auth.pingone.{tld}/{environment}/as`.
    PingOne,
    /// `https://token.actions.githubusercontent.com`, an enterprise's own beneath it, or a server's.
    GithubActions,
    /// A cluster's; often a name that means something in that cluster alone.
    Cluster,
    /// `spiffe://acme.example`: a SPIFFE trust domain, which tokens name in `sub`.
    TrustDomain,
}

/// An issuer that signs for customers who know nothing of each other.
#[derive(Debug)]
pub struct SharedIssuer {
    /// Its host.
    pub host: &'static str,
    /// The first parts of its path for which it is shared; none: for all.
    pub paths: &'static [&'static str],
    /// The claims that tell its customers apart. None: no claim does.
    pub discriminators: &'static [&'static str],
}

const fn shared(host: &'static str, discriminators: &'static [&'static str]) -> SharedIssuer {
    SharedIssuer { host, paths: &[], discriminators }
}

const EVERYBODY: &[&str] = &["common", "organizations", "consumers", MSA];
/// The tenant of all personal Microsoft accounts.
const MSA: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Issuers whose tokens say nothing about whose they are, without a condition.
pub const SHARED_ISSUERS: &[SharedIssuer] = &[
    // `sub` is one account, also of a service that has no `hd`.
    shared("accounts.google.com", &["hd", "sub"]),
    shared("token.actions.githubusercontent.com", &["repository_owner_id"]),
    SharedIssuer { host: "login.microsoftonline.com", paths: EVERYBODY, discriminators: &["tid"] },
    SharedIssuer { host: "login.windows.net", paths: EVERYBODY, discriminators: &["tid"] },
    SharedIssuer { host: "sts.windows.net", paths: EVERYBODY, discriminators: &["tid"] },
    shared("gitlab.com", &["namespace_id", "project_id"]),
    shared("app.terraform.io", &["terraform_organization_id"]),
    shared("agent.buildkite.com", &["organization_id"]),
    shared("oidc.vercel.com", &["owner_id"]),
    shared("slack.com", &["https://slack.com/team_id"]),
    shared("appleid.apple.com", &[]),
    shared("www.facebook.com", &[]),
    shared("www.linkedin.com", &[]),
    shared("api.login.yahoo.com", &[]),
    shared("id.twitch.tv", &[]),
];

/// Names that mean something inside one network alone: nobody outside can fetch from there, and every cluster
/// has them.
const PRIVATE: [&str; 5] = [".svc", ".local", ".internal", ".lan", ".localdomain"];

/// What is wrong with an issuer, and what to do.
pub(super) type Wrong = (&'static str, &'static str);

impl IssRule {
    pub(super) fn check(self, issuer: &str) -> Result<(), Wrong> {
        if self == Self::TrustDomain {
            return trust_domain(issuer);
        }
        if Issuer::new(issuer).is_err() || issuer.len() > 512 {
            return Err((
                "is no issuer identifier",
                "write it as in iss of its tokens: https, without query and fragment",
            ));
        }
        let url = Url::parse(issuer).map_err(|_| ("is no URL", "write it as in iss"))?;
        let (host, path) = (url.host_str().unwrap_or_default(), url.path());
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        self.shape(issuer, host, &parts)
    }

    fn shape(self, issuer: &str, host: &str, parts: &[&str]) -> Result<(), Wrong> {
        let fits = match self {
            Self::Https | Self::Cluster | Self::TrustDomain => true,
            Self::OriginAndSlash => matches!(parts, [""]) && issuer.ends_with('/'),
            Self::OktaCustom => matches!(parts, ["oauth2", server] if !server.is_empty()),
            Self::EntraV2 => {
                host.starts_with("login.") && matches!(parts, [tid, "v2.0"] if is_directory(tid))
            }
            Self::EntraV1 => {
                host.starts_with("sts.") && matches!(parts, [tid, ""] if is_directory(tid))
            }
            Self::KeycloakRealm => {
                matches!(parts, [.., "realms", realm] if !realm.is_empty())
            }
            Self::Google => issuer == "https://accounts.google.com",
            Self::CognitoPool => {
                host.starts_with("cognito-idp.") && matches!(parts, [pool] if !pool.is_empty())
            }
            Self::PingOne => matches!(parts, [environment, "as"] if !environment.is_empty()),
            Self::GithubActions => match host {
                "token.actions.githubusercontent.com" => {
                    issuer.ends_with(host) || matches!(parts, [slug] if !slug.is_empty())
                }
                _ => matches!(parts, ["_services", "token"]),
            },
        };
        if fits { Ok(()) } else { Err(self.wrong()) }
    }

    const fn wrong(self) -> Wrong {
        match self {
            Self::Https | Self::Cluster => ("is no issuer", "write it as in iss of its tokens"),
            Self::OriginAndSlash => {
                ("is not as Auth0 writes it", "write https, the domain, and a slash at the end")
            }
            Self::OktaCustom => (
                "is no custom authorization server of Okta",
                "tokens of the organization's own server are for Okta alone; make a custom \
                 authorization server and write https://DOMAIN/oauth2/ID",
            ),
            Self::EntraV2 => (
                "is not as Entra ID writes it in tokens of version 2.0",
                "write https://login.microsoftonline.com/TENANT-ID/v2.0 with the id of one \
                 organization, never common",
            ),
            Self::EntraV1 => (
                "is not as Entra ID writes it in tokens of version 1.0",
                "write https://sts.windows.net/TENANT-ID/ with the id of one organization and the \
                 slash at the end",
            ),
            Self::KeycloakRealm => (
                "is no realm of Keycloak",
                "write https://HOST/realms/REALM, without a slash at the end",
            ),
            Self::Google => ("is not Google's", "write https://accounts.google.com"),
            Self::CognitoPool => (
                "is no user pool of Cognito",
                "write https://cognito-idp.REGION.amazonaws.com/POOL",
            ),
            Self::PingOne => {
                ("is no environment of PingOne", "write https://auth.pingone.TLD/ENVIRONMENT/as")
            }
            Self::GithubActions => (
                "is not GitHub's for Actions",
                "write https://token.actions.githubusercontent.com, with the enterprise if it has \
                 an issuer of its own",
            ),
            Self::TrustDomain => (
                "is no trust domain",
                "write spiffe:// and the trust domain in lower case, without a slash at the end",
            ),
        }
    }
}

/// SPIFFE ID §2.1.
fn trust_domain(issuer: &str) -> Result<(), Wrong> {
    let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    let fits = issuer
        .strip_prefix("spiffe://")
        .is_some_and(|name| (1..=255).contains(&name.len()) && name.bytes().all(safe));
    if fits { Ok(()) } else { Err(IssRule::TrustDomain.wrong()) }
}

/// The id of one organization: a GUID in lower case, and not the one that all people share.
fn is_directory(tid: &str) -> bool {
    let lengths = tid.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && tid.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
        && tid != MSA
}

/// The row of an issuer that is shared.
pub(super) fn sharing(issuer: &str) -> Option<&'static SharedIssuer> {
    let url = Url::parse(issuer).ok()?;
    let (host, first) = (url.host_str()?, url.path_segments().and_then(|mut it| it.next()));
    let host = host.trim_end_matches('.');
    SHARED_ISSUERS.iter().find(|shared| {
        shared.host == host
            && (shared.paths.is_empty() || first.is_some_and(|first| shared.paths.contains(&first)))
    })
}

/// Whether nobody but who stands in its own network knows what its name means.
pub(super) fn is_private(issuer: &str) -> bool {
    let url = Url::parse(issuer).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    PRIVATE.iter().any(|suffix| host.ends_with(suffix)) || !host.contains(['.', ':'])
}
