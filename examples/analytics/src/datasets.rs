//! The datasets: CSV files, one folder a tenant.

use serde_json::{Map, Value};

/// Tenant, name, and the file.
const ALL: [(&str, &str, &str); 2] = [
    ("t123", "ds_claims", include_str!("../data/t123/ds_claims.csv")),
    ("t456", "ds_shipments", include_str!("../data/t456/ds_shipments.csv")),
];

/// One of them.
pub(crate) struct Dataset {
    pub(crate) id: &'static str,
    csv: &'static str,
}

/// Those of one tenant.
pub(crate) fn of(tenant: &str) -> impl Iterator<Item = Dataset> {
    let own = ALL.iter().filter(move |(owner, ..)| *owner == tenant);
    own.map(|&(_, id, csv)| Dataset { id, csv })
}

impl Dataset {
    /// The first line.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        self.csv.lines().next().unwrap_or_default().split(',').collect()
    }

    /// The others. Our files have no commas in their fields, and so no quotes.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Value> {
        let columns = self.columns();
        self.csv.lines().skip(1).map(move |line| {
            let pairs = columns.iter().zip(line.split(','));
            Value::Object(
                pairs.map(|(&name, field)| (name.to_owned(), typed(field))).collect::<Map<_, _>>(),
            )
        })
    }
}

fn typed(field: &str) -> Value {
    field.parse().map_or_else(|_| Value::from(field), Value::Number)
}
