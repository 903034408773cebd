//! RFC 6749 §4.1.3.

use crate::{
    apps::{CHALLENGE, VERIFIER, WAY_BACK, claims, desk, redemption, server, text, who},
    house::{BATCH, FORM, House, ISSUER_ID, TEXTGEN},
    https::Site,
};
use portcullis_audit::Event;
use portcullis_directory::{ClientKeys, SubjectType};
use portcullis_jose::{Alg, SigningKey};
use portcullis_types::{Check, Denial, GrantedFault, Mark, Ttl};
use serde_json::json;

#[tokio::test]
async fn a_code_yields_tokens_for_the_person_who_agreed() {
    let house = House::with_apps().await;
    let authorization = house.authorization("desk", "openid email generate:basic").await;
    let (person, session) = (authorization.person.clone(), authorization.session.clone().unwrap());
    let code = house.code_for(authorization, |_| ()).await;
    let answer = house.redeem("desk", &code).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let body = answer.json();
    assert_eq!((text(&body, "token_type"), &body["expires_in"]), ("Bearer", &600.into()));
    assert_eq!(text(&body, "scope"), "openid email generate:basic");
    assert!(text(&body, "refresh_token").starts_with("prt_"));
    let token = answer.claims();
    assert_eq!((&token["iss"], &token["aud"]), (&ISSUER_ID.into(), &TEXTGEN.into()));
    assert_eq!((text(&token, "sub"), text(&token, "client_id")), (person.as_str(), "desk"));
    assert_eq!(text(&token, "scope"), "openid email generate:basic");
    assert_eq!((text(&token, "acr"), text(&token, "sid")), ("mfa", session.as_str()));
    assert_eq!(token["amr"], serde_json::json!(["pwd", "otp"]));
    assert!(text(&token, "grant").starts_with("grt_") && token.get("cnf").is_none());

    let record = house.record(answer.decision()).await;
    assert!(record.trace.rows().all(|row| row.mark == Mark::Passed));
    let Event::Grant(grant) = record.event else { panic!() };
    assert_eq!(grant.person, Some(person));
    assert_eq!(grant.grant.unwrap().as_str(), text(&token, "grant"));
    assert_eq!(grant.jti.unwrap().as_str(), text(&token, "jti"));
    assert_eq!(grant.granted.unwrap().to_string(), "generate:basic");
}

#[tokio::test]
async fn the_id_token_says_who_signed_in_and_how() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid email generate:basic").await;
    let id_token = claims(&body["id_token"]);
    assert_eq!((text(&id_token, "iss"), text(&id_token, "aud")), (ISSUER_ID, "server"));
    assert_eq!((text(&id_token, "nonce"), text(&id_token, "acr")), ("n-1", "mfa"));
    assert_eq!(id_token["sub"], claims(&body["access_token"])["sub"]);
    assert_eq!(id_token["auth_time"], house.now().seconds());
    assert!(text(&id_token, "sid").starts_with("ses_"));
    assert!(id_token.get("email").is_none(), "/userinfo tells that");
    let hash = portcullis_jose::b64::decode(crate::apps::ath(text(&body, "access_token"))).unwrap();
    assert_eq!(text(&id_token, "at_hash"), portcullis_jose::b64::encode(&hash[..16]));
    let body = house.tokens("server", "generate:basic").await;
    assert!(body.get("id_token").is_none(), "nobody asked for openid");
}

#[tokio::test]
async fn a_token_says_what_the_answer_says_whether_the_api_was_named_or_not() {
    let house = House::with_apps().await;
    let scope = "openid profile roles generate:basic";
    for resource_named in [false, true] {
        let mut authorization = house.authorization("desk", scope).await;
        authorization.resource_named = resource_named;
        let code = house.code_for(authorization, |_| ()).await;
        let body = house.redeem("desk", &code).await.json();
        let access_token = claims(&body["access_token"]);
        assert_eq!((text(&body, "scope"), text(&access_token, "scope")), (scope, scope));
        assert_eq!(text(&access_token, "aud"), TEXTGEN);
        let told = house.userinfo(&format!("Bearer {}", text(&body, "access_token"))).await;
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!(text(&told.json(), "name"), "Ada Lovelace");
        let id_token = claims(&body["id_token"]);
        assert_eq!(id_token["roles"], serde_json::json!(["scientist"]));
        assert!(id_token.get("name").is_none(), "/userinfo tells that");
    }
}

