//! What an app registers for signing people in (RFC 7591 §2, OpenID Connect Dynamic Client Registration
//! §2), as options of `client add` and `client update`.

use super::add;
use crate::cli::{House, Stop};
use clap::ValueEnum;
use portcullis_directory::{
    ApplicationType, AssertionAudience, Fapi2, GrantType, Pkce, Registration, Shape, SubjectType,
    encryption_algs,
};
use portcullis_jose::Alg;
use portcullis_types::{ApiName, Audience, IdFault, IdentityScopes, RedirectUri, Ttl};
use serde_json::Value;
use std::str::FromStr;

/// For apps that people sign in to.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "For apps that people sign in to")]
pub(super) struct AppFlags {
    /// Where answers may go; may be repeated.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<RedirectUri>,
    /// Where the browser may go after signing out; may be repeated.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<RedirectUri>,
    /// What it may learn about people: openid, profile, email, phone, address, roles, groups,
    /// offline_access.
    #[arg(long, value_name = "WORDS", value_parser = identity)]
    identity: Option<IdentityScopes>,
    /// A grant that it may use; may be repeated. Without it: authorization_code and refresh_token for an app
    /// with a redirect URI, client_credentials for any other.
    #[arg(long, value_enum, value_name = "GRANT")]
    grant_type: Vec<Grant>,
    /// It runs on people's own machines.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    native: Option<bool>,
    /// It is your own: nobody is asked to consent, unless it is public and no web site.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    first_party: Option<bool>,
    /// It is an agent: it acts by itself for others. Policies leave those less.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    agent: Option<bool>,
    /// A word that policies are told of it; may be repeated.
    #[arg(long, value_name = "WORD")]
    label: Vec<String>,
    /// Whether PKCE may be left out, with a nonce in its place.
    #[arg(long, value_enum)]
    pkce: Option<PkceWord>,
    /// All that a FAPI 2.0 profile asks for; tokens are bound by DPoP, or with --mtls-bound by certificate.
    #[arg(long, value_enum, value_name = "PROFILE")]
    fapi2: Option<Fapi>,
    /// Where it hears that a session ended.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// It wants to know which session.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    backchannel_logout_session: Option<bool>,
    /// Where others may begin a sign-in.
    #[arg(long, value_name = "URI")]
    initiate_login_uri: Option<Address>,
    /// People have another sub for each sector.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pairwise: Option<bool>,
    /// The sector: a host. Without it, the only host of the redirect URIs.
    #[arg(long, value_name = "HOST", requires = "pairwise")]
    sector: Option<String>,
    /// Only requests by way of PAR.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    require_par: Option<bool>,
    /// Only requests by a signed request object.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    require_request_object: Option<bool>,
    /// Only tokens that are bound to a key by DPoP.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dpop: Option<bool>,
    /// Only tokens that are bound to a client certificate.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    mtls_bound: Option<bool>,
    #[command(flatten)]
    shapes: Shapes,
    #[command(flatten)]
    about: About,
    #[command(flatten)]
    trusted: Trusted,
}

/// What nobody but the operator says.
#[derive(Debug, clap::Args)]
struct Trusted {
    /// Whom its assertions may be for: our issuer alone, or our token endpoint as well, for libraries that know
    /// nothing else.
    #[arg(long, value_enum, value_name = "WHOM")]
    assertion_audience: Option<AudienceWord>,
    /// An API that it is the resource server of, by name: it may ask /introspect about any token for it; may be
    /// repeated. An empty text takes all away.
    #[arg(long, value_name = "NAME")]
    introspects: Vec<String>,
    /// The same as resources.
    #[arg(skip)]
    introspected: Vec<Audience>,
}

/// How JWTs for the app look, and its own.
#[derive(Debug, clap::Args)]
struct Shapes {
    /// What its ID tokens are signed with.
    #[arg(long, value_name = "ALG")]
    id_token_alg: Option<Alg>,
    /// What answers of /userinfo are signed with; without it, they are plain JSON.
    #[arg(long, value_name = "ALG")]
    userinfo_alg: Option<Alg>,
    /// What authorization answers are signed with in the modes of JARM.
    #[arg(long, value_name = "ALG")]
    authorization_alg: Option<Alg>,
    /// What answers of /introspect are signed with.
    #[arg(long, value_name = "ALG")]
    introspection_alg: Option<Alg>,
    /// The only algorithm of its request objects.
    #[arg(long, value_name = "ALG")]
    request_object_alg: Option<Alg>,
    /// How its ID tokens are encrypted, such as ECDH-ES/A256GCM.
    #[arg(long, value_name = "ALG/ENC", value_parser = encryption)]
    id_token_encryption: Option<Encryption>,
    /// How answers of /userinfo are encrypted.
    #[arg(long, value_name = "ALG/ENC", value_parser = encryption)]
    userinfo_encryption: Option<Encryption>,
}

