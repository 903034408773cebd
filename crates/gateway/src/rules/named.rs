//! What a request is after: a model, a dataset, a tool.

use crate::{
    content::Content,
    reads::{Asked, Message},
    routes::Matched,
    rules::known::ResourceKey,
    settings::Reads,
};
use http::{Method, Request};
use portcullis_policy::TenantFacts;
use portcullis_types::{Bar, BodyFault, Denial, DetailType, Details, Tenant, Use};
use serde_json::{Map, Value};

/// What the path and the body name.
pub(super) struct Named<'a> {
    pub(super) model: Option<&'a str>,
    pub(super) dataset: Option<&'a str>,
    /// Of an MCP server.
    pub(super) tool: Option<(&'a str, &'a str)>,
    streams: bool,
    /// What is done at an MCP server, and with which arguments.
    message: Option<(&'static str, Option<&'a Map<String, Value>>)>,
}

impl<'a> Named<'a> {
    /// `asked` is what the body says.
    pub(super) fn of(
        matched: &'a Matched<'a>,
        asked: Option<&'a Asked>,
    ) -> Result<Self, BodyFault> {
        let (model, dataset) = (matched.model.as_deref(), matched.dataset.as_deref());
        let mut named = Self { model, dataset, tool: None, streams: false, message: None };
        match asked {
            None | Some(Asked::Message(Message::Answer)) => {}
            Some(Asked::Model(prompt)) => {
                if model.is_some_and(|model| *model != *prompt.model) {
                    let problem = "the path and the body name different models".into();
                    return Err(BodyFault::Ambiguous { problem });
                }
                (named.model, named.streams) = (Some(prompt.model.as_str()), prompt.streams);
            }
            Some(Asked::Message(Message::Call { tool, arguments })) => {
                let Reads::Mcp { server } = &matched.line.route.reads else { return Ok(named) };
                named.tool = Some((server, tool));
                named.message = Some(("call", Some(arguments)));
            }
            Some(Asked::Message(Message::Other(method))) => {
                named.message = match method.rsplit_once('/') {
                    Some((_, "list")) => Some(("list", None)),
                    Some((_, "read" | "get")) => Some(("read", None)),
                    // Beginnings, pings, notifications.
                    _ => None,
                };
            }
        }
        Ok(named)
    }

    /// Whether the token's details name all of it; how many tokens an answer may have at most.
    pub(super) fn within(
        &self,
        details: &Details,
        method: &Method,
        location: &str,
    ) -> Result<Option<u64>, Denial> {
        let of =
            |kind, identifier, action| Use { kind, identifier, action, location, arguments: None };
        let model = self.model.map(|model| {
            of(DetailType::AiModel, Some(model), if self.streams { "stream" } else { "invoke" })
        });
        let dataset =
            self.dataset.map(|dataset| of(DetailType::AiDataset, Some(dataset), action(method)));
        let tool = self.message.map(|(action, arguments)| {
            let identifier = self.tool.map(|(_, tool)| tool);
            Use { arguments, ..of(DetailType::McpTool, identifier, action) }
        });
        let mut most = None;
        for wanted in [model, dataset, tool].into_iter().flatten() {
            let limit = details.reach(&wanted).map_err(|outside| Denial::Barred {
                bar: Bar::Details {
                    kind: wanted.kind.name().into(),
                    wanted: outside.wanted,
                    named: outside.named,
                },
            })?;
            most = most.into_iter().chain(limit).min();
        }
        Ok(most)
    }

    /// What the policy is told of it, and all that this depends on.
    pub(super) fn key<'k>(
        &'k self,
        matched: &'k Matched<'_>,
        request: &'k Request<Content>,
        tenant: Option<&'k TenantFacts<'static>>,
    ) -> ResourceKey<'k> {
        // The path says it, or the API is one tenant's own, or it is in the contract of the caller's tenant. Of
        // whose it is otherwise nobody here knows, so it is nobody's.
        let owner = self.dataset.map(|dataset| {
            let here = matched.tenant.as_ref().or(matched.line.guarded.tenant.as_ref());
            let own = tenant.filter(|tenant| tenant.datasets.iter().any(|own| *own == dataset));
            here.map(Tenant::as_str).or(own.map(|own| &*own.id)).unwrap_or_default()
        });
        ResourceKey {
            line: matched.index,
            method: request.method(),
            path: request.uri().path(),
            model: self.model,
            dataset: self.dataset.zip(owner),
            tool: self.tool,
        }
    }
}

/// What is done with a dataset.
fn action(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => "read",
        Method::DELETE => "delete",
        _ => "append",
    }
}
