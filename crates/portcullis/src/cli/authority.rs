//! An issuer as a command talks to it: its metadata (RFC 8414 §3) and its answers.

use super::Stop;
use portcullis_types::Issuer;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// For one exchange with an issuer.
const TIME_OUT: Duration = Duration::from_secs(30);

/// An issuer whose metadata was read.
pub(super) struct Authority {
    pub(super) issuer: Issuer,
    http: Client,
    metadata: Value,
}

/// What an endpoint answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) value: Value,
}

impl Authority {
    /// Reads the metadata, which must name this very issuer.
    pub(super) async fn of(issuer: Issuer) -> Result<Self, Stop> {
        let http = Client::builder()
            .timeout(TIME_OUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Stop::cannot_run)?;
        let mut url = Url::parse(issuer.as_str()).map_err(Stop::cannot_run)?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        let response = http.get(url.clone()).send().await;
        let response = response.map_err(|fault| unreachable_issuer(&issuer, &fault))?;
        let status = response.status();
        let metadata: Value = match response.bytes().await {
            Ok(bytes) if status.is_success() => serde_json::from_slice(&bytes).unwrap_or_default(),
            _ => Value::Null,
        };
        let found = metadata.get("issuer").and_then(Value::as_str);
        if found != Some(issuer.as_str()) {
            let found = found.map_or_else(
                || format!("no metadata (HTTP {})", status.as_u16()),
                |it| format!("issuer {it}"),
            );
            return Err(Stop::cannot_run(format!(
                "{url} does not describe the issuer {issuer}: it has {found}"
            ))
            .hint("an issuer is compared byte by byte, with its path and without a '/' too many"));
        }
        Ok(Self { issuer, http, metadata })
    }

    /// An endpoint that the metadata names.
    pub(super) fn endpoint(&self, name: &str) -> Result<Url, Stop> {
        let url = self.metadata.get(name).and_then(Value::as_str);
        url.and_then(|url| Url::parse(url).ok()).ok_or_else(|| {
            Stop::cannot_run(format!("the metadata of {} names no {name}", self.issuer))
        })
    }

    /// A list in the metadata.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let list = self.metadata.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Posts a form to an endpoint.
    pub(super) async fn post(
        &self,
        endpoint: &str,
        form: &[(&str, String)],
    ) -> Result<Answer, Stop> {
        self.send(self.http.post(self.endpoint(endpoint)?).form(form)).await
    }

    /// Posts a form to the token endpoint, with the secret in the header (RFC 6749 §2.3.1).
    pub(super) async fn post_as(
        &self,
        (client_id, secret): (&str, &str),
        form: &[(&str, String)],
    ) -> Result<Answer, Stop> {
        let request = self.http.post(self.endpoint("token_endpoint")?).form(form);
        self.send(request.basic_auth(client_id, Some(secret))).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Stop> {
        let response =
            request.send().await.map_err(|fault| unreachable_issuer(&self.issuer, &fault))?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .map_err(|fault| Stop::cannot_run(format!("the answer broke off: {fault}")))?;
        let value = match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            Err(_) if bytes.is_empty() => Value::Null,
            Err(_) => {
                let status = status.as_u16();
                let what = format!("the issuer answered HTTP {status} without JSON");
                return Err(Stop::cannot_run(what));
            }
        };
        Ok(Answer { status, value })
    }
}

impl Answer {
    /// A member that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value.get(name).and_then(Value::as_str)
    }

    /// A member that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.value.get(name).and_then(Value::as_u64)
    }

    /// Why there is nothing in it.
    pub(super) fn refusal(&self) -> Stop {
        let error = self.text("error").unwrap_or("no error code");
        let description = self.text("error_description").unwrap_or("");
        let status = self.status.as_u16();
        let stop =
            Stop::refused(format!("the issuer refused (HTTP {status}): {error}: {description}"));
        match self.text("decision_id") {
            Some(id) => stop.hint(format!("portcullis explain {id}")),
            None => stop,
        }
    }
}

fn unreachable_issuer(issuer: &Issuer, fault: &reqwest::Error) -> Stop {
    let mut reason = fault.to_string();
    let mut source = std::error::Error::source(fault);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    Stop::cannot_run(format!("cannot reach the issuer {issuer}: {reason}"))
        .hint("is it running? 'portcullis serve'")
}
