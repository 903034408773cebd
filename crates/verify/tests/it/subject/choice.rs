//! One issuer, several tenants: the conditions say whose a token is, after the signature.

use crate::subject::house::{Case, OURS, client, keys};
use portcullis_jose::jwk::KeySet;
use portcullis_types::{
    Denial, InboundFault, Issuer, Registry, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    IssuerKeys,
    subject::{Candidate, CheckedTrust, Home, Offered, Subject, TokenKind, Trust, choose},
};
use serde_json::{Value, json};
use std::sync::Arc;

type Keys = Result<IssuerKeys, (String, Ttl)>;

fn trust(tenant: &str, conditions: &Value) -> CheckedTrust {
    let record = Case::of("github_actions").record(json!({ "conditions": conditions })).record;
    let record: Trust = serde_json::from_value(record).unwrap();
    let (tenant, issuer) = (Tenant::new(tenant).unwrap(), Issuer::new(OURS).unwrap());
    let registry = Registry::standard();
    record.checked(&Home { tenant: &tenant, issuer: &issuer, registry: &registry }).unwrap()
}

fn owned(tenant: &str, owner: &str) -> CheckedTrust {
    let sub = json!({ "claim": "sub", "equals": "repo:acme/site:ref:refs/heads/main" });
    trust(tenant, &json!([sub, { "claim": "repository_owner_id", "equals": owner }]))
}

fn chosen<'a>(
    token: &str,
    trusts: &[(&'a CheckedTrust, &'a Keys)],
) -> Result<(&'a CheckedTrust, Subject), Denial> {
    let client = client();
    let candidates: Vec<_> = trusts.iter().map(|(trust, keys)| Candidate { trust, keys }).collect();
    let offered = Offered::subject(token, TokenKind::Jwt, &client);
    choose(&offered, &candidates, now(), (&mut Trace::new(Stage::Grant), &mut None))
}

fn now() -> Timestamp {
    crate::house::NOW
}

fn token(owner: &str) -> String {
    Case::of("github_actions").claims(json!({ "repository_owner_id": owner })).token()
}

#[test]
fn two_tenants_on_one_issuer_each_get_their_own() {
    let (keys, a, b) = (keys(), owned("t123", "65"), owned("t456", "66"));
    for trusts in [[(&a, &keys), (&b, &keys)], [(&b, &keys), (&a, &keys)]] {
        let (trust, subject) = chosen(&token("65"), &trusts).unwrap();
        assert_eq!((trust.tenant().as_str(), subject.idp_tenant.as_deref()), ("t123", Some("65")));
        assert_eq!(chosen(&token("66"), &trusts).unwrap().0.tenant().as_str(), "t456");
        let nobodys = chosen(&token("67"), &trusts).map(drop).unwrap_err();
        assert!(matches!(nobodys, Denial::ConditionNotMet { ref claim, .. }
            if claim == "repository_owner_id"));
    }
}

#[test]
fn a_token_that_is_good_for_two_is_good_for_none() {
    let (keys, a, b) = (keys(), owned("t123", "65"), owned("t456", "65"));
    let mut said = Vec::new();
    for trusts in [[(&a, &keys), (&b, &keys)], [(&b, &keys), (&a, &keys)]] {
        said.push(chosen(&token("65"), &trusts).map(drop).unwrap_err());
    }
    assert!(matches!(said[0], Denial::ConditionNotMet { .. }));
    assert_eq!(said[0], said[1], "whatever the order");
    assert!(!format!("{said:?}").contains("t456"), "nobody is told whose the other is");
}

#[test]
fn nobody_is_chosen_by_a_token_that_is_not_signed() {
    let (keys, a) = (keys(), owned("t123", "65"));
    let forged = Case::of("github_actions").header(json!({ "kid": null })).token();
    let (body, _) = forged.rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", "A".repeat(342));
    let denial = chosen(&forged, &[(&a, &keys)]).map(drop).unwrap_err();
    assert!(matches!(denial, Denial::BadInbound { fault: InboundFault::BadSignature { .. }, .. }));
    let stranger = Case::of("github_actions").claims(json!({ "iss": "https://evil.example" }));
    for trusts in [&[(&a, &keys)][..], &[]] {
        let denial = chosen(&stranger.token(), trusts).map(drop).unwrap_err();
        let fault = InboundFault::Untrusted {
            iss: Some("https://evil.example".into()),
            trusted: Vec::new(),
        };
        assert!(matches!(denial, Denial::BadInbound { fault: found, .. } if found == fault));
    }
}

#[test]
fn keys_of_one_tenant_do_not_sign_for_another() {
    let none: Keys = Ok(IssuerKeys { set: Arc::new(KeySet::default()), fetched_at: None });
    let down: Keys = Err(("connection refused".into(), Ttl::seconds(5)));
    let (keys, a, b) = (keys(), owned("t123", "66"), owned("t456", "65"));
    for other in [&none, &down] {
        let denial = chosen(&token("65"), &[(&a, &keys), (&b, other)]).map(drop).unwrap_err();
        assert!(matches!(denial, Denial::ConditionNotMet { .. }), "{denial:?}");
    }
    let denial = chosen(&token("65"), &[(&b, &down)]).map(drop).unwrap_err();
    assert_eq!(denial.code().status, 503);
}
