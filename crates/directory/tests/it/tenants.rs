//! Tenants, as they are known.

use crate::house::{House, NOW};
use portcullis_directory::{Contracts, TenantRecord, Tier};
use portcullis_types::{Registry, Tenant, TenantHalt};

fn tenant(id: &str) -> Tenant {
    Tenant::new(id).unwrap()
}

fn record() -> TenantRecord {
    serde_json::from_str(r#"{ "name": "Acme", "tier": "standard" }"#).unwrap()
}

fn contracts() -> Contracts {
    let tier = Tier { title: "Standard".to_owned(), ..Tier::default() };
    Contracts { tiers: [("standard".to_owned(), tier)].into(), registry: Registry::standard() }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_halts_its_tenant_and_no_other() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    directory.contract(contracts()).await.unwrap();
    for id in ["t123", "t456"] {
        directory.apply_tenant(house.acting(NOW), &tenant(id), record(), None).await.unwrap();
    }
    // Attack, or a bad disk: what is said of one cannot be read.
    let spoil = "UPDATE tenant SET record = '{\"name\": 7}' WHERE id = 't123'";
    house.store.write(move |tx| tx.execute(spoil, &[])).await.unwrap();
    directory.suspend_tenant(house.acting(NOW), &tenant("t456")).await.unwrap();
    let other = directory.tenant(&tenant("t456")).unwrap();
    assert!(matches!(other.halted, Some((TenantHalt::Suspended, _))), "the change was seen");
    let spoilt = directory.tenant(&tenant("t123")).unwrap();
    assert!(spoilt.active(None).is_err(), "nothing is open to it");
    assert!(spoilt.problems[0].problem.contains("t123"), "{:?}", spoilt.problems);
    assert!(spoilt.trusts.is_empty());
    // Also for whoever starts with it.
    directory.contract(contracts()).await.unwrap();
    directory.resume_tenant(house.acting(NOW), &tenant("t456")).await.unwrap();
    assert!(directory.tenant(&tenant("t456")).unwrap().active(None).is_ok());
    assert!(directory.tenant(&tenant("t123")).unwrap().active(None).is_err());
}
