//! Every provider's token is let in as it is, and every trap that providers lay is stepped over.

use crate::subject::house::{Case, EC, NOW, OURS, RSA, TID, fault, jwks};
use portcullis_types::{Inbound, InboundFault, PrincipalKind};
use portcullis_verify::subject::{FOREIGN_KINDS, Preset, Reuse, TokenKind, key_set};
use serde_json::{Value, json};

pub(crate) fn name(preset: Preset) -> String {
    serde_json::to_value(preset).unwrap().as_str().unwrap().to_owned()
}

fn bad_claim(claim: &str, expected: &str) -> InboundFault {
    InboundFault::BadClaim { claim: claim.into(), expected: expected.into() }
}

fn missing(claim: &str) -> InboundFault {
    bad_claim(claim, "present and well formed")
}

fn is_wrong_type(fault: &InboundFault) -> bool {
    matches!(fault, InboundFault::WrongType { .. })
}

#[test]
fn the_good_token_of_every_provider_is_let_in() {
    for preset in Preset::ALL {
        let subject = Case::of(&name(preset)).judge().unwrap();
        let scopes = match preset {
            Preset::Google | Preset::GithubActions | Preset::Kubernetes | Preset::Spiffe => "",
            _ => "analytics:read",
        };
        assert_eq!(subject.scopes.to_string(), scopes, "{preset:?}");
        let service = matches!(preset, Preset::GithubActions | Preset::Kubernetes | Preset::Spiffe);
        let kind = if service { PrincipalKind::Service } else { PrincipalKind::Person };
        assert_eq!(subject.kind, kind, "{preset:?}");
        assert!(subject.principal.as_str().starts_with(kind.prefix()));
        assert_eq!(subject.expires.seconds(), NOW.seconds() + 300);
    }
}

#[test]
fn a_typ_of_another_kind_is_refused_whoever_sends_it() {
    for preset in Preset::ALL {
        for typ in FOREIGN_KINDS {
            for typ in [typ.to_owned(), format!("application/{typ}"), typ.to_uppercase()] {
                let case = Case::of(&name(preset)).header(json!({ "typ": typ }));
                assert!(is_wrong_type(&case.fault()), "{preset:?} {typ}");
            }
        }
    }
}

#[test]
fn a_kind_for_which_the_record_is_not_is_refused() {
    for preset in Preset::ALL {
        let case = Case::of(&name(preset));
        for kind in TokenKind::ALL.into_iter().filter(|kind| Some(*kind) != case.kind) {
            assert!(is_wrong_type(&case.clone().shown_as(kind).fault()), "{preset:?} {kind:?}");
        }
    }
}

#[test]
fn auth0_writes_its_issuer_with_a_slash() {
    let bare = json!({ "issuer": "https://acme.eu.auth0.com" });
    assert_eq!(Case::of("auth0").record(bare).wrong(), ["issuer"]);
    let said = Case::of("auth0").claims(json!({ "iss": "https://acme.eu.auth0.com" })).fault();
    assert!(matches!(said, InboundFault::Untrusted { .. }), "{said:?}");
}

#[test]
fn auth0_machines_are_services_and_its_organizations_are_tenants() {
    let machine = Case::of("auth0").claims(json!({ "sub": "app@clients" })).judge().unwrap();
    assert_eq!(machine.kind, PrincipalKind::Service);
    let in_one = Case::of("auth0").claims(json!({ "org_id": "org_1" })).judge().unwrap();
    assert_eq!(in_one.idp_tenant.as_deref(), Some("org_1"));
    assert_ne!(in_one.principal, Case::of("auth0").judge().unwrap().principal);
    let agent = Case::of("auth0").claims(json!({ "sub_profile": "ai_agent" })).judge().unwrap();
    assert_eq!(agent.kind, PrincipalKind::Agent);
}

#[test]
fn an_opaque_or_encrypted_token_of_auth0_is_no_token_here() {
    let case = Case::of("auth0");
    let opaque = fault(case.judge_text("vXb0Yq"), Inbound::SubjectToken);
    assert!(matches!(opaque, InboundFault::Malformed { .. }), "{opaque:?}");
    let encrypted = fault(case.judge_text("a.b.c.d.e"), Inbound::SubjectToken);
    assert!(is_wrong_type(&encrypted), "{encrypted:?}");
}

