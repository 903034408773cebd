//! What happened to the account, out of the audit log.

use super::Owner;
use crate::{
    arrival::Else,
    pages::{self, ActivityItem, ActivityView, Section, When},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_audit::{Event, Record, about};
use std::sync::Arc;

/// So many are shown.
const MOST: usize = 50;

/// `GET {issuer}/account/activity`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    shown(&state, request).await.unwrap_or_else(Else::answer)
}

async fn shown(state: &State, request: Request) -> Result<Response, Else> {
    let owner = Owner::of(state, request, Section::Activity).await?;
    let id = owner.person.id.clone();
    let records = state.store.read(move |tx| about(tx, &id, MOST)).await;
    let records = records.map_err(|fault| owner.fault(&fault.into()))?;
    let items: Vec<ActivityItem> = records.iter().map(|record| item(&owner, record)).collect();
    let view = ActivityView { items: &items };
    Ok(pages::activity(&owner.arrival.visit, &owner.frame(), &view))
}

fn item(owner: &Owner, record: &Record<'_>) -> ActivityItem {
    let words = owner.arrival.visit.words;
    let (what, remote) = match &record.event {
        Event::Admin(admin) => {
            let known = words.find(&format!("action.{}", admin.action));
            let what = known.unwrap_or(words.say("activity.other")).to_owned();
            (what, admin.detail.get("remote").cloned())
        }
        Event::Grant(grant) => {
            let client = grant.client_id.as_deref().unwrap_or_default();
            let remote = grant.remote.as_deref().map(str::to_owned);
            (words.fill("activity.app", &[client]), remote)
        }
        Event::Access(_) => (words.say("activity.other").to_owned(), None),
    };
    ActivityItem {
        when: When::of(words, record.at, owner.arrival.now),
        what,
        remote,
        allowed: record.denial.is_none(),
        decision: record.id.to_string(),
    }
}
