//! Bundles that a server has: one file by HTTP, asked for only if it is another, or a layer in a registry.
//!
//! What comes is bounded. A registry's digests are checked, so it does not matter through whom a layer came.

use super::{MAX_PACKED, OciReference, oci::is_hex};
use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, ETAG, IF_NONE_MATCH, WWW_AUTHENTICATE},
};
use portcullis_web::{Answered, FetchFault, Outgoing};
use serde::Deserialize;
use url::Url;

/// The longest manifest, and the longest answer with a token.
const MAX_MANIFEST: usize = 256 << 10;
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json";
const LAYERS: [&str; 2] = [
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];

/// A server that has a bundle.
pub struct Remote {
    place: Place,
    outgoing: Outgoing,
    /// `Bearer …`, if the server wants it.
    authorization: Option<HeaderValue>,
    /// What the server called the bundle that came last.
    tag: Option<String>,
}

/// Where on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a URL.
    Url(Url),
    /// In a registry.
    Registry(OciReference),
}

/// What the server had.
#[derive(Debug)]
pub enum Fetched {
    /// What it had before.
    AsItWas,
    /// A file; nobody has looked into it.
    New(Vec<u8>),
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Remote {
    /// A server to be asked with `outgoing`; `token` is sent as a bearer token.
    pub fn new(place: Place, outgoing: Outgoing, token: Option<&str>) -> Result<Self, String> {
        let authorization = token.map(bearer).transpose()?;
        Ok(Self { place, outgoing, authorization, tag: None })
    }

    /// Asks for the bundle.
    pub async fn fetch(&mut self) -> Result<Fetched, String> {
        let fetched = match self.place.clone() {
            Place::Url(url) => self.by_url(&url).await?,
            Place::Registry(reference) => self.by_reference(&reference).await?,
        };
        let Some((tag, packed)) = fetched else { return Ok(Fetched::AsItWas) };
        self.tag = tag;
        Ok(Fetched::New(packed))
    }

    /// Asks for the whole bundle the next time.
    pub fn forget(&mut self) {
        self.tag = None;
    }

    /// What came cannot be used. A tag is only a server's word for it, and the next release may have the same; a
    /// digest is of what came, and stays.
    pub fn refused(&mut self) {
        if matches!(self.place, Place::Url(_)) {
            self.forget();
        }
    }

    async fn by_url(&self, url: &Url) -> Result<Option<(Option<String>, Vec<u8>)>, String> {
        let mut headers = self.headers();
        if let Some(tag) = self.tag.as_deref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
            headers.insert(IF_NONE_MATCH, tag);
        }
        let answer = self.get(url, headers, MAX_PACKED).await?;
        match answer.status() {
            StatusCode::NOT_MODIFIED => Ok(None),
            StatusCode::OK => {
                let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
                let tag = tag.map(str::to_owned);
                Ok(Some((tag, answer.into_body())))
            }
            other => Err(format!("{url} answers {other}")),
        }
    }