#[test]
fn okta_sends_no_typ_and_its_scopes_as_a_list() {
    assert!(Case::of("okta").judge().is_ok());
    let text = Case::of("okta").claims(json!({ "scp": "analytics:read" })).fault();
    assert_eq!(text, bad_claim("scp", "a list of scopes"));
    let internal = Case::of("okta").header(json!({ "typ": "application/okta-internal-at+jwt" }));
    assert!(is_wrong_type(&internal.fault()));
}

#[test]
fn oktas_own_server_is_not_trusted() {
    for issuer in ["https://acme.okta.com", "https://acme.okta.com/", "https://a.okta.com/oauth2/"]
    {
        let case = Case::of("okta").record(json!({ "issuer": issuer }));
        let faults = case.checked().unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].remedy.contains("custom authorization server"), "{}", faults[0]);
    }
}

#[test]
fn okta_people_are_their_uid_and_machines_their_client() {
    assert_eq!(Case::of("okta").judge().unwrap().sub, "00u1");
    let machine = json!({ "uid": null, "sub": "app" });
    let machine = Case::of("okta").claims(machine).judge().unwrap();
    assert_eq!((machine.sub.as_str(), machine.kind), ("app", PrincipalKind::Service));
    // A login is given to somebody else one day.
    assert_eq!(Case::of("okta").claims(json!({ "uid": null })).fault(), missing("uid"));
}

#[test]
fn entra_people_are_their_oid_in_their_directory() {
    for preset in ["entra_v2", "entra_v1"] {
        let subject = Case::of(preset).judge().unwrap();
        assert_eq!((subject.sub.as_str(), subject.idp_tenant.as_deref()), ("o-1", Some(TID)));
        // `sub` is another for every app.
        let other_app = Case::of(preset).claims(json!({ "sub": "other" })).judge().unwrap();
        assert_eq!(other_app.principal, subject.principal);
        assert_eq!(Case::of(preset).claims(json!({ "oid": null })).fault(), missing("oid"));
        assert_eq!(Case::of(preset).claims(json!({ "tid": null })).fault(), missing("tid"));
    }
}

#[test]
fn entra_apps_have_roles_and_no_scopes() {
    let app = json!({ "idtyp": "app", "scp": null, "roles": ["Analyst"] });
    let grants = json!([{ "to": { "role": "Analyst" }, "scopes": ["model:list"] }]);
    let case = Case::of("entra_v2").record(json!({ "grants": grants })).claims(app);
    let app = case.judge().unwrap();
    assert_eq!((app.kind, app.scopes.to_string().as_str()), (PrincipalKind::Service, "model:list"));
    let both = Case::of("entra_v2").claims(json!({ "idtyp": "app" })).fault();
    assert_eq!(both, bad_claim("scp", "absent: only people's tokens have it"));
    let list = Case::of("entra_v2").claims(json!({ "scp": ["analytics:read"] })).fault();
    assert_eq!(list, bad_claim("scp", "a text of scopes separated by spaces"));
}

#[test]
fn entra_groups_that_did_not_fit_fail_closed() {
    for mark in [
        json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": {} } }),
        json!({ "hasgroups": true }),
    ] {
        let case = Case::of("entra_v2").claims(mark);
        let expected = "all groups in the token; this one refers to a list elsewhere";
        assert_eq!(case.fault(), bad_claim("groups", expected));
        let groups = json!({ "groups": { "path": "groups", "overage": "no_groups" } });
        let case = case.record(json!({ "mapping": groups })).claims(json!({ "groups": ["g"] }));
        assert!(case.judge().unwrap().groups.is_empty());
    }
    let all = Case::of("entra_v2").claims(json!({ "groups": ["g"], "hasgroups": false }));
    assert_eq!(all.judge().unwrap().groups, ["g"]);
}

#[test]
fn entra_versions_are_not_taken_for_each_other() {
    let case = Case::of("entra_v2").claims(json!({ "ver": "1.0" }));
    assert_eq!(case.fault(), bad_claim("ver", "\"2.0\""));
    let case = Case::of("entra_v1").claims(json!({ "ver": 1.0 }));
    assert_eq!(case.fault(), bad_claim("ver", "\"1.0\""));
}

