//! `/evaluation` (§6) and `/evaluations` (§7).

use super::{
    call::{Call, Problem},
    decision::{Decision, malformed},
    question::{Malformed, Question, object, wrong},
    size,
};
use serde_json::{Map, Value, json};

/// Questions in one call, at most.
const MOST: usize = 256;

/// One question.
pub(super) async fn one(call: &Call<'_>) -> Result<Value, Problem> {
    size::one(&call.body)?;
    let question = Question::read(&call.body)?;
    call.spend(1)?;
    let decision = Decision::on(call, &question).await?;
    let told = decision.told();
    call.record(vec![(decision.id, Some(decision.ruled))]).await?;
    Ok(told)
}

/// §7.1.2.1: when no more are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn read(body: &Map<String, Value>) -> Result<Self, Malformed> {
        let options = object(body, "options")?;
        match options.and_then(|options| options.get("evaluations_semantic")) {
            None => Ok(Self::ExecuteAll),
            Some(Value::String(word)) => match word.as_str() {
                "execute_all" => Ok(Self::ExecuteAll),
                "deny_on_first_deny" => Ok(Self::DenyOnFirstDeny),
                "permit_on_first_permit" => Ok(Self::PermitOnFirstPermit),
                _ => Err(Malformed(
                    "'options.evaluations_semantic' is one of execute_all, deny_on_first_deny, \
                     permit_on_first_permit"
                        .to_owned(),
                )),
            },
            Some(other) => Err(wrong("options.evaluations_semantic", "a string", other)),
        }
    }

    const fn ends_after(self, allow: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !allow,
            Self::PermitOnFirstPermit => allow,
        }
    }
}

/// Several, in their order; without a list, one.
pub(super) async fn several(call: &Call<'_>) -> Result<Value, Problem> {
    let list = match call.body.get("evaluations") {
        None | Some(Value::Null) => return one(call).await,
        Some(Value::Array(list)) if list.is_empty() => return one(call).await,
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong("evaluations", "an array", other).into()),
    };
    if list.len() > MOST {
        return Err(Problem::Malformed(format!("'evaluations' has more than {MOST} items")));
    }
    let semantic = Semantic::read(&call.body)?;
    // What is wrong with a default is wrong with all of them.
    for name in ["subject", "action", "resource", "context"] {
        object(&call.body, name)?;
    }
    size::each(&call.body, list)?;
    call.spend(list.len())?;
    let (mut told, mut decided) = (Vec::with_capacity(list.len()), Vec::with_capacity(list.len()));
    for (place, item) in list.iter().enumerate() {
        let asked = match question(&call.body, item) {
            Ok(question) => Decision::on(call, &question).await,
            Err(fault) => Err(fault),
        };
        let (allow, mut answer) = match asked {
            Ok(decision) => {
                let answer = (decision.allow, decision.told());
                decided.push((decision.id, Some(decision.ruled)));
                answer
            }
            Err(fault) => (false, malformed(&fault)),
        };
        let ends = semantic.ends_after(allow);
        if ends
            && !allow
            && let Some(context) = answer.get_mut("context").and_then(Value::as_object_mut)
        {
            context.insert("reason".to_owned(), json!("deny_on_first_deny"));
        }
        told.push(answer);
        if ends {
            break;
        }
        // Others have something to do in between.
        if place % 16 == 15 {
            tokio::task::yield_now().await;
        }
    }
    call.record(decided).await?;
    Ok(json!({ "evaluations": told }))
}

/// §7.1.1: what an item leaves out is as at the top. An entity stands for the whole one there, but for its type and
/// its name.
fn question(defaults: &Map<String, Value>, item: &Value) -> Result<Question, Malformed> {
    let Value::Object(item) = item else { return Err(wrong("evaluations[]", "an object", item)) };
    let mut whole = Map::new();
    for name in ["subject", "action", "resource", "context"] {
        let usual = object(defaults, name)?;
        let Some(mut own) = object(item, name)?.cloned() else {
            whole.extend(usual.map(|usual| (name.to_owned(), Value::Object(usual.clone()))));
            continue;
        };
        if name != "context" {
            for required in ["type", "id", "name"] {
                if let Some(value) = usual.and_then(|usual| usual.get(required)) {
                    own.entry(required).or_insert_with(|| value.clone());
                }
            }
        }
        whole.insert(name.to_owned(), Value::Object(own));
    }
    Question::read(&whole)
}
