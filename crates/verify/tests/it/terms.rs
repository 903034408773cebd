//! On what terms an issuer is trusted.

use crate::house::{House, claiming, tenant};
use portcullis_types::{ApiName, Check, Fixer};
use portcullis_verify::{Apis, Profile, Speaks};
use serde_json::json;

#[test]
fn an_issuer_that_speaks_for_no_tenant_is_refused_when_it_names_one_and_the_way_out_is_said() {
    let mut house = House::new();
    house.issuer.trusted.speaks = Speaks::ForNoTenant;
    house.judge(&claiming(json!({}))).unwrap();
    let denial = house.judge(&claiming(json!({ "tenant": "acme" }))).unwrap_err();
    assert_eq!(
        (denial.check(), denial.expected().as_str()),
        (Check::Tenant, "no tenant claim from this issuer")
    );
    let remedy = denial.remedy();
    assert_eq!(remedy.by, Fixer::Operator);
    assert!(remedy.change.contains("tenant = \"any\""), "{}", remedy.change);
}

#[test]
fn an_issuer_speaks_for_another_tenant_by_no_scope_either() {
    let cross = json!({ "tenant": "acme", "scope": "generate:basic:globex" });
    let mut house = House::new();
    house.object_tenant = Some(tenant("globex"));
    house.judge(&claiming(cross.clone())).unwrap();
    for speaks in [Speaks::For(tenant("acme")), Speaks::ForNoTenant] {
        let named = if speaks == Speaks::ForNoTenant { json!(null) } else { json!("acme") };
        house.issuer.trusted.speaks = speaks;
        let token = claiming(json!({ "tenant": named, "scope": cross["scope"] }));
        assert_eq!(house.judge(&token).unwrap_err().check(), Check::Scope);
        let both =
            claiming(json!({ "tenant": named, "scope": "generate:basic generate:basic:globex" }));
        assert_eq!(house.judge(&both).unwrap_err().check(), Check::Object);
    }
}

#[test]
fn a_tenants_own_issuer_speaks_for_it() {
    let mut house = House::new();
    house.issuer.trusted.speaks = Speaks::For(tenant("acme"));
    house.guarded.tenant = Some(tenant("acme"));
    house.object_tenant = Some(tenant("acme"));
    house.judge(&claiming(json!({ "tenant": "acme", "scope": "generate:basic:acme" }))).unwrap();
}

#[test]
fn an_issuer_is_trusted_where_it_is_said_and_nowhere_else() {
    let mut house = House::new();
    for (apis, good) in [("text", true), ("other", false)] {
        house.issuer.trusted.apis = Apis::Only(vec![ApiName::new(apis).unwrap()]);
        assert_eq!(house.judge(&claiming(json!({}))).is_ok(), good, "{apis}");
    }
    house.issuer.trusted.apis = Apis::Only(Vec::new());
    assert!(house.judge(&claiming(json!({}))).is_err(), "an empty list is no list of all");
}

#[test]
fn an_older_provider_may_leave_iat_out_but_not_live_the_longer_for_it() {
    let mut house = House::new();
    house.issuer.trusted.profile = Profile::Legacy;
    house.judge(&claiming(json!({ "iat": null, "jti": null }))).unwrap();
    let for_ever = claiming(json!({ "iat": null, "exp": 4_000_000_000_i64 }));
    let denial = house.judge(&for_ever).unwrap_err();
    assert_eq!(denial.code().name, "lives_too_long");
}