#[test]
fn entra_is_one_directory_and_never_everybodys() {
    let msa = "9188040d-6c67-4c5b-b112-36a304b66dad";
    for path in ["common", "organizations", "consumers", "{tenantid}", msa, &TID.replace('1', "A")]
    {
        let issuer = format!("https://login.microsoftonline.com/{path}/v2.0");
        let case = Case::of("entra_v2").record(json!({ "issuer": issuer }));
        assert!(case.wrong().contains(&"issuer".to_owned()), "{path}");
    }
    assert_eq!(Case::of("entra_v2").record(json!({ "conditions": null })).wrong(), ["conditions"]);
    let other = json!([{ "claim": "tid", "equals": msa }]);
    assert_eq!(Case::of("entra_v2").record(json!({ "conditions": other })).wrong(), ["conditions"]);
}

#[test]
fn entra_keys_do_not_say_their_algorithm() {
    let mut key = serde_json::to_value(RSA.public_jwk().unwrap()).unwrap();
    key.as_object_mut().unwrap().remove("alg");
    let case = Case::of("entra_v2").record(json!({ "keys": { "jwks": { "keys": [key] } } }));
    assert!(case.checked().is_ok());
}

#[test]
fn keycloak_publishes_a_key_for_encryption_that_signs_nothing() {
    let mut key = serde_json::to_value(RSA.public_jwk().unwrap()).unwrap();
    key["use"] = "enc".into();
    key["alg"] = "RSA-OAEP".into();
    key["kid"] = "enc".into();
    let mut set = jwks();
    set["keys"].as_array_mut().unwrap().push(key);
    let usable = key_set(Preset::Keycloak, set.to_string().as_bytes()).unwrap();
    assert!(!usable.kids().contains(&"enc") && !usable.is_empty());
    let case = Case::of("keycloak").header(json!({ "kid": "enc" }));
    let unknown = InboundFault::UnknownKey { kid: Some("enc".into()), alg: "RS256".into() };
    assert_eq!(case.fault(), unknown);
}

#[test]
fn keycloak_roles_lie_within_realm_access() {
    let grants = json!([{ "to": { "role": "analyst" }, "scopes": ["model:list"] },
        { "to": { "role": "boss" }, "scopes": ["model:deploy"] }]);
    let case = Case::of("keycloak").record(json!({ "grants": grants }));
    let subject = case.judge().unwrap();
    assert_eq!(subject.roles, ["analyst"]);
    assert_eq!(subject.scopes.to_string(), "analytics:read model:list");
    // A claim of that spelling is not that place.
    let fake = json!({ "realm_access": null, "realm_access.roles": ["boss"], "roles": ["boss"] });
    assert!(case.clone().claims(fake).judge().unwrap().roles.is_empty());
    let paths = json!({ "roles": ["/resource_access/my.app/roles"] });
    let own = json!({ "resource_access": { "my.app": { "roles": ["boss"] } } });
    assert_eq!(
        case.record(json!({ "mapping": paths })).claims(own).judge().unwrap().roles,
        ["boss"]
    );
}

#[test]
fn keycloak_light_tokens_name_nobody() {
    assert_eq!(Case::of("keycloak").claims(json!({ "sub": null })).fault(), missing("sub"));
}

#[test]
fn keycloak_says_in_the_payload_what_it_is() {
    for typ in ["ID", "Refresh", "Offline", "Logout", "bearer"] {
        assert!(
            is_wrong_type(&Case::of("keycloak").claims(json!({ "typ": typ })).fault()),
            "{typ}"
        );
    }
    assert_eq!(Case::of("keycloak").claims(json!({ "typ": null })).fault(), missing("typ"));
    let id_token = Case::of("keycloak").kind(TokenKind::IdToken);
    assert!(is_wrong_type(&id_token.fault()));
    let id_token = id_token.claims(json!({ "typ": "ID", "azp": "api", "nonce": "n" }));
    assert_eq!(id_token.judge().unwrap().replay.reuse, Reuse::Once);
}

#[test]
fn keycloaks_account_is_in_tokens_for_everybody() {
    let case = Case::of("keycloak").record(json!({ "audiences": ["account"] }));
    assert_eq!(case.wrong(), ["audiences[0]"]);
}

#[test]
fn google_is_trusted_for_one_domain() {
    assert_eq!(Case::of("google").record(json!({ "conditions": null })).wrong(), ["conditions"]);
    assert_eq!(Case::of("google").claims(json!({ "hd": null })).fault(), missing("hd"));
    let glob = json!([{ "claim": "hd", "glob": "acme:*" }]);
    assert!(!Case::of("google").record(json!({ "conditions": glob })).wrong().is_empty());
}

