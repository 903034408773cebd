//! What the SDKs send: a JSON object, each in its own words.

use crate::token::form::{Exchanged, TokenRequest, bad};
use axum::body::Body;
use http::request::Parts;
use portcullis_directory::excerpt;
use portcullis_jose::json;
use portcullis_types::Denial;
use portcullis_verify::subject::TokenKind;
use portcullis_web::form::{bytes, is_json};
use serde_json::{Map, Value};

/// As Anthropic's endpoint has it; tokens of workloads are smaller.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAi,
    Anthropic,
}

/// A request in our words.
pub(super) struct Asked {
    pub(super) dialect: Dialect,
    /// Whose trust; `None`: that of the service account's tenant.
    pub(super) tenant: Option<String>,
    pub(super) trust: String,
    /// The client of ours as which the caller wants to come.
    pub(super) account: Option<String>,
    pub(super) request: TokenRequest,
}

pub(super) async fn read(parts: &Parts, body: Body, dialect: Dialect) -> Result<Asked, Denial> {
    if parts.uri.query().is_some() {
        return Err(bad(None, "this endpoint takes no query; send parameters in the body"));
    }
    if !is_json(&parts.headers) {
        return Err(bad(Some("Content-Type"), "the content type must be application/json"));
    }
    let body = bytes(&parts.headers, body).await.map_err(|fault| bad(None, &fault.to_string()))?;
    let mut sent = Sent(json::object(&body).map_err(|fault| bad(None, &fault.to_string()))?);
    let grant_type = sent.must("grant_type")?;
    if grant_type != dialect.grant().name() {
        let supported = vec![dialect.grant().name().to_owned()];
        return Err(Denial::UnknownGrantType { found: excerpt(&grant_type), supported });
    }
    match dialect {
        Dialect::OpenAi => openai(sent, grant_type),
        Dialect::Anthropic => anthropic(sent, grant_type),
    }
}

/// `identity_provider_id` is `TENANT/TRUST`, or the trust alone.
fn openai(mut sent: Sent, grant_type: String) -> Result<Asked, Denial> {
    let provider = sent.must("identity_provider_id")?;
    let (tenant, trust) = parted(&provider);
    let kind = sent.must("subject_token_type")?;
    let kinds = [TokenKind::Jwt, TokenKind::IdToken].map(TokenKind::urn);
    if !kinds.contains(&kind.as_str()) {
        let problem = format!("'{}' is none of {}", excerpt(&kind), kinds.join(", "));
        return Err(bad(Some("subject_token_type"), &problem));
    }
    let exchange = Exchanged {
        subject_token: Some(sent.token("subject_token")?.into()),
        subject_token_type: Some(kind),
        ..Exchanged::default()
    };
    Ok(Asked {
        dialect: Dialect::OpenAi,
        tenant: tenant.map(str::to_owned),
        trust: trust.to_owned(),
        account: Some(sent.must("service_account_id")?),
        request: request(grant_type, exchange),
    })
}

/// `organization_id` is the tenant, `federation_rule_id` its trust, `workspace_id` an API, by its name.
fn anthropic(mut sent: Sent, grant_type: String) -> Result<Asked, Denial> {
    let (organization, rule) = (sent.must("organization_id")?, sent.must("federation_rule_id")?);
    let (tenant, trust) = parted(&rule);
    if tenant.is_some_and(|tenant| tenant != organization) {
        let problem = "the rule is of another organization than organization_id";
        return Err(bad(Some("federation_rule_id"), problem));
    }
    let workspace = sent.may("workspace_id")?.filter(|workspace| workspace != "default");
    let exchange = Exchanged {
        assertion: Some(sent.token("assertion")?.into()),
        audience: workspace.into_iter().collect(),
        ..Exchanged::default()
    };
    Ok(Asked {
        dialect: Dialect::Anthropic,
        trust: trust.to_owned(),
        tenant: Some(organization),
        account: sent.may("service_account_id")?,
        request: request(grant_type, exchange),
    })
}

/// What else is sent, an `actor_token` or a `scope`, is not theirs to say: it is ignored, as unknown members are.
fn request(grant_type: String, exchange: Exchanged) -> TokenRequest {
    TokenRequest { grant_type, exchange: Some(Box::new(exchange)), ..TokenRequest::default() }
}

fn parted(name: &str) -> (Option<&str>, &str) {
    name.split_once('/').map_or((None, name), |(tenant, trust)| (Some(tenant), trust))
}

/// The members of the body.
struct Sent(Map<String, Value>);

impl Sent {
    fn may(&mut self, name: &str) -> Result<Option<String>, Denial> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(bad(Some(name), "the parameter must be a string")),
        }
    }

    fn must(&mut self, name: &str) -> Result<String, Denial> {
        self.may(name)?.ok_or_else(|| bad(Some(name), "the parameter is missing"))
    }

    fn token(&mut self, name: &str) -> Result<String, Denial> {
        let token = self.must(name)?;
        if token.len() > LONGEST_TOKEN {
            return Err(bad(
                Some(name),
                "it is longer than 16 KiB, which no token of a workload is",
            ));
        }
        Ok(token)
    }
}
