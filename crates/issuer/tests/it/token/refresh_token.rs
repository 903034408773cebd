//! RFC 6749 §6, RFC 9700 §4.14.

use crate::{
    apps::{claims, text, who},
    house::{Answer, BATCH, FORM, House, ISSUER_ID},
};
use portcullis_types::{Check, Ttl};

#[tokio::test]
async fn a_public_client_gets_a_new_one_each_time_and_an_old_one_ends_all() {
    let house = House::with_apps().await;
    let first = house.tokens("desk", "openid generate:basic").await;
    let second = house.refresh("desk", text(&first, "refresh_token"), "").await;
    assert_eq!(second.status, 200, "{}", second.body);
    let second = second.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let id_token = claims(&second["id_token"]);
    assert!(id_token.get("nonce").is_none());
    assert_eq!(id_token["sub"], claims(&first["id_token"])["sub"]);
    house.wait(Ttl::seconds(11));
    let stolen = house.refresh("desk", text(&first, "refresh_token"), "").await;
    assert_eq!((stolen.status, stolen.error().as_str()), (400, "invalid_grant"));
    let owner = house.refresh("desk", text(&second, "refresh_token"), "").await;
    assert_eq!(owner.error(), "invalid_grant");
    let token = format!("Bearer {}", text(&second, "access_token"));
    assert_eq!(house.userinfo(&token).await.status, 401, "access tokens end, too");
}

#[tokio::test]
async fn a_confidential_client_keeps_its_own() {
    let house = House::with_apps().await;
    let first = house.tokens("server", "openid generate:basic").await;
    for _ in 0..3 {
        let again = house.refresh("server", text(&first, "refresh_token"), "").await;
        assert_eq!(again.status, 200);
        assert!(again.json().get("refresh_token").is_none());
        house.wait(Ttl::seconds(60));
    }
    let body = format!("grant_type=refresh_token&refresh_token={}", text(&first, "refresh_token"));
    let unproven = house.post(&[FORM], format!("{body}&client_id=server")).await;
    assert_eq!(unproven.status, 401);
    let other = house.refresh("desk", text(&first, "refresh_token"), "").await;
    assert_eq!(other.error(), "invalid_grant");
    assert_eq!(house.refresh("server", text(&first, "refresh_token"), "").await.status, 200);
}

#[tokio::test]
async fn of_twenty_at_once_one_set_of_tokens_lives() {
    let house = House::with_apps().await;
    let first = house.tokens("desk", "openid generate:basic").await;
    let all = (0..20).map(|_| house.refresh("desk", text(&first, "refresh_token"), ""));
    let all = futures_util::future::join_all(all).await;
    let answers: Vec<_> =
        all.iter().filter(|answer| answer.status == 200).map(Answer::json).collect();
    let mut living = 0;
    for answer in &answers {
        let token = format!("Bearer {}", text(answer, "access_token"));
        living += usize::from(house.userinfo(&token).await.status == 200);
    }
    assert_eq!(living, 1, "of {} answers", answers.len());
    let mut refreshed = 0;
    for answer in &answers {
        let again = house.refresh("desk", text(answer, "refresh_token"), "").await;
        refreshed += usize::from(again.status == 200);
    }
    assert!(refreshed <= 1, "a dead one ends the family");
}

#[tokio::test]
async fn less_may_be_asked_for_and_never_more() {
    let house = House::with_apps().await;
    let first = house.tokens("server", "openid email generate:basic").await;
    let token = text(&first, "refresh_token");
    let less = house.refresh("server", token, "&scope=generate:basic").await;
    assert_eq!((less.status, less.scope().as_str()), (200, "generate:basic"));
    assert!(less.json().get("id_token").is_none());
    let own = house.refresh("server", token, "&scope=openid+email").await;
    assert_eq!(own.claims()["aud"], format!("{ISSUER_ID}/userinfo"));
    for more in ["profile", "openid+generate:premium", "batch:read", "x", "generate:*"] {
        let answer = house.refresh("server", token, &format!("&scope={more}")).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_scope"), "{more}");
    }
    let other = house.refresh("server", token, &format!("&resource={BATCH}")).await;
    assert_eq!(other.error(), "invalid_target");
    assert_eq!(house.refresh("server", token, "").await.scope(), "openid email generate:basic");
}

#[tokio::test]
async fn what_is_wrong_with_the_request_does_not_use_the_token() {
    let house = House::with_apps().await;
    let first = house.tokens("desk", "openid generate:basic").await;
    let token = text(&first, "refresh_token");
    let wider = house.refresh("desk", token, "&scope=profile").await;
    assert_eq!(wider.error(), "invalid_scope");
    let doubled = house.refresh("desk", token, &format!("&refresh_token={token}")).await;
    assert_eq!(doubled.error(), "invalid_request");
    let missing = house.post(&[FORM], format!("grant_type=refresh_token&{}", who("desk"))).await;
    assert_eq!(missing.error(), "invalid_request");
    assert_eq!(house.record(missing.decision()).await.trace.failed(), Some(Check::Request));
    house.wait(Ttl::seconds(60));
    assert_eq!(house.refresh("desk", token, "").await.status, 200);
}

#[tokio::test]
async fn it_ends_with_the_session_unless_it_is_offline() {
    let house = House::with_apps().await;
    let tied = house.authorization("desk", "openid generate:basic").await;
    let mut offline = tied.clone();
    let (person, session) = (tied.person.clone(), tied.session.clone().unwrap());
    offline.identity = portcullis_types::IdentityScopes::part("openid offline_access").0;
    let tied = house.redeem("desk", &house.code_for(tied, |_| ()).await).await.json();
    let offline = house.redeem("desk", &house.code_for(offline, |_| ()).await).await.json();
    assert!(claims(&offline["access_token"]).get("sid").is_none());
    let mut entropy = house.entropy.clone();
    let by =
        portcullis_directory::Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    house.directory.end_session(by, &person, &session).await.unwrap();
    assert_eq!(
        house.refresh("desk", text(&tied, "refresh_token"), "").await.error(),
        "invalid_grant"
    );
    let token = format!("Bearer {}", text(&tied, "access_token"));
    assert_eq!(house.userinfo(&token).await.status, 401);
    let token = format!("Bearer {}", text(&offline, "access_token"));
    assert_eq!(house.userinfo(&token).await.status, 200);
    let again = house.refresh("desk", text(&offline, "refresh_token"), "").await;
    assert_eq!(again.status, 200);
    house.disable_person("ada").await;
    let token = again.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(house.refresh("desk", &token, "").await.error(), "invalid_grant");
}
