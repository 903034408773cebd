//! The talk with a provider, by the `openidconnect` crate: where to send the person, and what comes of the
//! code that they bring back (OpenID Connect Core §3.1).

use super::{
    Claims, Provider, SecretIn,
    metadata::{Cache, Metadata, Want},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse as _,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier,
        CoreJwsSigningAlgorithm, CoreTokenResponse,
    },
};
use portcullis_types::{Acr, Timestamp, Ttl};
use portcullis_web::{FetchFault, Outgoing};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use std::pin::Pin;
use url::Url;

/// For an answer of the token endpoint or `/userinfo`: Auth0 allows claims of 100 KB.
const LIMIT: usize = 256 * 1024;

/// What a provider may sign with: never with a secret that we share.
const ALGS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What the provider must see to (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// How old the person's sign-in there may be. Zero: they prove who they are anew, whatever session there is.
    pub(crate) max_age: Option<Ttl>,
    /// How strong it must be at least.
    pub(crate) acr: Option<Acr>,
    /// As the app hinted.
    pub(crate) login_hint: Option<String>,
}

/// What belongs to one sign-in alone: it goes there, and something of it comes back.
pub(crate) struct Tied<'a> {
    pub(crate) state: String,
    pub(crate) nonce: &'a str,
    pub(crate) code_verifier: &'a str,
}

/// A provider with its latest word about itself, and the way to it.
pub(crate) struct Talk<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) cache: &'a Cache,
    pub(crate) outgoing: &'a Outgoing,
    pub(crate) redirect_uri: &'a str,
    pub(crate) now: Timestamp,
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

type ClientWithUserInfo = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
>;

