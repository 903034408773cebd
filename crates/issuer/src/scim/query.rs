//! Which part of a list is wanted (RFC 7644 §3.4.2.4).

use super::{
    Call,
    error::{Kind, ScimError},
    filter::Filter,
    json,
};
use portcullis_directory::{Found, Page};
use serde_json::{Value, json};

/// Most resources in one answer.
pub(super) const MOST: u32 = 200;

/// What is wanted of a list.
pub(super) struct Query {
    pub(super) filter: Option<Filter>,
    pub(super) page: Page,
}

impl Query {
    pub(super) fn of(call: &Call) -> Result<Self, ScimError> {
        let number = |name: &str, default: i64| match call.parameter(name) {
            None | Some("") => Ok(default),
            Some(text) => text.parse::<i64>().map_err(|_| {
                ScimError::new(Kind::Value, format!("'{name}' must be a whole number"))
            }),
        };
        let start = number("startIndex", 1)?.max(1) - 1;
        let count = number("count", 100)?.clamp(0, i64::from(MOST));
        let filter = call.parameter("filter").filter(|text| !text.trim().is_empty());
        Ok(Self {
            filter: filter.map(Filter::parse).transpose()?,
            page: Page {
                start: u32::try_from(start).unwrap_or(u32::MAX),
                count: u32::try_from(count).unwrap_or(MOST),
            },
        })
    }

    /// A page of what all there is in `items`.
    pub(super) fn cut(&self, items: Vec<Value>) -> Found<Value> {
        let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let start = usize::try_from(self.page.start).unwrap_or(usize::MAX);
        let count = usize::try_from(self.page.count).unwrap_or(0);
        Found { total, items: items.into_iter().skip(start).take(count).collect() }
    }

    /// The answer.
    pub(super) fn list(&self, call: &Call, found: Found<Value>) -> Value {
        let items: Vec<Value> =
            found.items.into_iter().map(|value| json::project(value, call)).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": found.total,
            "startIndex": u64::from(self.page.start) + 1,
            "itemsPerPage": items.len(),
            "Resources": items,
        })
    }
}
