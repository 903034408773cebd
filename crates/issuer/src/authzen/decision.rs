//! A decision, asked for and said (§5.5): what the policy ruled, narrowed by what the subject holds.

use super::{
    call::Call,
    facts::Facts,
    question::{Malformed, Question},
};
use portcullis_policy::{Cause, Obligations, Point, Reason, Ruling};
use portcullis_types::{DecisionId, Ruled, Scope, Scopes};
use serde_json::{Map, Value, json};

/// One decision.
pub(super) struct Decision {
    pub(super) id: DecisionId,
    pub(super) allow: bool,
    pub(super) ruled: Ruled,
    /// Besides the policy's.
    reasons: Vec<Reason>,
}

impl Decision {
    /// Asks the policy of the question's point.
    pub(super) async fn on(call: &Call<'_>, question: &Question) -> Result<Self, Malformed> {
        let facts = Facts::of(call, question).await?;
        let ruled = call.pdp.judge.rule(&facts.input).await;
        let reasons = lacking(call, &facts, &ruled.ruling);
        let allow = ruled.ruling.allow && reasons.is_empty();
        Ok(Self { id: call.decision_id(), allow, ruled, reasons })
    }

    /// Whether a policy server was asked and did not answer.
    pub(super) fn is_unavailable(&self) -> bool {
        matches!(self.ruled.ruling.cause, Cause::Unreachable(_))
    }

    /// §5.5: the answer, with what a policy enforcement point must see to.
    pub(super) fn told(&self) -> Value {
        let ruling = &self.ruled.ruling;
        let mut context = Map::from_iter([
            ("decision_id".to_owned(), json!(self.id)),
            ("revision".to_owned(), json!(ruling.revision)),
        ]);
        let reasons: Vec<_> = ruling.reasons.iter().chain(&self.reasons).collect();
        if let Some(error) = error(&ruling.cause) {
            context.insert("error".to_owned(), error);
        } else if !self.allow {
            let texts: Vec<_> = reasons.iter().map(|reason| &*reason.text).collect();
            let text =
                if texts.is_empty() { "the policy denies it".to_owned() } else { texts.join("; ") };
            context.insert("reason_admin".to_owned(), json!({ "403": text }));
        }
        if !reasons.is_empty() {
            context.insert("reasons".to_owned(), json!(reasons));
        }
        let obligations = obligations(&ruling.obligations);
        if self.allow && !obligations.is_empty() {
            context.insert("obligations".to_owned(), json!(obligations));
        }
        if let Some(scopes) = ruling.scopes.as_ref().filter(|_| self.allow) {
            context.insert(
                "scopes".to_owned(),
                json!(scopes.iter().map(Scope::as_str).collect::<Vec<_>>()),
            );
        }
        if let Some(datasets) = ruling.datasets.as_ref().filter(|_| self.allow) {
            context.insert("datasets".to_owned(), json!(datasets));
        }
        json!({ "decision": self.allow, "context": context })
    }
}

/// What keeps an allowed request from passing a gateway all the same: a policy only narrows what the subject holds.
fn lacking(call: &Call<'_>, facts: &Facts, ruling: &Ruling) -> Vec<Reason> {
    if facts.input.point() != Point::Request || !ruling.allow {
        return Vec::new();
    }
    let registry = &call.pdp.state.settings.registry;
    let mut reasons = Vec::new();
    let held = registry.closure(&facts.held);
    let left = match &ruling.scopes {
        Some(most) => held.intersect(&registry.closure(most)),
        None => held,
    };
    let missing: Scopes = registry.missing(&left, &facts.needed);
    if !missing.is_empty() {
        let text = format!("the subject does not hold {missing}").into();
        reasons.push(Reason { code: "scope.missing".into(), text });
    }
    if let (Some(most), Some(dataset)) = (&ruling.datasets, &facts.dataset)
        && !most.iter().any(|id| **id == **dataset)
    {
        let text = "the dataset is not among those that are left".into();
        reasons.push(Reason { code: "dataset.missing".into(), text });
    }
    reasons
}

/// What failed, in words that show no policy to whoever asks.
fn error(cause: &Cause) -> Option<Value> {
    let (status, message) = match cause {
        Cause::Policy => return None,
        Cause::Unreachable(_) => (503, "the policy server did not answer; try again"),
        Cause::Absent => (501, "no policy is in force for this question"),
        Cause::Undefined | Cause::Input | Cause::Error(_) | Cause::Limit(_) | Cause::Answer(_) => {
            (500, "the policy failed, so it denies; the audit log says how")
        }
    };
    Some(json!({ "status": status, "message": message }))
}

/// A list, each with a name of its own.
fn obligations(all: &Obligations) -> Vec<Value> {
    let numbers = [
        ("max_output_tokens", all.max_output_tokens),
        ("requests_per_minute", all.requests_per_minute),
        ("max_ttl", all.max_ttl),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, most)| {
        let most = most?;
        Some(Value::Object(Map::from_iter([
            ("id".to_owned(), json!(name)),
            (name.to_owned(), json!(most)),
        ])))
    });
    let step_up = all.step_up.iter();
    let step_up = step_up.map(|acr| json!({ "id": "step_up", "step-up": { "acr_values": acr } }));
    numbers.chain(step_up).collect()
}

/// §7.2.1: one of several that could not be asked.
pub(super) fn malformed(Malformed(what): &Malformed) -> Value {
    json!({ "decision": false, "context": { "error": { "status": 400, "message": what } } })
}