    async fn by_reference(
        &self,
        reference: &OciReference,
    ) -> Result<Option<(Option<String>, Vec<u8>)>, String> {
        let no_url = || format!("{reference} leads nowhere");
        let mut headers = self.headers();
        headers.insert(ACCEPT, HeaderValue::from_static(MANIFESTS));
        let url = reference.manifest().ok_or_else(no_url)?;
        let mut answer = self.get(&url, headers.clone(), MAX_MANIFEST).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            headers.insert(AUTHORIZATION, self.anonymous(answer.headers()).await?);
            answer = self.get(&url, headers.clone(), MAX_MANIFEST).await?;
        }
        if answer.status() != StatusCode::OK {
            return Err(format!("{url} answers {}", answer.status()));
        }
        if let Some(digest) = reference.digest()
            && digest != sha256(answer.body())
        {
            return Err(format!("{url} sends another manifest than that of the digest"));
        }
        let layer = layer(answer.body()).map_err(|what| format!("{reference}: {what}"))?;
        if self.tag.as_ref() == Some(&layer.digest) {
            return Ok(None);
        }
        headers.remove(ACCEPT);
        let url = reference.blob(&layer.digest).ok_or_else(no_url)?;
        let answer = self.blob(&url, headers).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{url} answers {}", answer.status()));
        }
        if sha256(answer.body()) != layer.digest {
            return Err(format!("{reference}: the layer is not the one of its digest"));
        }
        Ok(Some((Some(layer.digest), answer.into_body())))
    }

    /// A token for everybody, from where the registry says.
    async fn anonymous(&self, headers: &HeaderMap) -> Result<HeaderValue, String> {
        let challenge = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.and_then(|challenge| challenge.strip_prefix("Bearer "));
        let challenge = challenge.ok_or("the registry wants a password; set bearer_token")?;
        let of = |wanted: &str| {
            challenge.split(',').find_map(|part| {
                let (name, value) = part.trim().split_once('=')?;
                (name == wanted).then(|| value.trim_matches('"').to_owned())
            })
        };
        let realm = of("realm").and_then(|realm| Url::parse(&realm).ok());
        let mut url = realm.ok_or("the registry does not say where tokens are")?;
        for name in ["service", "scope"] {
            if let Some(value) = of(name) {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let answer = self.get(&url, HeaderMap::new(), MAX_MANIFEST).await?;
        let token: Option<Token> = serde_json::from_slice(answer.body()).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        bearer(&token.ok_or("the registry wants a token; set bearer_token")?)
    }

    fn headers(&self) -> HeaderMap {
        let authorization = self.authorization.iter().cloned();
        authorization.map(|value| (AUTHORIZATION, value)).collect()
    }

    async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        limit: usize,
    ) -> Result<Response<Vec<u8>>, String> {
        let answer = self.outgoing.call(request(url, headers)?, limit).await;
        Ok(answer.map_err(|fault| told(url, &fault))?.map(|body| body.to_vec()))
    }

    /// A blob, which registries like to keep elsewhere: one step there is made, and the other server is told nothing
    /// that the registry was told. What comes is known by its digest.
    async fn blob(&self, url: &Url, headers: HeaderMap) -> Result<Response<Vec<u8>>, String> {
        let first = self.outgoing.ask(request(url, headers)?, MAX_PACKED).await;
        match first.map_err(|fault| told(url, &fault))? {
            Answered::Here(answer) => Ok(answer.map(|body| body.to_vec())),
            Answered::Elsewhere(other) => self.get(&other, HeaderMap::new(), MAX_PACKED).await,
        }
    }
}

fn told(url: &Url, fault: &FetchFault) -> String {
    format!("{}: {fault}", bare(url))
}

fn request(url: &Url, headers: HeaderMap) -> Result<Request<Vec<u8>>, String> {
    let mut request = Request::get(url.as_str())
        .body(Vec::new())
        .map_err(|fault| format!("{} cannot be asked: {fault}", bare(url)))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Without what may be a secret.
fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| "the bearer token has letters that cannot be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

/// The one layer that is a bundle.
fn layer(manifest: &[u8]) -> Result<Layer, String> {
    let manifest: Manifest = serde_json::from_slice(manifest)
        .map_err(|_| "this is no manifest of one image; an index of several is none".to_owned())?;
    let packed = |layer: &Layer| LAYERS.contains(&&*layer.media_type);
    let mut layers = manifest.layers.into_iter().filter(packed);
    let (first, second) = (layers.next(), layers.next());
    let (Some(layer), None) = (first, second) else {
        return Err("it must have exactly one layer that is a gzipped tar".to_owned());
    };
    if layer.size > MAX_PACKED as u64 {
        return Err(format!("the layer has {} bytes; at most {MAX_PACKED} are read", layer.size));
    }
    if !layer.digest.strip_prefix("sha256:").is_some_and(is_hex) {
        return Err("the digest of the layer is none of SHA-256".to_owned());
    }
    Ok(layer)
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref()))
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("place", &self.place).finish_non_exhaustive()
    }
}
