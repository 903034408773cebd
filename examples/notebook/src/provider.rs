//! The OpenID provider, asked through the `openidconnect` crate.

use crate::Fault;
use openidconnect::{
    AsyncHttpClient, ClientId, ClientSecret, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, ProviderMetadataWithLogout, RedirectUrl,
    core::CoreClient,
};
use std::pin::Pin;

/// Whom to ask, and as whom.
pub(crate) struct Provider {
    pub(crate) issuer: IssuerUrl,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: ClientSecret,
    pub(crate) redirect_uri: RedirectUrl,
    pub(crate) http: Http,
}

/// A client whose endpoints were found by discovery.
pub(crate) type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// What the provider says about itself. Asked each time: a sample may be slow, and is never stale.
    pub(crate) async fn discover(&self) -> Result<ProviderMetadataWithLogout, Fault> {
        ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &self.http).await.map_err(
            |fault| Fault(format!("{} does not answer as it should: {fault}", *self.issuer)),
        )
    }

    /// The client that talks to it.
    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        let metadata = self.discover().await?;
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        let client = CoreClient::from_provider_metadata(metadata, id, Some(secret));
        Ok(client.set_redirect_uri(self.redirect_uri.clone()))
    }
}

/// Sends the requests of the library.
pub(crate) struct Http(pub(crate) reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, reqwest::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.execute(request.try_into()?).await?;
            let mut response = HttpResponse::new(Vec::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            *response.body_mut() = answer.bytes().await?.to_vec();
            Ok(response)
        })
    }
}