#[tokio::test]
async fn a_second_use_ends_what_the_first_one_yielded() {
    let house = House::with_apps().await;
    let code = house.code("desk", "openid generate:basic").await;
    let first = house.redeem("desk", &code).await.json();
    let second = house.redeem("desk", &code).await;
    assert_eq!((second.status, second.error().as_str()), (400, "invalid_grant"));
    assert_eq!(second.json()["code"], "bad_grant", "which part is not told");
    let record = house.record(second.decision()).await;
    let Some(Denial::BadGranted { fault: GrantedFault::Used { grant, .. }, .. }) =
        record.denial.as_deref()
    else {
        panic!("{:?}", record.denial)
    };
    assert_eq!(grant.as_str(), text(&claims(&first["access_token"]), "grant"));
    let refreshed = house.refresh("desk", text(&first, "refresh_token"), "").await;
    assert_eq!(refreshed.error(), "invalid_grant");
    let userinfo = house.userinfo(&format!("Bearer {}", text(&first, "access_token"))).await;
    assert_eq!(userinfo.status, 401);
    let revoked = house.directory.revocations().borrow().grants.has(grant.as_str());
    assert!(revoked, "gateways hear of it");
}

#[tokio::test]
async fn of_twenty_at_once_one_gets_tokens() {
    let house = House::with_apps().await;
    let code = house.code("desk", "openid generate:basic").await;
    let all = (0..20).map(|_| house.redeem("desk", &code));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(all.iter().all(|answer| answer.status == 200 || answer.error() == "invalid_grant"));
}

#[tokio::test]
async fn whatever_is_wrong_the_code_is_used_up() {
    let house = House::with_apps().await;
    let other = "A".repeat(43);
    let cases = [
        ("another verifier", redemption("desk", "CODE").replace(VERIFIER, &other)),
        ("no verifier", redemption("desk", "CODE").replace("code_verifier", "x")),
        ("a short verifier", redemption("desk", "CODE").replace(VERIFIER, "short")),
        ("a long verifier", redemption("desk", "CODE").replace(VERIFIER, &"a".repeat(129))),
        ("odd letters", redemption("desk", "CODE").replace(VERIFIER, &format!("{VERIFIER}%2B"))),
        ("the challenge", redemption("desk", "CODE").replace(VERIFIER, CHALLENGE)),
        ("another way back", redemption("desk", "CODE").replace("/back", "/back2")),
        ("no way back", redemption("desk", "CODE").replace("redirect_uri", "x")),
        ("another client", redemption("server", "CODE")),
    ];
    for (name, body) in cases {
        let code = house.code("desk", "openid generate:basic").await;
        let answer = house.post(&[FORM], body.replace("CODE", &code)).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_grant"), "{name}");
        let record = house.record(answer.decision()).await;
        assert_eq!(record.trace.failed(), Some(Check::Granted), "{name}");
        let again = house.redeem("desk", &code).await;
        assert_eq!(again.error(), "invalid_grant", "{name}");
    }
}

