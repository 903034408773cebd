//! `GET /decisions/{decision}`: why something was allowed or refused. The operator reads all of it; a tenant, what is
//! about itself, and of that what says nothing about others.

use super::{
    Named,
    call::{Call, Reach, answer},
    may::{Act, Effect},
    refusal::{Outcome, Refusal},
    tenants::text,
};
use crate::server::State;
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use portcullis_audit::{
    self as audit, Event, Record,
    explain::{Api, ClientNow, Explanation, OurIssuer, Surroundings},
};
use portcullis_directory::Directory;
use portcullis_types::{Check, ClientId, DecisionId, Denial, Jti, Mark, Tenant};
use serde_json::{Value, json};
use std::sync::Arc;

const READ: &str = "audit:read";

pub(super) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = explained(&mut call, text(&name)).await;
    call.answer(outcome).await
}

async fn explained(call: &mut Call, name: Option<&str>) -> Outcome {
    let id = name.and_then(|name| name.parse::<DecisionId>().ok()).ok_or(Refusal::Hidden(None))?;
    let found = call.state.store.read(move |tx| audit::find(tx, id)).await?;
    let whose = found.as_ref().and_then(|record| whose(record, &call.state.directory));
    let own = match (call.reach(), &whose) {
        (Reach::Everything, _) => None,
        (Reach::Of(own), Some(whose)) if own == whose => Some(own.clone()),
        (Reach::Of(_), _) => return Err(Refusal::Hidden(None)),
    };
    let record = found.ok_or(Refusal::Hidden(None))?;
    let tenant = whose.as_ref();
    let (id, effect) = (id.to_string(), Effect::Reads);
    call.may(Act { action: READ, kind: "decision", id: &id, tenant, effect }).await?;
    let body = match own {
        Some(own) => of_ones_own(&record, &own),
        None => whole(&call.state, &record).await?,
    };
    Ok(answer(StatusCode::OK, None, &body))
}

/// Which tenant a record is about, as far as that was proven when it was made: what a stranger claimed is nobody's.
fn whose(record: &Record<'_>, directory: &Directory) -> Option<Tenant> {
    let of_client = |id: &str| directory.client(&ClientId::new(id).ok()?)?.tenant.clone();
    match &record.event {
        Event::Access(access) => {
            let token = access.token.as_ref().filter(|token| token.verified)?;
            Tenant::new(token.tenant.as_deref()?).ok()
        }
        Event::Grant(grant) => {
            if !record.trace.has_passed(Check::Client) {
                return None;
            }
            match grant.tenant.as_deref() {
                Some(tenant) => Tenant::new(tenant).ok(),
                None => of_client(grant.client_id.as_deref()?),
            }
        }
        Event::Admin(admin) => match admin.action.split('.').next()? {
            "tenant" => Tenant::new(&admin.target).ok(),
            "client" => of_client(&admin.target),
            _ => None,
        },
    }
}

/// Everything, as `portcullis explain` has it.
async fn whole(state: &State, record: &Record<'static>) -> Result<Value, Refusal> {
    let settings = &state.settings;
    let issuer =
        OurIssuer { issuer: settings.issuer().clone(), token_endpoint: settings.url("/token") };
    let jti = match &record.event {
        Event::Access(access) => access.token.as_ref().filter(|token| token.verified),
        Event::Grant(_) | Event::Admin(_) => None,
    };
    let jti = jti.and_then(|token| Jti::new(&token.jti).ok());
    let issuance = match jti {
        Some(jti) => state.store.read(move |tx| audit::find_issuance(tx, &jti)).await?,
        None => None,
    };
    let client = match &record.event {
        Event::Access(access) => access.token.as_ref().map(|token| &*token.client_id),
        Event::Grant(grant) => grant.client_id.as_deref(),
        Event::Admin(_) => None,
    };
    let client = client.and_then(|id| state.directory.client(&ClientId::new(id).ok()?));
    let client = client.map(|client| ClientNow {
        id: client.id.clone(),
        scopes: client.scopes.clone(),
        resources: client.resources.clone(),
        disabled_since: client.disabled_since,
    });
    let apis: Vec<_> = settings
        .apis()
        .iter()
        .map(|api| Api {
            name: api.name.clone(),
            resource: api.resource.clone(),
            scopes: api.scopes.clone(),
        })
        .collect();
    let around = Surroundings {
        issuance: issuance.as_ref(),
        client: client.as_ref(),
        issuer: Some(&issuer),
        apis: &apis,
        registry: Some(&settings.registry),
        ..Surroundings::default()
    };
    Ok(json!(Explanation::of(record, &around)))
}

/// What a tenant's admins read: each check, and what was found where that is their own. No command of the operator's, no
/// story of what others did.
fn of_ones_own(record: &Record<'static>, own: &Tenant) -> Value {
    let it = Explanation::of(record, &Surroundings::default());
    let told = record.denial.as_deref().is_none_or(tells_of_none_but_its_own);
    let rows = it.rows.iter().map(|row| {
        let failed = told && row.mark == Mark::Failed;
        json!({
            "check": row.check,
            "title": row.title,
            "source": row.source,
            "mark": row.mark,
            "expected": row.expected.as_ref().filter(|_| failed),
            "found": row.found.as_ref().filter(|_| failed),
        })
    });
    let remedy = record.denial.as_deref().map(|denial| denial.remedy().change);
    json!({
        "schema": it.schema,
        "decision_id": it.decision_id,
        "tenant": own,
        "at": it.at.to_string(),
        "stage": it.stage,
        "outcome": it.outcome,
        "request": it.request,
        "api": it.api,
        "resource": it.resource,
        "needed": it.needed,
        "rows": rows.collect::<Vec<_>>(),
        "remedy": remedy,
        "token": it.token,
    })
}

/// Whether what was found and wanted can only be the tenant's own: of its token, its trust, its contract.
const fn tells_of_none_but_its_own(denial: &Denial) -> bool {
    matches!(
        denial,
        Denial::Expired { .. }
            | Denial::NotYetValid { .. }
            | Denial::LivesTooLong { .. }
            | Denial::WeakScope { .. }
            | Denial::WeakAuthentication { .. }
            | Denial::Revoked { .. }
            | Denial::BadInbound { .. }
            | Denial::ConditionNotMet { .. }
            | Denial::TenantHalted { .. }
            | Denial::BadActor { .. }
            | Denial::NoImpersonation { .. }
            | Denial::NothingLeft { .. }
            | Denial::BadScope { .. }
            | Denial::NoScopeLeft { .. }
    )
}