/// What it says about itself, and what it wants to be told.
#[derive(Debug, clap::Args)]
struct About {
    /// How long ago people may have signed in, if a request does not say.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::ttl)]
    default_max_age: Option<Ttl>,
    /// auth_time in each ID token.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    require_auth_time: Option<bool>,
    /// Its home page.
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// What it says about privacy.
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// Its terms.
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// Whom to write to; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    contact: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Grant {
    #[value(name = "authorization_code")]
    AuthorizationCode,
    #[value(name = "refresh_token")]
    RefreshToken,
    #[value(name = "client_credentials")]
    ClientCredentials,
    #[value(name = "device_code", alias = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    #[value(name = "token_exchange", alias = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    #[value(name = "jwt_bearer", alias = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PkceWord {
    Required,
    OrNonce,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AudienceWord {
    Issuer,
    TokenEndpoint,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fapi {
    Off,
    Security,
    MessageSigning,
}

#[derive(Clone, Debug)]
struct Encryption {
    alg: String,
    enc: String,
}

/// An address, or an empty text that takes one away.
#[derive(Clone, Debug)]
struct Address(Option<RedirectUri>);

impl FromStr for Address {
    type Err = IdFault;
    fn from_str(text: &str) -> Result<Self, IdFault> {
        if text.is_empty() {
            Ok(Self(None))
        } else {
            RedirectUri::new(text).map(|uri| Self(Some(uri)))
        }
    }
}

impl AppFlags {
    /// Whether the issuer can sign so: it has a key for each algorithm that it was told of. Finds the APIs as well.
    pub(super) fn check(&mut self, house: &House) -> Result<(), Stop> {
        let named = self.trusted.introspects.iter().filter(|name| !name.is_empty());
        let named = named.map(|name| name.parse::<ApiName>()).collect::<Result<Vec<_>, _>>();
        let named = named.map_err(Stop::refused)?;
        self.trusted.introspected = add::resources(&named, &[], &house.config)?;
        let ours = house.issuer_keys().algs;
        let shapes = &self.shapes;
        let asked = [
            shapes.id_token_alg,
            shapes.userinfo_alg,
            shapes.authorization_alg,
            shapes.introspection_alg,
        ];
        match asked.into_iter().flatten().find(|alg| !ours.contains(alg)) {
            None => Ok(()),
            Some(alg) => {
                let ours: Vec<_> = ours.iter().map(ToString::to_string).collect();
                Err(Stop::refused(format!("the issuer has no key to sign with {alg}"))
                    .hint(format!("it signs with {}", ours.join(", "))))
            }
        }
    }

    /// Puts what was said in the place of what was there.
    pub(super) fn apply(self, to: &mut Registration, grants: &mut Vec<GrantType>) {
        replace(&mut to.redirect_uris, self.redirect_uri);
        replace(&mut to.post_logout_redirect_uris, self.post_logout_redirect_uri);
        replace(grants, self.grant_type.into_iter().map(Grant::real).collect());
        set(&mut to.identity, self.identity);
        let native = |native| if native { ApplicationType::Native } else { ApplicationType::Web };
        set(&mut to.application_type, self.native.map(native));
        set(&mut to.first_party, self.first_party);
        set(&mut to.agent, self.agent);
        replace(&mut to.labels, self.label);
        set(&mut to.pkce, self.pkce.map(PkceWord::real));
        text(&mut to.backchannel_logout_uri, self.backchannel_logout_uri);
        set(&mut to.backchannel_logout_session_required, self.backchannel_logout_session);
        set(&mut to.initiate_login_uri, self.initiate_login_uri.map(|Address(uri)| uri));
        let pairwise = |on| if on { SubjectType::Pairwise } else { SubjectType::Public };
        set(&mut to.subject_type, self.pairwise.map(pairwise));
        if to.subject_type == SubjectType::Public {
            to.sector = None;
        }
        text(&mut to.sector, self.sector);
        set(&mut to.require_pushed_authorization_requests, self.require_par);
        set(&mut to.require_signed_request_object, self.require_request_object);
        set(&mut to.dpop_bound_access_tokens, self.dpop);
        set(&mut to.tls_client_certificate_bound_access_tokens, self.mtls_bound);
        self.shapes.apply(to);
        self.about.apply(to);
        self.trusted.apply(to);
        if let Some(profile) = self.fapi2 {
            to.follow(profile.real());
        }
    }
}

impl Shapes {
    fn apply(self, to: &mut Registration) {
        let Self { id_token_alg, userinfo_alg, authorization_alg, introspection_alg, .. } = self;
        for (shape, alg) in [
            (&mut to.id_token, id_token_alg),
            (&mut to.userinfo, userinfo_alg),
            (&mut to.authorization, authorization_alg),
            (&mut to.introspection, introspection_alg),
        ] {
            shape.signed = alg.or(shape.signed);
        }
        to.request_object_signing_alg = self.request_object_alg.or(to.request_object_signing_alg);
        encrypt(&mut to.id_token, self.id_token_encryption);
        encrypt(&mut to.userinfo, self.userinfo_encryption);
    }
}

impl About {
    fn apply(self, to: &mut Registration) {
        to.default_max_age = self.default_max_age.or(to.default_max_age);
        set(&mut to.require_auth_time, self.require_auth_time);
        text(&mut to.client_uri, self.client_uri);
        text(&mut to.policy_uri, self.policy_uri);
        text(&mut to.tos_uri, self.tos_uri);
        replace(&mut to.contacts, self.contact);
    }
}

impl Trusted {
    fn apply(self, to: &mut Registration) {
        set(&mut to.assertion_audience, self.assertion_audience.map(AudienceWord::real));
        if !self.introspects.is_empty() {
            to.introspects = self.introspected;
        }
    }
}

impl AudienceWord {
    const fn real(self) -> AssertionAudience {
        match self {
            Self::Issuer => AssertionAudience::Issuer,
            Self::TokenEndpoint => AssertionAudience::TokenEndpoint,
        }
    }
}

impl Grant {
    const fn real(self) -> GrantType {
        match self {
            Self::AuthorizationCode => GrantType::AuthorizationCode,
            Self::RefreshToken => GrantType::RefreshToken,
            Self::ClientCredentials => GrantType::ClientCredentials,
            Self::DeviceCode => GrantType::DeviceCode,
            Self::TokenExchange => GrantType::TokenExchange,
            Self::JwtBearer => GrantType::JwtBearer,
        }
    }
}

impl PkceWord {
    const fn real(self) -> Pkce {
        match self {
            Self::Required => Pkce::Required,
            Self::OrNonce => Pkce::OrNonce,
        }
    }
}

impl Fapi {
    const fn real(self) -> Fapi2 {
        match self {
            Self::Off => Fapi2::Off,
            Self::Security => Fapi2::Security,
            Self::MessageSigning => Fapi2::MessageSigning,
        }
    }
}

fn set<T>(to: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *to = said;
    }
}

/// An empty text takes away what was there.
fn text(to: &mut Option<String>, said: Option<String>) {
    if let Some(said) = said {
        *to = Some(said).filter(|said| !said.is_empty());
    }
}

fn replace<T>(to: &mut Vec<T>, said: Vec<T>) {
    if !said.is_empty() {
        *to = said;
    }
}

fn encrypt(shape: &mut Shape, said: Option<Encryption>) {
    if let Some(said) = said {
        (shape.encrypted_alg, shape.encrypted_enc) = (Some(said.alg), Some(said.enc));
    }
}

fn identity(words: &str) -> Result<IdentityScopes, String> {
    match IdentityScopes::part(words) {
        (scopes, rest) if rest.is_empty() => Ok(scopes),
        (_, rest) => Err(format!(
            "'{}' is nothing to learn about people; known: {}",
            rest.join(" "),
            IdentityScopes::all()
        )),
    }
}

fn encryption(text: &str) -> Result<Encryption, String> {
    let (alg, enc) = text.split_once('/').unwrap_or((text, "A256GCM"));
    match encryption_algs(alg, Some(enc)) {
        Some(_) => Ok(Encryption { alg: alg.to_owned(), enc: enc.to_owned() }),
        None => Err(format!("'{text}' is no encryption to a public key, such as ECDH-ES/A256GCM")),
    }
}

/// Every member that says something, as people read it.
pub(super) fn described(registration: &Registration) -> Vec<(String, String)> {
    let members = serde_json::to_value(registration).unwrap_or_default();
    let usual = serde_json::to_value(Registration::default()).unwrap_or_default();
    let Value::Object(members) = members else { return Vec::new() };
    let news = members
        .into_iter()
        .filter(|(name, value)| name != "jwks" && usual.get(name) != Some(value));
    news.map(|(name, value)| (name.replace('_', " "), word(&value))).collect()
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" "),
        Value::Object(members) => members
            .values()
            .filter(|value| !value.is_null())
            .map(word)
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}
