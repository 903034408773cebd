//! What is said of an exchange that was refused, and to whom.

use super::{Denial, HeaderFault, ImpersonationFault, Inbound, InboundFault, TenantHalt};
use crate::{
    Actor, ActorFault, Check, ClientId, Details, Dropped, DroppedBy, Issuer, MayAct, Scope, Scopes,
    Stage, Tenant, Timestamp, Trace, Ttl,
};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LEEWAY: Ttl = Ttl::seconds(60);

#[expect(clippy::too_many_lines, reason = "a table: one line a case")]
fn inbound_faults() -> Vec<(InboundFault, &'static str)> {
    let before = NOW.minus(Ttl::seconds(3600));
    let text = |text: &str| text.to_owned();
    let secret = || text("https://secret-idp.example");
    vec![
        (
            InboundFault::Malformed { found: text("2 segments"), expected: text("three") },
            "inbound_malformed",
        ),
        (InboundFault::Unsigned, "inbound_unsigned"),
        (
            InboundFault::WrongType { found: Some(text("logout+jwt")), expected: text("JWT") },
            "inbound_wrong_type",
        ),
        (
            InboundFault::Untrusted {
                iss: Some(text("https://evil.example")),
                trusted: vec![secret()],
            },
            "inbound_untrusted",
        ),
        (InboundFault::Ours, "inbound_ours"),
        (
            InboundFault::UnknownKey { kid: Some(text("k")), alg: text("RS256") },
            "inbound_unknown_key",
        ),
        (InboundFault::BadSignature { kid: None, alg: text("RS256") }, "inbound_bad_signature"),
        (
            InboundFault::KeysUnavailable { reason: secret(), retry_after: LEEWAY },
            "inbound_no_keys",
        ),
        (
            InboundFault::BadClaim { claim: text("sub"), expected: text("text") },
            "inbound_bad_claims",
        ),
        (InboundFault::Expired { exp: before, now: NOW, leeway: LEEWAY }, "inbound_expired"),
        (
            InboundFault::NotYetValid {
                claim: text("nbf"),
                from: NOW,
                now: before,
                leeway: LEEWAY,
            },
            "inbound_not_yet_valid",
        ),
        (InboundFault::TooOld { iat: before, now: NOW, limit: LEEWAY }, "inbound_too_old"),
        (
            InboundFault::LivesTooLong { lifetime: Ttl::seconds(99_999), limit: LEEWAY },
            "inbound_lives_too_long",
        ),
        (
            InboundFault::WrongAudience {
                found: vec![text("https://a.example")],
                accepted: vec![secret()],
            },
            "inbound_wrong_audience",
        ),
        (
            InboundFault::WrongClient {
                found: None,
                expected: ClientId::new("cli_other").unwrap(),
            },
            "inbound_wrong_client",
        ),
        (InboundFault::Replayed { jti: Some(text("j")) }, "inbound_replayed"),
        (
            InboundFault::WrongTenant { found: Some(text("a")), expected: Some(secret()) },
            "inbound_wrong_tenant",
        ),
        (InboundFault::Revoked { by: super::RevokedBy::Token { since: NOW } }, "inbound_revoked"),
        (InboundFault::UsedUp { limit: 3 }, "inbound_used_up"),
        (InboundFault::BadApiKey { problem: secret() }, "inbound_bad_api_key"),
        (InboundFault::NotOpened { problem: secret() }, "inbound_not_opened"),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table: one line a case")]
fn others(inbound: Inbound) -> Vec<(Denial, Check, &'static str)> {
    let tenant = Tenant::new("t123").unwrap();
    let scope = Scope::parse("analytics:read:t456").unwrap();
    let may_act = MayAct::of(&json!({"sub": "secret-actor"})).unwrap();
    let not_named =
        may_act.allows(&Actor::new("agent").unwrap(), "https://idp.example").unwrap_err();
    let wider = Details::narrowed(
        &Details::parse(r#"[{"type":"ai_model","identifier":"m"}]"#).unwrap(),
        &Details::parse(r#"[{"type":"ai_model","identifier":"m","limits":{"usd_per_day":77}}]"#)
            .unwrap(),
    );
    let scopes = Scopes::parse("model:list").unwrap();
    let lost = Dropped {
        scope: Scope::parse("model:list").unwrap(),
        by: DroppedBy::Policy("secret rule".into()),
    };
    let client_id = ClientId::new("cli_1").unwrap();
    let grant = inbound.error();
    vec![
        (
            Denial::ConditionNotMet {
                inbound,
                claim: "secret-claim".into(),
                found: Some("x".into()),
                expected: "secret".into(),
            },
            Check::Conditions,
            grant,
        ),
        (
            Denial::TenantHalted {
                inbound: Some(inbound),
                tenant,
                halt: TenantHalt::Suspended,
                since: NOW,
            },
            Check::TenantActive,
            grant,
        ),
        (Denial::BadActor { inbound, fault: not_named }, Check::ActorToken, grant),
        (
            Denial::BadActor { inbound, fault: ActorFault::TooDeep { limit: 4 } },
            Check::ActorToken,
            grant,
        ),
        (
            Denial::NoImpersonation {
                client_id: client_id.clone(),
                fault: ImpersonationFault::NotGranted,
            },
            Check::Impersonation,
            "unauthorized_client",
        ),
        (
            Denial::NoImpersonation {
                client_id,
                fault: ImpersonationFault::OtherTenant { subject: None, client: None },
            },
            Check::Impersonation,
            "unauthorized_client",
        ),
        (
            Denial::PolicyRefused { inbound: Some(inbound), reasons: vec!["secret rule".into()] },
            Check::Policy,
            grant,
        ),
        (
            Denial::PolicyRefused { inbound: None, reasons: Vec::new() },
            Check::Policy,
            "unauthorized_client",
        ),
        (
            Denial::BadDetails { fault: Details::parse("{}").unwrap_err() },
            Check::Details,
            "invalid_authorization_details",
        ),
        (
            Denial::BadDetails { fault: wider.unwrap_err() },
            Check::Details,
            "invalid_authorization_details",
        ),
        (
            Denial::ForeignScope { scope, own: Some(Tenant::new("t123").unwrap()) },
            Check::GrantScope,
            "invalid_scope",
        ),
        (
            Denial::NothingLeft { requested: scopes, dropped: vec![lost] },
            Check::GrantScope,
            "invalid_scope",
        ),
    ]
}

const ALL: [Inbound; 3] = [Inbound::SubjectToken, Inbound::ActorToken, Inbound::Assertion];

fn all() -> Vec<Denial> {
    let of = |inbound| {
        let faults = inbound_faults()
            .into_iter()
            .map(move |(fault, _)| Denial::BadInbound { inbound, fault });
        faults.chain(others(inbound).into_iter().map(|(denial, ..)| denial))
    };
    ALL.into_iter().flat_map(of).collect()
}

#[test]
fn one_fault_has_the_code_of_its_grant() {
    for (fault, name) in inbound_faults() {
        let code = |inbound| Denial::BadInbound { inbound, fault: fault.clone() }.code();
        let [subject, actor, assertion] = ALL.map(code);
        assert_eq!((subject.name, subject.description), (name, assertion.description));
        if matches!(fault, InboundFault::KeysUnavailable { .. }) {
            assert_eq!((subject.status, assertion.status), (503, 503));
            continue;
        }
        // RFC 8693 §2.2.2; RFC 7523 §3.1.
        assert_eq!((subject.status, subject.error), (400, Some("invalid_request")), "{name}");
        assert_eq!(actor, subject);
        assert_eq!((assertion.status, assertion.error), (400, Some("invalid_grant")), "{name}");
    }
    for inbound in ALL {
        for (denial, check, error) in others(inbound) {
            assert_eq!((denial.check(), denial.code().error), (check, Some(error)), "{denial:?}");
        }
    }
}

#[test]
fn the_caller_reads_nothing_that_is_not_its_own() {
    for denial in all() {
        let code = denial.code();
        let told = denial.told().unwrap_or_default();
        let said = format!("{} {} {told} {}", code.name, code.description, denial.remedy().change);
        for hidden in ["secret", "77", "cli_other"] {
            assert!(!said.contains(hidden), "{said}");
        }
        assert!(!code.description.contains(['"', '\\']) && code.description.is_ascii());
    }
}

#[test]
fn the_owner_reads_everything() {
    let said = |denial: &Denial| {
        format!("{} {} {}", denial.expected(), denial.found(), denial.remedy_for_operator().change)
    };
    for denial in all() {
        assert!(!denial.expected().is_empty() && !denial.found().is_empty(), "{denial:?}");
        let kept = serde_json::to_string(&denial).unwrap();
        if kept.contains("secret") {
            assert!(said(&denial).contains("secret"), "{denial:?}");
        }
        if kept.contains("usd_per_day") {
            assert!(said(&denial).contains("77"), "{denial:?}");
        }
    }
}

#[test]
fn a_denial_is_kept_as_it_is() {
    for denial in all() {
        let kept = serde_json::to_string(&denial).unwrap();
        assert_eq!(serde_json::from_str::<Denial>(&kept).unwrap(), denial, "{kept}");
    }
}

#[test]
fn a_denial_is_small_enough_to_hand_around() {
    assert!(size_of::<Denial>() <= 128, "{}", size_of::<Denial>());
}

#[test]
fn what_the_common_checks_say_is_said_of_the_token_that_came_in() {
    let fault = |denial: Denial| InboundFault::from(denial);
    let none = HeaderFault::Algorithm { found: Some("None".into()), accepted: Vec::new() };
    assert_eq!(fault(Denial::Header { fault: none }), InboundFault::Unsigned);
    let other =
        HeaderFault::Algorithm { found: Some("HS256".into()), accepted: vec!["RS256".into()] };
    assert!(matches!(fault(Denial::Header { fault: other }), InboundFault::Malformed { .. }));
    let expired = Denial::Expired { exp: NOW, now: NOW, leeway: LEEWAY };
    assert!(matches!(fault(expired), InboundFault::Expired { .. }));
    let trusted = vec![Issuer::new("https://idp.example").unwrap()];
    let untrusted = Denial::UntrustedIssuer { found: None, trusted };
    assert!(matches!(fault(untrusted), InboundFault::Untrusted { iss: None, .. }));
}

#[test]
fn the_checks_of_exchanges_are_listed_where_one_was_made() {
    let named = |trace: &Trace| trace.rows().map(|row| row.check).collect::<Vec<_>>();
    let mut trace = Trace::new(Stage::Grant);
    trace.step(Check::Request, Ok(())).unwrap();
    let plain = named(&trace);
    assert!(!plain.contains(&Check::SubjectToken) && plain.contains(&Check::GrantScope));
    trace.step(Check::SubjectToken, Ok(())).unwrap();
    let without = |left: Check| Check::of(Stage::Grant).filter(move |check| *check != left);
    assert_eq!(named(&trace), without(Check::Policy).collect::<Vec<_>>(), "none was asked");
    trace.step(Check::Policy, Ok(())).unwrap();
    assert_eq!(named(&trace), Check::of(Stage::Grant).collect::<Vec<_>>());
    let mut halted = Trace::new(Stage::Grant);
    let (denial, check, _) = others(Inbound::Assertion).swap_remove(1);
    halted.step::<()>(check, Err(denial)).unwrap_err();
    assert!(named(&halted).contains(&Check::TenantActive));
}