#[tokio::test]
async fn what_is_missing_doubled_or_too_long_is_told_and_uses_nothing_up() {
    let house = House::with_apps().await;
    let code = house.code("desk", "openid generate:basic").await;
    let good = redemption("desk", &code);
    let long = good.replace(&code, &"x".repeat(70_000));
    for (name, body) in [
        ("no code", good.replace("code=", "x=")),
        ("an empty code", good.replace(&code, "")),
        ("two codes", format!("{good}&code={code}")),
        ("two verifiers", format!("{good}&code_verifier={VERIFIER}")),
        ("two ways back", format!("{good}&redirect_uri={WAY_BACK}")),
        ("too long", long),
    ] {
        let answer = house.post(&[FORM], body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{name}");
    }
    for bad in ["x", "pac_", "pac_x.y", "../etc", "%00", "eyJhbGciOiJub25lIn0.e30."] {
        let answer = house.redeem("desk", bad).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_grant"), "{bad}");
    }
    let nobody = house.post(&[FORM], good.replace("client_id=desk", "client_id=nobody")).await;
    assert_eq!(nobody.status, 401);
    let unproven = house.post(&[FORM], good.replace("client_id=desk", "client_id=server")).await;
    assert_eq!(unproven.status, 401, "a confidential client must prove itself");
    assert_eq!(house.redeem("desk", &code).await.status, 200);
}

#[tokio::test]
async fn without_a_challenge_a_verifier_is_refused_and_without_both_it_is_the_clients_right() {
    let house = House::with_apps().await;
    let granted = house.authorization("server", "openid generate:basic").await;
    let code = house.code_for(granted.clone(), |new| new.code_challenge = None).await;
    assert_eq!(house.redeem("server", &code).await.error(), "invalid_grant");
    let code = house.code_for(granted, |new| new.code_challenge = None).await;
    let body = redemption("server", &code).replace("code_verifier", "x");
    assert_eq!(house.post(&[FORM], body).await.status, 200);
}

#[tokio::test]
async fn a_way_back_that_was_not_sent_may_be_named_if_it_is_the_one() {
    let house = House::with_apps().await;
    let granted = house.authorization("desk", "openid generate:basic").await;
    for (sent, status) in [(WAY_BACK, 200), ("https://evil.example/", 400), ("", 200)] {
        let code = house.code_for(granted.clone(), |new| new.redirect_uri = None).await;
        let body = redemption("desk", &code).replace(WAY_BACK, sent);
        assert_eq!(house.post(&[FORM], body).await.status, status, "{sent}");
    }
}

#[tokio::test]
async fn who_was_disabled_or_signed_out_since_gets_nothing() {
    let house = House::with_apps().await;
    let granted = house.authorization("desk", "openid generate:basic").await;
    let (person, session) = (granted.person.clone(), granted.session.clone().unwrap());
    let code = house.code_for(granted, |_| ()).await;
    let mut entropy = house.entropy.clone();
    let by =
        portcullis_directory::Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    house.directory.end_session(by, &person, &session).await.unwrap();
    assert_eq!(house.redeem("desk", &code).await.error(), "invalid_grant");

    // Attack: access that would outlive the session, begun in one that was ended because it was stolen.
    let granted = house.authorization("desk", "openid offline_access generate:basic").await;
    let session = granted.session.clone().unwrap();
    let code = house.code_for(granted, |_| ()).await;
    let by =
        portcullis_directory::Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    house.directory.end_session(by, &person, &session).await.unwrap();
    let over = house.redeem("desk", &code).await;
    assert_eq!(over.error(), "invalid_grant");
    assert!(matches!(
        house.record(over.decision()).await.denial.as_deref(),
        Some(Denial::BadGranted { fault: GrantedFault::SessionOver { .. }, .. })
    ));

    let code = house.code("desk", "openid offline_access generate:basic").await;
    house.disable_person("ada").await;
    let gone = house.redeem("desk", &code).await;
    assert_eq!(gone.error(), "invalid_grant");
    let record = house.record(gone.decision()).await;
    assert!(matches!(
        record.denial.as_deref(),
        Some(Denial::BadGranted { fault: GrantedFault::Expired { .. }, .. })
    ));
}

#[tokio::test]
async fn roles_and_rights_of_this_moment_narrow_what_was_granted() {
    let house = House::with_apps().await;
    house.person("vic", &["viewer"]).await;
    let mut granted = house.authorization("desk", "openid generate:basic").await;
    let vic = house.directory.person_by_login("vic").await.unwrap().unwrap();
    granted.person = vic.id;
    granted.session = None;
    let code = house.code_for(granted.clone(), |_| ()).await;
    let answer = house.redeem("desk", &code).await;
    assert_eq!((answer.status, answer.scope().as_str()), (200, "openid"), "{}", answer.body);
    assert_eq!(answer.claims()["aud"], format!("{ISSUER_ID}/userinfo"));
    granted.resource_named = true;
    let code = house.code_for(granted, |_| ()).await;
    let refused = house.redeem("desk", &code).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_scope"));
}

#[tokio::test]
async fn a_resource_is_the_granted_one_or_our_own() {
    let house = House::with_apps().await;
    let userinfo = format!("{ISSUER_ID}/userinfo");
    for (resource, status) in
        [(TEXTGEN, 200), (userinfo.as_str(), 200), (BATCH, 400), ("x", 400), ("", 200)]
    {
        let code = house.code("desk", "openid generate:basic").await;
        let body = format!("{}&resource={resource}", redemption("desk", &code));
        let answer = house.post(&[FORM], body).await;
        assert_eq!(answer.status, status, "{resource}");
        if status == 400 {
            assert_eq!(answer.error(), "invalid_target");
        } else if resource == userinfo {
            assert_eq!(
                (answer.claims()["aud"].as_str(), answer.scope().as_str()),
                (Some(resource), "openid")
            );
        }
    }
}

#[tokio::test]
async fn a_code_expires_and_is_for_a_client_that_may() {
    let house = House::with_apps().await;
    let code = house.code("desk", "openid generate:basic").await;
    house.wait(Ttl::seconds(60));
    assert_eq!(house.redeem("desk", &code).await.json()["code"], "grant_expired");
    let secret = house.free_app().await;
    let body =
        format!("grant_type=authorization_code&code=x&client_id=free-app&client_secret={secret}");
    let answer = house.post(&[FORM], body).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "unauthorized_client"));
}

