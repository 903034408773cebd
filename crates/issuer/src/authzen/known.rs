//! Who and what is known by name, besides clients and tenants: the `authzen` of the policies' own data.
//!
//! ```json
//! { "authzen": {
//!     "subjects": [{ "type": "user", "id": "alice", "properties": { "roles": ["editor"] } }],
//!     "resources": [{ "type": "document", "id": "1" }],
//!     "actions": [{ "name": "read", "types": ["document"] }] } }
//! ```
//! Their properties stand in where a question leaves them out, and searches go through them.

use portcullis_policy::{Judge, Revision};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Entities by type and name, with their properties.
type Entities = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

#[derive(Default)]
pub(super) struct Known {
    pub(super) subjects: Entities,
    pub(super) resources: Entities,
    pub(super) actions: Vec<Deed>,
}

/// An action that searches try.
#[derive(Deserialize)]
pub(super) struct Deed {
    pub(super) name: String,
    /// On which types of resources; on all, if it does not say.
    #[serde(default)]
    pub(super) types: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    authzen: Listed,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Listed {
    subjects: Vec<Thing>,
    resources: Vec<Thing>,
    actions: Vec<Deed>,
}

#[derive(Deserialize)]
struct Thing {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    properties: Map<String, Value>,
}

impl Known {
    fn read(data: &str) -> Result<Self, serde_json::Error> {
        let Data { authzen } = serde_json::from_str(data)?;
        let (subjects, resources) = (entities(authzen.subjects), entities(authzen.resources));
        Ok(Self { subjects, resources, actions: authzen.actions })
    }
}

fn entities(things: Vec<Thing>) -> Entities {
    let mut all = Entities::new();
    for Thing { kind, id, properties } in things {
        all.entry(kind).or_default().insert(id, properties);
    }
    all
}

/// What is known, read anew when other policies are in force.
#[derive(Default)]
pub(super) struct Lore(Mutex<Option<(Revision, Arc<Known>)>>);

impl Lore {
    pub(super) async fn of(&self, judge: &Judge) -> Arc<Known> {
        let bundle = judge.engine().current();
        let revision = bundle.revision();
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, known)) = read.filter(|(of, _)| *of == revision) {
            return known;
        }
        // The data may be large.
        let read = tokio::task::spawn_blocking(move || bundle.files().data().map(Known::read));
        let known = match read.await {
            Ok(Some(Ok(known))) => known,
            Ok(Some(Err(fault))) => {
                tracing::warn!(%fault, %revision, "the 'authzen' of the policies' data cannot be read");
                Known::default()
            }
            Ok(None) | Err(_) => Known::default(),
        };
        let known = Arc::new(known);
        let entry = Some((revision, Arc::clone(&known)));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = entry;
        known
    }
}