#[test]
fn google_vouches_for_an_address_or_for_nobody() {
    let subject = Case::of("google").judge().unwrap();
    assert_eq!(subject.email.as_deref(), Some("ann@acme.example"));
    for verified in [json!("true"), json!(false), json!(1)] {
        let case = Case::of("google").claims(json!({ "email_verified": verified }));
        assert_eq!(case.fault(), bad_claim("email_verified", "true"));
    }
    let silent = Case::of("google").claims(json!({ "email_verified": null }));
    assert_eq!(silent.fault(), missing("email_verified"));
}

#[test]
fn google_signs_people_in_and_does_nothing_else() {
    let case = Case::of("google").record(json!({ "kinds": ["access_token"] }));
    assert_eq!(case.wrong(), ["kinds[0]"]);
}

#[test]
fn google_has_two_spellings_and_is_one_issuer() {
    let short = Case::of("google").claims(json!({ "iss": "accounts.google.com" }));
    let (short, long) = (short.judge().unwrap(), Case::of("google").judge().unwrap());
    assert_eq!(short.principal, long.principal);
    let no = Case::of("google").claims(json!({ "iss": "http://accounts.google.com" })).fault();
    assert!(matches!(no, InboundFault::Untrusted { .. }));
}

#[test]
fn cognito_says_for_whom_by_client_id_and_token_use() {
    assert!(Case::of("cognito").judge().is_ok());
    let other = Case::of("cognito").claims(json!({ "client_id": "other" })).fault();
    let (found, accepted) = (vec!["other".into()], vec!["api".into()]);
    assert_eq!(other, InboundFault::WrongAudience { found, accepted });
    let bound = Case::of("cognito").claims(json!({ "aud": "other" })).fault();
    assert!(matches!(bound, InboundFault::WrongAudience { .. }));
    assert!(is_wrong_type(&Case::of("cognito").claims(json!({ "token_use": "id" })).fault()));
    assert_eq!(
        Case::of("cognito").claims(json!({ "token_use": null })).fault(),
        missing("token_use")
    );
    assert_eq!(Case::of("cognito").record(json!({ "audiences": null })).wrong(), ["audiences"]);
    let id_token = json!({ "aud": null, "token_use": "id" });
    let id_token = Case::of("cognito").kind(TokenKind::IdToken).claims(id_token);
    assert_eq!(id_token.fault(), missing("aud"));
}

#[test]
fn cognito_groups_and_machines_are_known() {
    assert_eq!(Case::of("cognito").judge().unwrap().groups, ["staff"]);
    let machine = Case::of("cognito").claims(json!({ "sub": "api" })).judge().unwrap();
    assert_eq!(machine.kind, PrincipalKind::Service);
}

#[test]
fn an_audience_that_is_absent_is_never_taken_for_ours() {
    for preset in Preset::ALL.into_iter().filter(|preset| *preset != Preset::Cognito) {
        let case = Case::of(&name(preset)).claims(json!({ "aud": null }));
        assert_eq!(case.fault(), missing("aud"), "{preset:?}");
    }
}

#[test]
fn github_names_are_matched_whole() {
    let with = |one: Value| {
        let owner = json!({ "claim": "repository_owner_id", "equals": "65" });
        let sub = json!({ "claim": "sub", "equals": "repo:acme/site:ref:refs/heads/main" });
        Case::of("github_actions").record(json!({ "conditions": [owner, sub, one] })).wrong()
    };
    for claim in ["sub", "repository", "repository_owner", "workflow_ref", "job_workflow_ref"] {
        let glob = if claim == "sub" { "repo:acme/*" } else { "acme/*" };
        assert_eq!(with(json!({ "claim": claim, "glob": glob })), ["conditions[2].glob"]);
    }
    assert!(with(json!({ "claim": "ref", "glob": "refs/tags/*" })).is_empty());
}

#[test]
fn github_is_shared_and_its_owners_are_numbers() {
    let sub = json!([{ "claim": "sub", "equals": "repo:acme/site:ref:refs/heads/main" }]);
    let case = Case::of("github_actions").record(json!({ "conditions": sub }));
    assert_eq!(case.wrong(), ["conditions"]);
    let subject = Case::of("github_actions").judge().unwrap();
    assert_eq!(subject.sub, "74 acme/site/.github/workflows/x.yml@refs/heads/main");
    assert_eq!(subject.idp_tenant.as_deref(), Some("65"));
    // A repository of that name, made anew by somebody else, is somebody else.
    let anew = Case::of("github_actions").claims(json!({ "repository_id": "75" }));
    assert_ne!(anew.judge().unwrap().principal, subject.principal);
    let number = Case::of("github_actions").claims(json!({ "repository_id": 74 }));
    assert!(matches!(number.fault(), InboundFault::BadClaim { .. }));
}