#[tokio::test]
async fn no_code_token_or_verifier_is_kept_anywhere() {
    let house = House::with_apps().await;
    let code = house.code("desk", "openid generate:basic").await;
    let body = house.redeem("desk", &code).await.json();
    // Each where it does not belong.
    let (refresh, access) = (text(&body, "refresh_token"), text(&body, "access_token"));
    for secret in [code.as_str(), refresh, access] {
        for parameter in ["scope", "resource", "grant_type", "client_id"] {
            let body = format!("grant_type=refresh_token&refresh_token=x&{}", who("desk"));
            let body = body.replace(&format!("{parameter}="), "x=");
            house.post(&[FORM], format!("{body}&{parameter}={secret}")).await;
        }
    }
    for secret in [&code, refresh, access, VERIFIER] {
        let secret = secret.rsplit('.').next().unwrap();
        assert!(!house.database.holds(secret.as_bytes()), "{secret} is in the store");
    }
}

#[tokio::test]
async fn a_code_is_not_used_up_while_the_key_to_encrypt_to_cannot_be_had() {
    let house = House::open().await;
    let site = Site::open().await;
    house.directory.fetch_with(site.trusted());
    let uri = site.answer("/jwks", 500, &[], &"");
    let mut new = server();
    new.registration.jwks = Some(ClientKeys::published(&uri).unwrap());
    new.registration.id_token.encrypted_alg = Some("ECDH-ES".to_owned());
    house.client(new).await;
    house.person("ada", &["scientist"]).await;
    let code = house.code("server", "openid generate:basic").await;
    let later = house.redeem("server", &code).await;
    assert_eq!((later.status, later.error().as_str()), (503, "temporarily_unavailable"));
    assert_eq!(later.header("retry-after"), "1");
    let mut key =
        serde_json::to_value(SigningKey::generate(Alg::ES256).unwrap().public_jwk().unwrap())
            .unwrap();
    key.as_object_mut()
        .unwrap()
        .retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    site.put("/jwks", &json!({ "keys": [key] }));
    house.wait(Ttl::seconds(10));
    let answer = house.redeem("server", &code).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!(text(&body, "id_token").split('.').count(), 5, "encrypted to a published key");
}

#[tokio::test]
async fn apps_that_know_a_person_by_other_names_know_the_session_by_other_names() {
    let house = House::open().await;
    for (mut new, host) in [(desk(), "desk.example"), (server(), "server.example")] {
        new.registration.subject_type = SubjectType::Pairwise;
        new.registration.sector = Some(host.to_owned());
        house.client(new).await;
    }
    house.person("ada", &["scientist"]).await;
    let granted = house.authorization("desk", "openid generate:basic").await;
    let session = granted.session.clone().unwrap();
    let (mut sids, mut grants) = (vec![session.to_string()], Vec::new());
    for client in ["desk", "server"] {
        let mut granted = granted.clone();
        granted.client_id = client.parse().unwrap();
        let code = house.code_for(granted, |_| ()).await;
        let body = house.redeem(client, &code).await.json();
        let token = claims(&body["access_token"]);
        assert_eq!(token["sid"], claims(&body["id_token"])["sid"]);
        sids.push(text(&token, "sid").to_owned());
        grants.push(text(&token, "grant").to_owned());
    }
    let count = sids.len();
    sids.sort();
    sids.dedup();
    assert_eq!(sids.len(), count, "{sids:?}");
    let mut entropy = house.entropy();
    let acting = house.acting(&mut entropy);
    house.directory.end_session(acting, &granted.person, &session).await.unwrap();
    let told = house.directory.revocations().borrow().clone();
    for grant in grants {
        assert!(told.grants.has(&grant), "gateways end its tokens all the same");
    }
}