impl Talk<'_> {
    /// Where to send the person.
    pub(crate) async fn begin(&self, demand: &Demand, tied: Tied<'_>) -> Result<Url, String> {
        let metadata = self.metadata(Want::Fresh).await?;
        let client = self.client(&metadata, None)?;
        let verifier = PkceCodeVerifier::new(tied.code_verifier.to_owned());
        let nonce = Nonce::new(tied.nonce.to_owned());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, || CsrfToken::new(tied.state), || nonce)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in self.provider.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if let Some(limit) = demand.max_age {
            // It makes `auth_time` a must in the answer, which is judged when it comes.
            request = request.add_extra_param("max_age", limit.as_seconds().to_string());
        }
        if demand.max_age == Some(Ttl::seconds(0)) {
            request = request.add_extra_param("prompt", "login");
        }
        let acr_values = self.provider.acr_values(demand.acr);
        if !acr_values.is_empty() {
            request = request.add_extra_param("acr_values", acr_values);
        }
        if let Some(hint) = &demand.login_hint {
            request = request.add_extra_param("login_hint", hint.clone());
        }
        Ok(request.url().0)
    }

    /// What the provider says about whoever brought `code`: verified claims, those of `/userinfo` below
    /// those of the ID token.
    pub(crate) async fn finish(
        &self,
        code: String,
        nonce: &Nonce,
        code_verifier: PkceCodeVerifier,
    ) -> Result<Claims, String> {
        let metadata = self.metadata(Want::Fresh).await?;
        let client = self.client(&metadata, None)?;
        let http = Http(self.outgoing.clone());
        let tokens: CoreTokenResponse = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(code_verifier)
            .request_async(&http)
            .await
            .map_err(|fault| said("its token endpoint", &fault))?;
        let id_token = tokens.id_token().ok_or("it sends no ID token; ask for the scope openid")?;
        let unverified = payload(&id_token.to_string());
        let tenant = unverified.get("tid").and_then(Value::as_str).map(str::to_owned);
        let mut metadata = metadata;
        if !knows_key(&metadata, id_token) {
            metadata = self.metadata(Want::NewKeys).await?;
        }
        let client = self.client(&metadata, tenant.as_deref())?;
        let claims = self.verified(&client, id_token, nonce, &tokens)?;
        let Some(url) = metadata.document.userinfo_endpoint() else { return Ok(claims) };
        self.with_userinfo(&client.set_user_info_url(url.clone()), claims, &tokens).await
    }

    /// OpenID Connect Core §3.1.3.7, every point of it. No claim counts before this.
    fn verified(
        &self,
        client: &Client,
        id_token: &CoreIdToken,
        nonce: &Nonce,
        tokens: &CoreTokenResponse,
    ) -> Result<Claims, String> {
        let now = DateTime::<Utc>::from_timestamp_millis(self.now.millis()).unwrap_or_default();
        let verifier: CoreIdTokenVerifier<'_> = client
            .id_token_verifier()
            .set_allowed_algs(ALGS)
            .set_other_audience_verifier_fn(|_| false)
            .set_time_fn(move || now);
        let claims =
            id_token.claims(&verifier, nonce).map_err(|fault| said("its ID token", &fault))?;
        if let Some(expected) = claims.access_token_hash() {
            let alg = id_token.signing_alg().map_err(|fault| said("its ID token", &fault))?;
            let key =
                id_token.signing_key(&verifier).map_err(|fault| said("its ID token", &fault))?;
            let found = AccessTokenHash::from_token(tokens.access_token(), alg, key)
                .map_err(|fault| said("its ID token", &fault))?;
            if found != *expected {
                return Err("its ID token belongs to another access token (at_hash)".into());
            }
        }
        let claims = payload(&id_token.to_string());
        match claims.get("azp") {
            Some(azp) if azp.as_str() != Some(&self.provider.client_id) => {
                Err("its ID token was made for another client (azp)".into())
            }
            _ => Ok(claims),
        }
    }

    /// Adds what only `/userinfo` tells, if groups or names are missing (OpenID Connect Core §5.3).
    async fn with_userinfo(
        &self,
        client: &ClientWithUserInfo,
        claims: Claims,
        tokens: &CoreTokenResponse,
    ) -> Result<Claims, String> {
        let complete = self.provider.group_claims.iter().any(|path| path.find(&claims).is_some())
            && claims.contains_key("name");
        let Some(subject) = claims.get("sub").and_then(Value::as_str) else { return Ok(claims) };
        let subject = openidconnect::SubjectIdentifier::new(subject.to_owned());
        if complete {
            return Ok(claims);
        }
        let request = client.user_info(tokens.access_token().clone(), Some(subject));
        let http = Http(self.outgoing.clone());
        // The library makes sure that `sub` is the same: another's would be token substitution.
        let more: Result<UserInfo, _> = request.request_async(&http).await;
        let more = more.map_err(|fault| said("its /userinfo", &fault))?;
        let mut all = match serde_json::to_value(&more) {
            Ok(Value::Object(all)) => all,
            _ => Claims::new(),
        };
        all.extend(claims);
        Ok(all)
    }

    async fn metadata(&self, want: Want) -> Result<std::sync::Arc<Metadata>, String> {
        let metadata = self.cache.get(self.provider, self.outgoing, want, self.now).await;
        metadata.map_err(|fault| fault.to_string())
    }

    fn client(&self, metadata: &Metadata, tenant: Option<&str>) -> Result<Client, String> {
        let wrong = |fault: url::ParseError| fault.to_string();
        let issuer = match metadata.issuer_for(self.provider, tenant) {
            Some(issuer) => IssuerUrl::new(issuer).map_err(wrong)?,
            // Before the person is known. Nothing is verified with it.
            None if tenant.is_none() => metadata.document.issuer().clone(),
            None => return Err("this Entra tenant is not accepted here".into()),
        };
        let document = &metadata.document;
        let token = document.token_endpoint().ok_or("it names no token endpoint")?;
        let id = ClientId::new(self.provider.client_id.clone());
        let mut client = CoreClient::new(id, issuer, metadata.jwks.clone());
        if let Some(secret) = &self.provider.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        let kind = match self.provider.secret_in {
            SecretIn::Header => AuthType::BasicAuth,
            SecretIn::Body => AuthType::RequestBody,
        };
        let redirect = RedirectUrl::new(self.redirect_uri.to_owned()).map_err(wrong)?;
        Ok(client
            .set_auth_type(kind)
            .set_redirect_uri(redirect)
            .set_auth_uri(document.authorization_endpoint().clone())
            .set_token_uri(token.clone()))
    }
}

/// All claims of `/userinfo`, also those without a standard.
type UserInfo = openidconnect::UserInfoClaims<Others, openidconnect::core::CoreGenderClaim>;

/// Claims of the provider's own.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Others(Claims);

impl openidconnect::AdditionalClaims for Others {}

/// Sends what the library asks to be sent, through the guard.
struct Http(Outgoing);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = FetchFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.call(request, LIMIT).await?;
            Ok(answer.map(|body| body.to_vec()))
        })
    }
}

/// The whole chain of reasons: the outermost alone says "request failed".
fn said(what: &str, fault: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {fault}");
    let mut source = fault.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

fn payload(jwt: &str) -> Claims {
    let part = jwt.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    part.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// Whether the key that a token names is among those that are known.
fn knows_key(metadata: &Metadata, id_token: &CoreIdToken) -> bool {
    let token = id_token.to_string();
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Claims = header.and_then(|h| serde_json::from_slice(&h).ok()).unwrap_or_default();
    let Some(kid) = header.get("kid").and_then(Value::as_str) else { return true };
    metadata.keys.iter().any(|key| key.kid() == Some(kid))
}

#[cfg(test)]
mod tests;