#[test]
fn one_service_account_in_two_clusters_is_two() {
    let here = Case::of("kubernetes").judge().unwrap();
    let there = "https://cluster-2.acme.example";
    let there = Case::of("kubernetes")
        .record(json!({ "issuer": there }))
        .claims(json!({ "iss": there }))
        .judge()
        .unwrap();
    assert_eq!(here.sub, there.sub);
    assert_ne!(here.principal, there.principal);
}

#[test]
fn a_cluster_only_its_own_network_knows_has_its_keys_in_the_record() {
    let case = Case::of("kubernetes").record(json!({ "keys": "discovery" }));
    assert_eq!(case.wrong(), ["keys"]);
    let public = case.record(json!({ "issuer": "https://oidc.cloud.example/id/1" }));
    assert!(public.wrong().is_empty());
}

#[test]
fn workloads_show_their_tokens_again() {
    for preset in ["kubernetes", "spiffe"] {
        assert_eq!(Case::of(preset).judge().unwrap().replay.reuse, Reuse::Free);
        assert_eq!(Case::of(preset).record(json!({ "one_time": true })).wrong(), ["one_time"]);
    }
}

#[test]
fn a_condition_that_every_workload_meets_is_none() {
    for (preset, globs) in [
        ("kubernetes", &["system:*", "system:serviceaccount:*"][..]),
        ("spiffe", &["spiffe:*", "spiffe:/*", "spiffe://*", "spiffe://acme.example/*"]),
    ] {
        for glob in globs {
            let conditions = json!([{ "claim": "sub", "glob": glob }]);
            let case = Case::of(preset).record(json!({ "conditions": conditions }));
            assert_eq!(case.wrong(), ["conditions[0].glob"], "{glob}");
        }
        assert_eq!(Case::of(preset).record(json!({ "conditions": null })).wrong(), ["conditions"]);
    }
    let conditions = json!([{ "claim": "sub", "glob": "spiffe://acme.example/ns/prod/*" }]);
    assert!(Case::of("spiffe").record(json!({ "conditions": conditions })).judge().is_ok());
}

#[test]
fn a_svid_has_neither_issuer_nor_number() {
    let subject = Case::of("spiffe").judge().unwrap();
    assert_eq!(subject.iss, "spiffe://acme.example");
    assert_eq!(subject.replay.jti, None);
    let foreign = Case::of("spiffe").claims(json!({ "sub": "spiffe://evil.example/ns/prod/x" }));
    assert!(matches!(foreign.fault(), InboundFault::Untrusted { .. }));
    let longer = Case::of("spiffe").claims(json!({ "sub": "spiffe://acme.example.evil/ns" }));
    assert!(matches!(longer.fault(), InboundFault::Untrusted { .. }));
    assert_eq!(Case::of("spiffe").record(json!({ "keys": "discovery" })).wrong(), ["keys"]);
}

#[test]
fn the_keys_of_a_spiffe_bundle_are_read() {
    let bundle = |usage: &str| {
        let mut key = serde_json::to_value(EC.public_jwk().unwrap()).unwrap();
        key["use"] = usage.into();
        key.as_object_mut().unwrap().remove("alg");
        json!({ "keys": [key], "spiffe_sequence": 1 }).to_string()
    };
    let read = |preset, usage| key_set(preset, bundle(usage).as_bytes()).unwrap().is_empty();
    assert!(!read(Preset::Spiffe, "jwt-svid"));
    assert!(read(Preset::Spiffe, "x509-svid"));
    assert!(read(Preset::Custom, "jwt-svid"));
}

#[test]
fn one_sub_at_two_issuers_is_two_principals() {
    let one = Case::of("custom").judge().unwrap();
    let issuer = "https://idp.other.example";
    let other = Case::of("custom")
        .record(json!({ "issuer": issuer }))
        .claims(json!({ "iss": issuer }))
        .judge()
        .unwrap();
    assert_eq!(one.sub, other.sub);
    assert_ne!(one.principal, other.principal);
}

#[test]
fn our_issuer_is_the_audience_where_none_is_named() {
    let case = Case::of("custom").record(json!({ "audiences": null }));
    assert!(matches!(case.fault(), InboundFault::WrongAudience { .. }));
    assert!(case.claims(json!({ "aud": OURS })).judge().is_ok());
}
