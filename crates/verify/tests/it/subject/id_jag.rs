//! An ID-JAG is an assertion for one client, at us alone.

use crate::subject::house::{CLIENT, Case, OURS, fault};
use portcullis_types::{ClientId, Denial, Inbound, InboundFault, Stage, Trace};
use portcullis_verify::subject::{Offered, Reuse, TokenKind, admit};
use serde_json::{Value, json};

fn jag() -> Case {
    let case = Case::of("custom")
        .record(json!({ "kinds": ["id_jag"], "audiences": null }))
        .header(json!({ "typ": "oauth-id-jag+jwt" }))
        .claims(json!({ "aud": OURS, "client_id": CLIENT, "resource": "https://gw.example/mcp" }));
    Case { kind: None, ..case }
}

fn wrong(changes: Value) -> InboundFault {
    jag().claims(changes).fault()
}

fn missing(claim: &str) -> InboundFault {
    let expected = "present and well formed".into();
    InboundFault::BadClaim { claim: claim.into(), expected }
}

#[test]
fn it_may_come_again_but_is_counted() {
    let subject = jag().judge().unwrap();
    assert_eq!(subject.token_kind, TokenKind::IdJag);
    assert_eq!(subject.replay.reuse, Reuse::Counted);
    assert_eq!(subject.resources[0].as_str(), "https://gw.example/mcp");
    assert_eq!(subject.client.as_deref(), Some(CLIENT));
    let as_list = jag().claims(json!({ "aud": [OURS] })).judge();
    assert!(as_list.is_ok());
}

#[test]
fn it_is_for_us_alone() {
    for aud in [
        json!([OURS, "https://other.example"]),
        json!([OURS, OURS]),
        json!(format!("{OURS}/token")),
        json!("https://id.portcullis.example/t/t456"),
    ] {
        assert!(
            matches!(wrong(json!({ "aud": aud })), InboundFault::WrongAudience { .. }),
            "{aud}"
        );
    }
    assert_eq!(wrong(json!({ "aud": null })), missing("aud"));
}

#[test]
fn it_is_for_the_client_that_shows_it() {
    let found = Some("cli_other".to_owned());
    let expected = ClientId::new(CLIENT).unwrap();
    let fault = wrong(json!({ "client_id": "cli_other" }));
    assert_eq!(fault, InboundFault::WrongClient { found, expected });
    assert_eq!(wrong(json!({ "client_id": null, "azp": CLIENT })), missing("client_id"));
}

#[test]
fn it_says_everything_that_it_must() {
    for claim in ["jti", "exp", "iat", "sub", "client_id", "aud"] {
        assert_eq!(wrong(json!({ claim: null })), missing(claim));
    }
}

#[test]
fn it_is_an_assertion_and_nothing_else() {
    let subject = jag().shown_as(TokenKind::IdJag);
    assert!(matches!(subject.fault(), InboundFault::WrongType { .. }));
    for kind in [TokenKind::IdToken, TokenKind::AccessToken] {
        let elsewhere = jag().record(json!({ "kinds": [kind.name()], "audiences": ["api"] }));
        assert!(matches!(elsewhere.shown_as(kind).fault(), InboundFault::WrongType { .. }));
    }
    let client = ClientId::new(CLIENT).unwrap();
    let (token, trust) = (jag().token(), jag().checked().unwrap());
    let offered = Offered::actor(&token, TokenKind::IdJag, &client);
    let mut trace = Trace::new(Stage::Grant);
    let keys = crate::subject::house::keys();
    let outcome = admit(&offered, &trust, &keys, jag().now, &mut trace);
    let fault = fault(outcome, Inbound::ActorToken);
    assert!(matches!(fault, InboundFault::WrongType { .. }));
}

#[test]
fn a_record_that_is_not_for_it_refuses_it() {
    let conditions = json!([{ "claim": "sub", "equals": "u-1" }]);
    let jwt = json!({ "kinds": ["jwt"], "conditions": conditions });
    assert!(matches!(jag().record(jwt).fault(), InboundFault::WrongType { .. }));
    // And the other way round: no JWT passes for one.
    let plain = jag().header(json!({ "typ": "JWT" })).fault();
    assert!(matches!(plain, InboundFault::WrongType { .. }));
}

#[test]
fn what_it_says_is_the_most_that_it_is_good_for() {
    let grants = json!([{ "to": "everyone", "scopes": ["model:list", "model:deploy"] }]);
    let case = jag().record(json!({ "grants": grants }));
    let scopes = |case: &Case| case.judge().unwrap().scopes.to_string();
    assert_eq!(
        scopes(&case.clone().claims(json!({ "scope": "model:list key:list" }))),
        "model:list"
    );
    assert_eq!(scopes(&case.clone().claims(json!({ "scope": null }))), "model:deploy model:list");
    let details = json!([{ "type": "mcp_tool", "identifier": "create_issue" }]);
    let limited = case.clone().claims(json!({ "authorization_details": details }));
    assert_eq!(limited.judge().unwrap().details.len(), 1);
    let odd = case.claims(json!({ "authorization_details": [{ "type": "x" }] })).fault();
    assert!(
        matches!(odd, InboundFault::BadClaim { ref claim, .. } if claim == "authorization_details")
    );
}

#[test]
fn details_that_nobody_may_have_leave_nothing() {
    let only = |id: &str| json!([{ "type": "mcp_tool", "identifier": id }]);
    let ceiling = json!({ "scopes": ["analytics:read"], "authorization_details": only("a") });
    let case = jag()
        .record(json!({ "ceiling": ceiling }))
        .claims(json!({ "authorization_details": only("b") }));
    assert!(matches!(case.judge(), Err(Denial::BadDetails { .. })));
}

#[test]
fn its_resources_are_uris() {
    for odd in [json!("mcp"), json!(["https://gw.example/mcp", 1]), json!([]), json!({})] {
        let fault = wrong(json!({ "resource": odd }));
        assert!(matches!(fault, InboundFault::BadClaim { ref claim, .. } if claim == "resource"));
    }
    assert!(jag().claims(json!({ "resource": null })).judge().unwrap().resources.is_empty());
}

#[test]
fn its_tenant_is_part_of_who_it_is() {
    let one = jag().claims(json!({ "tenant": "a" })).judge().unwrap();
    let other = jag().claims(json!({ "tenant": "b" })).judge().unwrap();
    assert_ne!(one.principal, other.principal);
    assert_eq!(one.idp_tenant.as_deref(), Some("a"));
}
