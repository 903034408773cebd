//! A refusal as HTTP says it: challenge and body in the API's own dialect (RFC 6750 §3, RFC 9728 §5.1,
//! RFC 9457). One place for all doors, so that a service says no exactly as the gateway before it does.

use crate::{Demand, Scheme, dpop};
use portcullis_jose::Alg;
use portcullis_types::{ApiName, DecisionId, Denial, HolderFault, Scope, Scopes};
use serde_json::{Value, json};

/// The language in which an API says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's error object.
    OpenAi,
    /// Anthropic's error object.
    Anthropic,
    /// RFC 9457.
    Problem,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Our name for the reason.
    pub name: &'a str,
    /// The reason as a sentence without its full stop.
    pub message: &'a str,
    /// What to do about it, as the caller may read it.
    pub remedy: Option<&'a str>,
    /// All scopes of the operation, if one is lacking: some HTTP stacks hide the challenge of a 403.
    pub required_scopes: Option<&'a Scopes>,
    /// What to ask about.
    pub id: DecisionId,
}

impl<'a> Refusal<'a> {
    /// What a denial says. `remedy` is the `change` of [`Denial::remedy`].
    pub fn of(denial: &'a Denial, remedy: &'a str, id: DecisionId) -> Self {
        let code = denial.code();
        let (name, message) = (code.name, code.description);
        let required_scopes = match denial {
            Denial::WeakScope { needed, .. } => Some(needed),
            _ => None,
        };
        Self { status: code.status, name, message, remedy: Some(remedy), required_scopes, id }
    }

    /// The media type and the body.
    pub fn body(&self, dialect: Dialect) -> (&'static str, Value) {
        let (media_type, mut body) = match dialect {
            Dialect::OpenAi => ("application/json", self.openai()),
            Dialect::Anthropic => ("application/json", self.anthropic()),
            Dialect::Problem => ("application/problem+json", self.problem()),
        };
        let error =
            if dialect == Dialect::Problem { Some(&mut body) } else { body.get_mut("error") };
        if let (Some(scopes), Some(Value::Object(error))) = (self.required_scopes, error) {
            error.insert("required_scopes".into(), scopes.iter().map(Scope::as_str).collect());
        }
        (media_type, body)
    }

    /// What a person reads in the exception of an SDK: the reason, the way out, and the id to ask about.
    fn sentence(&self) -> String {
        let remedy = self.remedy.map(|remedy| format!(" {remedy}")).unwrap_or_default();
        format!("{}.{remedy} (decision {})", self.message, self.id)
    }

    fn openai(&self) -> Value {
        let code = match (self.status, self.name) {
            (401, "no_credential" | "not_a_token" | "malformed_token") => "invalid_api_key",
            (404, "not_found") => "model_not_found",
            (_, name) => name,
        };
        let kind = match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {
            "message": self.sentence(), "type": kind, "param": null, "code": code,
            "reason": self.name, "decision_id": self.id,
        }})
    }

    fn anthropic(&self) -> Value {
        let kind = match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 504 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        json!({
            "type": "error",
            "error": {"type": kind, "message": self.sentence(), "reason": self.name},
            "request_id": self.id, "decision_id": self.id,
        })
    }

    /// RFC 9457 §3.
    fn problem(&self) -> Value {
        let mut problem = json!({
            "type": format!("urn:portcullis:problem:{}", self.name),
            "title": self.message, "status": self.status, "code": self.name, "decision_id": self.id,
        });
        if let (Some(remedy), Some(members)) = (self.remedy, problem.as_object_mut()) {
            members.insert("detail".into(), remedy.into());
        }
        problem
    }
}

/// What a challenge says, whatever the denial.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// The realm.
    pub realm: &'a ApiName,
    /// Every scope of the operation.
    pub needed: &'a Scopes,
    /// What else is demanded.
    pub demand: &'a Demand,
    /// Where the API's metadata is (RFC 9728).
    pub resource_metadata: Option<&'a str>,
    /// The scheme that the caller used, if it is one of ours.
    pub used: Option<Scheme>,
}

impl Challenge<'_> {
    /// The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1). `None`
    /// where a challenge would say nothing: 404, 405, 400 of form.
    pub fn to(&self, denial: &Denial) -> Option<String> {
        let code = denial.code();
        if !matches!(code.status, 401 | 403) && code.error.is_none() {
            return None;
        }
        let scheme = self.scheme(denial);
        let mut parts = vec![format!("{} realm=\"{}\"", scheme.name(), self.realm)];
        if let Some(error) = code.error {
            parts.push(format!("error=\"{error}\", error_description=\"{}\"", code.description));
        }
        if let Denial::WeakAuthentication { wanted_acr, max_age, .. } = denial {
            if !wanted_acr.is_empty() {
                parts.push(format!("acr_values=\"{}\"", wanted_acr.join(" ")));
            }
            parts.extend(max_age.map(|age| format!("max_age=\"{}\"", age.as_seconds())));
        }
        if scheme == Scheme::Dpop {
            parts.push(format!("algs=\"{}\"", dpop::ALGS.map(Alg::name).join(" ")));
        }
        // Every scope of this operation in one go, whatever the token already has.
        if !self.needed.is_empty() && !matches!(denial, Denial::ManyCredentials { .. }) {
            parts.push(format!("scope=\"{}\"", self.needed));
        }
        if let Some(address) = self.resource_metadata {
            parts.push(format!("resource_metadata=\"{address}\""));
        }
        Some(parts.join(", "))
    }

    /// The scheme that would have been right.
    fn scheme(&self, denial: &Denial) -> Scheme {
        match denial {
            _ if self.demand.dpop.is_required() => Scheme::Dpop,
            Denial::NotTheHolder { fault: HolderFault::Downgraded { .. } } => Scheme::Dpop,
            Denial::NotTheHolder { fault: HolderFault::Unbound } => Scheme::Bearer,
            _ => self.used.unwrap_or(Scheme::Bearer),
        }
    }
}
