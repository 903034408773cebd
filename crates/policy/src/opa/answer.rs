//! What a policy server answers to `POST /v1/data/…`.

use super::Answered;
use crate::{Cause, Revision, Ruling, ruling};
use regorus::Value;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Characters of a decision's name that are kept; a UUID has 36.
const MAX_ID: usize = 128;

/// The members that we know; there may be others, such as metrics.
#[derive(Deserialize)]
pub(super) struct Answer {
    /// Absent: the rule is undefined, or there is no such rule.
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    decision_id: Option<String>,
    #[serde(default)]
    provenance: Option<Provenance>,
}

#[derive(Deserialize)]
struct Provenance {
    #[serde(default)]
    bundles: BTreeMap<String, Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    revision: String,
}

impl Answer {
    /// Else what is wrong with it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        // serde would read an array as the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err("it is no JSON object".to_owned());
        }
        serde_json::from_slice(body).map_err(|fault| fault.to_string())
    }

    /// As strictly as what the engine here answers.
    pub(super) fn read(self) -> Answered {
        let revision = self.provenance.map_or_else(|| Revision::of_server(""), revision);
        let ruling = match &self.result {
            Some(decision) => ruling::read(decision, revision),
            None => Ruling::failed(Cause::Undefined, revision),
        };
        let decision_log_id = self.decision_id.filter(|id| {
            id.len() <= MAX_ID && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic())
        });
        Answered { ruling, decision_log_id }
    }
}

fn revision(provenance: Provenance) -> Revision {
    let named = provenance.bundles.into_values().map(|bundle| bundle.revision);
    let named: Vec<_> = named.filter(|revision| !revision.is_empty()).collect();
    Revision::of_server(&named.join("+"))
}
